# SPDX-License-Identifier: Apache-2.0
"""What others change is noticed and put back, while the engine runs and nobody asks it to."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from google.protobuf.message import Message

from kvs_descriptors import linux
from kvs_descriptors.linux import keys, syscalls
from kvs_descriptors.linux.netlink import ear
from kvscheduler import Scheduler, ValueState
from ligato.linux.interfaces.interface_pb2 import Interface
from ligato.linux.l3.route_pb2 import Route
from ligato.linux.namespace.namespace_pb2 import NetNamespace
from tests.linux.bench import Bench, bridge, key_of, namespace, veth

PATIENCE_S = 20.0

VA = keys.interface("va")
ROUTE = Route(outgoing_interface="va", dst_network="10.9.0.0/16", gw_addr="10.0.0.2")
CABLE: tuple[Message, ...] = (
    namespace("left"),
    namespace("right"),
    veth("va", "vb", "left", "10.0.0.1/24", "fd00::1/64"),
    veth("vb", "va", "right", "10.0.0.2/24", "fd00::2/64"),
    ROUTE,
)


@contextlib.asynccontextmanager
async def watched(bench: Bench, *values: Message) -> AsyncIterator[Scheduler]:
    """Run an engine that watches, with these values made."""
    async with Scheduler(linux.descriptors(kernel=bench.kernel, watch=True)) as scheduler:
        async with scheduler.transaction(resync="full") as change:
            for value in values:
                change.set(key_of(value), value)
        yield scheduler
        async with scheduler.transaction(resync="full") as change:
            for value in values:
                change.delete(key_of(value))


async def until(is_met: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_met():  # noqa: ASYNC110 - nobody tells a test
            await asyncio.sleep(0.001)


def operations(scheduler: Scheduler, since: int = 0) -> list[tuple[str, str]]:
    return [
        (done.operation.kind, done.operation.key)
        for result in list(scheduler.history)[since:]
        for done in result.operations
    ]


async def repairs(scheduler: Scheduler, key: str, *strike: Callable[[], Any]) -> list[Any]:
    """Strike, and return what the engine does until it has done something about a key."""
    await scheduler.settle()
    since = len(scheduler.history)
    for one in strike:
        one()
    await until(lambda: any(touched == key for _, touched in operations(scheduler, since)))
    await scheduler.settle()
    return operations(scheduler, since)


def routes(bench: Bench) -> list[Any]:
    return [one for one in bench.ip("left", "route", "show") if one["protocol"] == "107"]


def test_an_address_that_is_removed_comes_back_with_the_routes_that_went_along(
    bench: Bench,
) -> None:
    async def scenario() -> None:
        async with watched(bench, *CABLE) as scheduler:
            key = keys.address("va", "10.0.0.1/24")
            await repairs(
                scheduler,
                key,
                lambda: bench.ip("left", "address", "del", "10.0.0.1/24", "dev", "va"),
            )

            assert bench.texts("left", "va") == {"10.0.0.1/24", "fd00::1/64"}
            await until(lambda: routes(bench))

    bench.run(scenario())


def test_a_route_that_is_removed_or_replaced_comes_back(bench: Bench) -> None:
    async def scenario() -> None:
        async with watched(bench, *CABLE) as scheduler:
            for strike in (["del", "10.9.0.0/16"], ["replace", "blackhole", "10.9.0.0/16"]):
                since = len(scheduler.history)
                bench.ip("left", "route", *strike)
                await until(lambda: len(scheduler.history) > since)  # noqa: B023 - awaited here
                if "blackhole" in strike:
                    bench.ip("left", "route", "del", "blackhole", "10.9.0.0/16")
                    await scheduler.resync()

                assert [one["gateway"] for one in routes(bench)] == ["10.0.0.2"]

    bench.run(scenario())


def test_a_link_that_is_deleted_comes_back_with_all_that_was_on_it(bench: Bench) -> None:
    async def scenario() -> None:
        async with watched(bench, *CABLE) as scheduler:
            done = await repairs(
                scheduler, key_of(ROUTE), lambda: bench.ip("left", "link", "delete", "va")
            )

            assert bench.texts("left", "va") == {"10.0.0.1/24", "fd00::1/64"}
            assert bench.texts("right", "vb") == {"10.0.0.2/24", "fd00::2/64"}
            assert routes(bench)
            assert ("create", VA) in done

    bench.run(scenario())


@pytest.mark.parametrize(
    "strike",
    [("mtu", "1400"), ("down",), ("address", "02:00:00:00:00:aa")],
    ids=lambda strike: strike[0],
)
def test_a_setting_that_is_changed_is_set_again(bench: Bench, strike: tuple[str, ...]) -> None:
    cable = [veth("va", "vb", "left", phys_address="02:00:00:00:00:01"), veth("vb", "va", "left")]

    async def scenario() -> None:
        async with watched(bench, namespace("left"), *cable) as scheduler:
            await repairs(
                scheduler, VA, lambda: bench.ip("left", "link", "set", "dev", "va", *strike)
            )

            found = bench.link("left", "va")
            assert (found["mtu"], found["address"]) == (1500, "02:00:00:00:00:01")
            assert "UP" in found["flags"]

    bench.run(scenario())


def test_a_link_that_goes_down_for_a_moment_has_its_routes_again(bench: Bench) -> None:
    def blink() -> None:
        bench.ip("left", "link", "set", "dev", "va", "down")
        bench.ip("left", "link", "set", "dev", "va", "up")

    async def scenario() -> None:
        async with watched(bench, *CABLE) as scheduler:
            # The loop sees none of it before it is up again: only the routes are missing.
            await repairs(scheduler, key_of(ROUTE), blink)

            assert routes(bench)

    bench.run(scenario())


def test_a_port_that_is_pulled_out_is_plugged_in_again(bench: Bench) -> None:
    values = [bridge("sw", "left", "va"), veth("va", "vb", "left"), veth("vb", "va", "left")]

    async def scenario() -> None:
        async with watched(bench, namespace("left"), *values) as scheduler:
            done = await repairs(
                scheduler,
                keys.port("sw", "va"),
                lambda: bench.ip("left", "link", "set", "dev", "va", "nomaster"),
            )

            assert bench.link("left", "va")["master"] == "sw"
            assert done == [("create", keys.port("sw", "va"))]

    bench.run(scenario())


def test_forwarding_that_is_switched_off_is_switched_on_again(bench: Bench) -> None:
    router = veth("va", "vb", "left", ipv4_forwarding=True)

    async def scenario() -> None:
        async with watched(
            bench, namespace("left"), router, veth("vb", "va", "left")
        ) as scheduler:
            write = "echo 0 > /proc/sys/net/ipv4/conf/va/forwarding"
            inside = ["nsenter", f"--net={bench.path('left')}", "sh", "-c", write]
            done = await repairs(scheduler, VA, lambda: subprocess.run(inside, check=True))

            assert done == [("update", VA)]

    bench.run(scenario())


def test_changes_of_our_own_are_not_taken_for_drift(bench: Bench) -> None:
    async def scenario() -> None:
        async with watched(bench, *CABLE) as scheduler:
            for mtu in (1400, 1300, 1500):
                async with scheduler.transaction() as change:
                    change.set(VA, veth("va", "vb", "left", "10.0.0.1/24", mtu=mtu))
            since = len(scheduler.history)
            # What is heard of all that is before what is heard of this.
            done = await repairs(
                scheduler, VA, lambda: bench.ip("left", "link", "set", "va", "mtu", "1280")
            )

            assert done == [("update", VA)]
            assert len(scheduler.history) == since + 1

    bench.run(scenario())


def test_a_storm_is_a_few_looks(bench: Bench) -> None:
    def storm() -> None:
        flip = "link set dev va mtu 1400\nlink set dev va mtu 1500\n" * 5000
        enter = ["nsenter", f"--net={bench.path('left')}", "ip", "-batch", "-"]
        subprocess.run(enter, input=flip, text=True, check=True)

    async def scenario() -> None:
        cable = [namespace("left"), veth("va", "vb", "left"), veth("vb", "va", "left")]
        async with watched(bench, *cable) as scheduler:
            done = len(scheduler.history)
            await asyncio.to_thread(storm)
            await repairs(scheduler, VA, lambda: bench.ip("left", "link", "set", "va", "down"))

            assert bench.link("left", "va")["mtu"] == 1500
            assert len(scheduler.history) - done < 200

    bench.run(scenario())


def test_what_was_lost_of_a_storm_is_read_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So small that a notification or two fill it.
    monkeypatch.setattr(ear, "BUFFER_BYTES", 1)

    def storm() -> None:
        for number in range(50):
            bench.ip("left", "link", "set", "vb", "mtu", str(1300 + number))
        bench.ip("left", "address", "del", "10.0.0.1/24", "dev", "va")

    async def scenario() -> None:
        cable = [
            namespace("left"),
            veth("va", "vb", "left", "10.0.0.1/24"),
            veth("vb", "va", "left"),
        ]
        async with watched(bench, *cable) as scheduler:
            await repairs(scheduler, keys.address("va", "10.0.0.1/24"), storm)

            assert bench.texts("left", "va") == {"10.0.0.1/24"}
            await until(lambda: bench.link("left", "vb")["mtu"] == 1500)

    bench.run(scenario())


def test_a_namespace_that_vanishes_comes_back_with_all_that_was_in_it(bench: Bench) -> None:
    async def scenario() -> None:
        async with watched(bench, *CABLE) as scheduler:
            await repairs(
                scheduler,
                keys.address("va", "10.0.0.1/24"),
                lambda: bench.kernel.namespaces.remove("left"),
            )

            await until(lambda: routes(bench))
            assert bench.texts("left", "va") == {"10.0.0.1/24", "fd00::1/64"}
            assert not any(result.errors for result in scheduler.history)
            states = {one.state for one in scheduler.statuses(keys.INTERFACE)}
            assert states == {ValueState.CONFIGURED}

    bench.run(scenario())


def test_others_things_are_left_alone(bench: Bench) -> None:
    async def scenario() -> None:
        async with watched(bench, *CABLE) as scheduler:
            since = len(scheduler.history)
            bench.ip("left", "link", "add", "theirs", "type", "bridge")
            bench.ip("left", "address", "add", "10.5.0.1/24", "dev", "va")
            bench.ip("left", "route", "add", "10.6.0.0/16", "dev", "va")
            await repairs(scheduler, VA, lambda: bench.ip("left", "link", "set", "va", "down"))

            assert len(scheduler.history) == since + 1
            assert bench.link("left", "theirs")
            assert "10.5.0.1/24" in bench.texts("left", "va")

    bench.run(scenario())


def test_nothing_is_followed_unless_it_is_asked_for(bench: Bench) -> None:
    async def scenario() -> None:
        async with Scheduler(linux.descriptors(kernel=bench.kernel)) as scheduler:
            async with scheduler.transaction() as change:
                change.set(keys.namespace("left"), namespace("left"))
            channel = await bench.kernel.channel("left")
            assert channel is bench.kernel.known_channel("left")
            assert not bench.kernel.namespaces.listens
            async with scheduler.transaction() as change:
                change.delete(keys.namespace("left"))

    bench.run(scenario())


def test_a_value_of_a_process_that_ends_fails_and_says_so(bench: Bench) -> None:
    key = keys.interface("lan")

    async def scenario(running: subprocess.Popen[bytes]) -> None:
        where = NetNamespace(type=NetNamespace.PID, reference=str(running.pid))
        inside = Interface(name="lan", type=Interface.BRIDGE, enabled=True, namespace=where)
        async with watched(bench, inside) as scheduler:
            done = await repairs(scheduler, key, running.kill)

            assert ("create", key) in done
            status = scheduler.status(key)
            assert status.state is ValueState.FAILED
            assert "no network namespace pid:" in str(status.error)

    command = ["unshare", "--net", "sh", "-c", "echo ready && exec cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.readline()
        bench.run(scenario(running))


def test_a_namespace_by_its_file_is_taken_up_again_when_the_file_is_back(bench: Bench) -> None:
    key, path = keys.interface("lan"), bench.folder / "by-file"

    def make() -> None:
        path.touch()
        subprocess.run(["unshare", f"--net={path}", "true"], check=True)

    async def scenario() -> None:
        where = NetNamespace(type=NetNamespace.FD, reference=str(path))
        inside = Interface(name="lan", type=Interface.BRIDGE, enabled=True, namespace=where)
        async with watched(bench, inside) as scheduler:
            await repairs(scheduler, key, lambda: syscalls.unmount(str(path)))
            assert scheduler.status(key).state is ValueState.FAILED

            make()
            await until(lambda: scheduler.status(key).state is ValueState.CONFIGURED)
            assert bench.link("by-file", "lan")

    make()
    bench.run(scenario())
