# SPDX-License-Identifier: Apache-2.0
"""Interfaces of our own namespace are properties, whoever made them: read, and followed."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator

import pytest

from kvs_descriptors import linux
from kvs_descriptors.linux import keys
from kvs_descriptors.linux.interfaces.host_interface import HostInterfaceDescriptor
from kvscheduler import Scheduler, ValueState
from tests.linux.bench import Bench
from tests.linux.test_watch import until


@pytest.fixture
def host(bench: Bench) -> Iterator[str]:
    """Give the name of a link that is up, in the namespace that everybody shares."""
    name = bench.host("h")
    bench.ip("", "link", "add", name, "type", "bridge")
    bench.ip("", "link", "set", name, "up")
    yield name
    subprocess.run(["ip", "link", "delete", name], check=False, capture_output=True)


def batch(commands: str) -> None:
    subprocess.run(["ip", "-batch", "-"], input=commands, text=True, check=True)


async def shown(bench: Bench, host: str) -> set[str]:
    """Return the keys of a link, less those of addresses that the kernel sets itself."""
    found = await HostInterfaceDescriptor(bench.kernel).retrieve([])
    prefix = keys.host_interface(host)
    return {one.key for one in found if one.key.startswith(prefix) and "fe80:" not in one.key}


@contextlib.asynccontextmanager
async def following(bench: Bench) -> AsyncIterator[Told]:
    """Follow the namespace; gives what has been told, as it stands."""
    descriptor = HostInterfaceDescriptor(bench.kernel, watch=True)
    descriptor.attach(bench)
    task = asyncio.create_task(descriptor.watch())
    try:
        await until(lambda: bench.told)
        yield Told(bench)
    finally:
        task.cancel()
        await asyncio.wait({task})


class Told:
    """The last word on each key; ``losses`` counts how often a key was said to be gone."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def __contains__(self, key: str) -> bool:
        words = [one[key] for one in self._bench.told if key in one]
        return bool(words) and words[-1] is not None

    def losses(self, key: str) -> int:
        return sum(key in one and one[key] is None for one in self._bench.told)


def test_a_link_that_is_up_is_there_with_its_addresses(bench: Bench, host: str) -> None:
    async def scenario() -> None:
        bench.ip("", "address", "add", "10.3.0.1/24", "dev", host)

        assert await shown(bench, host) == {
            keys.host_interface(host),
            keys.host_interface_address(host, "10.3.0.1/24"),
        }

        bench.ip("", "link", "set", host, "down")
        assert await shown(bench, host) == set()

    bench.run(scenario())


def test_only_what_is_asked_for_is_told(bench: Bench, host: str) -> None:
    async def scenario() -> None:
        asked = [keys.host_interface(host), keys.host_interface("none")]
        found = await HostInterfaceDescriptor(bench.kernel).retrieve([], asked)

        assert [one.key for one in found] == asked[:1]

    bench.run(scenario())


def test_what_comes_goes_and_is_renamed_is_told(bench: Bench, host: str) -> None:
    key, other = keys.host_interface(host), bench.host("other")
    address = keys.host_interface_address(host, "10.3.0.1/24")

    async def scenario() -> None:
        async with following(bench) as told:
            assert key in told
            bench.ip("", "address", "add", "10.3.0.1/24", "dev", host)
            await until(lambda: address in told)
            bench.ip("", "link", "set", host, "name", other)
            await until(lambda: key not in told and address not in told)
            assert keys.host_interface_address(other, "10.3.0.1/24") in told
            bench.ip("", "link", "set", other, "down")
            await until(lambda: keys.host_interface(other) not in told)
            bench.ip("", "link", "set", other, "up")
            await until(lambda: keys.host_interface(other) in told)
            bench.ip("", "link", "delete", other)
            await until(lambda: keys.host_interface(other) not in told)

    bench.run(scenario())


def test_a_moment_down_is_not_told(bench: Bench, host: str) -> None:
    blink = f"link set {host} down\nlink set {host} up\naddress add 10.3.0.9/24 dev {host}\n"

    async def scenario() -> None:
        async with following(bench) as told:
            batch(blink)
            await until(lambda: keys.host_interface_address(host, "10.3.0.9/24") in told)
            bench.ip("", "link", "delete", host)
            await until(lambda: keys.host_interface(host) not in told)

            assert told.losses(keys.host_interface(host)) == 1

    bench.run(scenario())


def test_notifications_that_were_lost_are_made_up_for(bench: Bench, host: str) -> None:
    others = [bench.host(f"s{number}") for number in range(40)]
    made = "".join(f"link add {name} type bridge\nlink set {name} up\n" for name in others)

    async def scenario() -> None:
        async with following(bench) as told:
            # The loop reads nothing meanwhile.
            batch(made)
            await until(lambda: all(keys.host_interface(name) in told for name in others))
            gone = "".join(f"link delete {name}\n" for name in others)
            batch(gone)
            await until(lambda: not any(keys.host_interface(name) in told for name in others))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kvs_descriptors.linux.netlink.ear.BUFFER_BYTES", 1)
        bench.run(scenario())


def test_the_engine_has_them_as_properties(bench: Bench, host: str) -> None:
    key = keys.host_interface(host)

    async def scenario() -> None:
        async with Scheduler(linux.descriptors(kernel=bench.kernel, watch=True)) as scheduler:
            await until(lambda: scheduler.status(key).state is ValueState.OBTAINED)
            bench.ip("", "link", "delete", host)
            await until(lambda: scheduler.status(key).state is ValueState.NONEXISTENT)

    bench.run(scenario())


@pytest.mark.parametrize(
    ("key", "is_taken"),
    [
        (keys.host_interface("eth0"), True),
        (keys.host_interface_address("eth0", "fd00::1/64"), True),
        (keys.host_interface_vrf("eth0", "blue"), True),
        (keys.address("host-name", "10.0.0.1/24"), False),
        (keys.port("host-name", "a"), False),
        (keys.state("host-name"), False),
        (keys.HOST_INTERFACE, False),
    ],
)
def test_just_their_keys_are_taken(key: str, is_taken: bool) -> None:
    descriptor = next(
        one for one in linux.descriptors() if isinstance(one, HostInterfaceDescriptor)
    )

    assert descriptor.selects(key) is is_taken


def test_what_is_in_a_vrf_says_so(bench: Bench, host: str) -> None:
    vrf = bench.host("vrf")
    add = ["ip", "link", "add", vrf, "type", "vrf", "table", "700"]
    if subprocess.run(add, check=False, capture_output=True).returncode:
        pytest.skip("this kernel has no VRFs")

    async def scenario() -> None:
        bench.ip("", "link", "set", host, "master", vrf)

        assert keys.host_interface_vrf(host, vrf) in await shown(bench, host)

    try:
        bench.run(scenario())
    finally:
        subprocess.run(["ip", "link", "delete", vrf], check=True)
