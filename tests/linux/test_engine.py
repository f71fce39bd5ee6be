# SPDX-License-Identifier: Apache-2.0
"""From a YAML file through the engine to the kernel, and real packets."""

from __future__ import annotations

import asyncio
import pathlib
import subprocess
import textwrap
from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message

from kvs_agent.sources.config import Configuration, load, load_text
from kvs_descriptors import linux
from kvs_descriptors.linux import keys
from kvscheduler import Scheduler, TransactionResult, ValueState
from tests.linux.bench import Bench

TOPOLOGY = pathlib.Path(__file__).parents[2] / "examples" / "topology.yaml"


def engine(bench: Bench, **more: Any) -> Scheduler:
    return Scheduler(linux.descriptors(kernel=bench.kernel), **more)


async def apply(
    scheduler: Scheduler, wanted: Mapping[str, Message], **more: Any
) -> TransactionResult:
    transaction = scheduler.transaction(resync="full", **more)
    for key, value in wanted.items():
        transaction.set(key, value)
    return await transaction.commit()


def reaches(bench: Bench, namespace: str, address: str, *, seconds: int = 2) -> bool:
    ping = ["ping", "-c1", f"-W{seconds}", address]
    command = ["nsenter", f"--net={bench.path(namespace)}", *ping]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def open_files() -> int:
    return len(list(pathlib.Path("/proc/self/fd").iterdir()))


def example() -> Configuration:
    return load([TOPOLOGY])


def test_a_topology_is_applied_carries_packets_is_repaired_and_leaves_nothing(
    bench: Bench,
) -> None:
    before = bench.names("")

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            done = await apply(scheduler, example())

            assert done.ok, done.errors
            assert reaches(bench, "kvs-demo-client", "10.77.2.10")

            again = await apply(scheduler, example())
            assert again.operations == ()

            bench.ip("kvs-demo-router", "link", "delete", "wan0")
            bench.ip("kvs-demo-client", "address", "flush", "dev", "eth0")
            bench.ip("kvs-demo-lan", "link", "set", "dev", "to-router", "nomaster")
            bench.ip("kvs-demo-lan", "link", "set", "dev", "lan", "down")
            assert not reaches(bench, "kvs-demo-client", "10.77.2.10")

            repaired = await apply(scheduler, example())
            assert repaired.ok, repaired.errors
            assert reaches(bench, "kvs-demo-client", "10.77.2.10")
            touched = {one.operation.key for one in repaired.operations}
            assert keys.interface("client-lan") not in touched
            assert keys.interface("router-lan") not in touched

            assert (await apply(scheduler, {})).ok

        assert bench.listing() == set()
        assert bench.names("") == before

    bench.run(scenario())


def test_a_transaction_that_fails_halfway_is_rolled_back(bench: Bench) -> None:
    wanted = load_text(
        textwrap.dedent("""
        linuxConfig:
          interfaces:
            - {name: one, type: VETH, enabled: true, ipAddresses: [10.1.0.1/24],
               namespace: {type: NSID, reference: host}, veth: {peerIfName: two}}
            - {name: two, type: VETH, enabled: true, hostIfName: taken,
               namespace: {type: NSID, reference: other}, veth: {peerIfName: one}}
        """)
    )

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            first = {key: value for key, value in wanted.items() if "namespace" in key}
            assert (await apply(scheduler, first)).ok
            bench.ip("other", "link", "add", "taken", "type", "bridge")
            before = bench.ip("host", "link", "show"), bench.ip("other", "link", "show")

            transaction = scheduler.transaction(revert=True)
            for key, value in wanted.items():
                transaction.set(key, value)
            result = await transaction.commit()

            assert not result.ok
            assert "another's interface has the name taken" in str(result.errors)
            assert (bench.ip("host", "link", "show"), bench.ip("other", "link", "show")) == before

    bench.run(scenario())


def test_a_restart_without_a_journal_touches_no_interface_and_no_address(bench: Bench) -> None:
    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, example())).ok
        bench.restart()

        async with engine(bench) as scheduler:
            again = await apply(scheduler, example())

            touched = {one.operation.key for one in again.operations}
            assert not any(key.startswith((keys.INTERFACE, keys.NAMESPACE)) for key in touched)
            assert not any(keys.parse_address(key) for key in touched)
            assert (await apply(scheduler, {})).ok

        assert bench.listing() == set()

    bench.run(scenario())


def test_a_restart_with_a_journal_finds_everything_and_does_nothing(
    bench: Bench, tmp_path: pathlib.Path
) -> None:
    journal = tmp_path / "journal"

    async def scenario() -> None:
        async with engine(bench, journal=journal) as scheduler:
            assert (await apply(scheduler, example())).ok
        bench.restart()

        async with engine(bench, journal=journal) as scheduler:
            again = await apply(scheduler, example())

            assert again.operations == ()
            assert (await apply(scheduler, {})).ok

        assert bench.listing() == set()

    bench.run(scenario())


def test_a_namespace_that_vanished_is_missing_and_is_put_back(bench: Bench) -> None:
    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, example())).ok
            bench.kernel.namespaces.remove("kvs-demo-server")

            await scheduler.refresh()

            status = scheduler.status(keys.namespace("kvs-demo-server"))
            assert status.state is ValueState.MISSING

            repaired = await apply(scheduler, example())

            assert repaired.ok, repaired.errors
            assert reaches(bench, "kvs-demo-client", "10.77.2.10")
            assert (await apply(scheduler, {})).ok

        assert bench.listing() == set()

    bench.run(scenario())


def test_the_same_names_can_be_made_and_removed_over_and_over(bench: Bench) -> None:
    async def scenario() -> None:
        before = open_files()
        async with engine(bench) as scheduler:
            for _ in range(5):
                assert (await apply(scheduler, example())).ok
                assert (await apply(scheduler, {})).ok
        await asyncio.sleep(0)

        assert open_files() <= before + 3
        assert bench.listing() == set()

    bench.run(scenario())


def test_nothing_is_remembered_of_what_is_gone(bench: Bench) -> None:
    async def scenario() -> None:
        descriptors = linux.descriptors(kernel=bench.kernel)
        (interfaces,) = (one for one in descriptors if isinstance(one, linux.InterfaceDescriptor))
        async with Scheduler(descriptors) as scheduler:
            await apply(scheduler, example())
            await scheduler.resync("full")
            await apply(scheduler, {})

        assert interfaces._making.planned == {}
        assert bench.kernel.references == {}
        assert dict(bench.kernel.seen) == {}

    bench.run(scenario())


def test_two_engines_configure_one_interface_and_leave_each_other_alone(bench: Bench) -> None:
    near, far = bench.host("n"), bench.host("f")
    maker = load_text(
        textwrap.dedent(f"""
            linux_config:
              interfaces:
                - {{name: {near}, type: VETH, enabled: true, veth: {{peer_if_name: {far}}}}}
                - {{name: {far}, type: VETH, enabled: true, veth: {{peer_if_name: {near}}},
                   ip_addresses: [10.201.0.1/24]}}
              routes: [{{outgoing_interface: {far}, dst_network: 10.203.0.0/24, scope: LINK}}]
            """)
    )
    user = load_text(
        textwrap.dedent(f"""
            linux_config:
              interfaces:
                - {{name: {far}, type: EXISTING, enabled: true, ip_addresses: [10.202.0.1/24]}}
              routes: [{{outgoing_interface: {far}, dst_network: 10.204.0.0/24, scope: LINK}}]
            """)
    )
    other = linux.Kernel(f"o{bench.id}", str(bench.folder), protocol=108)

    async def scenario() -> None:
        async with engine(bench) as first, Scheduler(linux.descriptors(kernel=other)) as second:
            assert (await apply(first, maker)).ok
            assert (await apply(second, user)).ok
            for scheduler in (first, second):
                result = await scheduler.resync("full")
                assert (result.ok, result.operations) == (True, ())

            assert bench.texts("", far) == {"10.201.0.1/24", "10.202.0.1/24"}
            assert (await apply(second, {})).ok
            assert bench.texts("", far) == {"10.201.0.1/24"}
            assert (await apply(first, {})).ok

    bench.run(scenario())


def test_an_interface_that_moves_to_another_namespace_is_made_again_there(bench: Bench) -> None:
    def cable(place: str) -> Configuration:
        return load_text(
            textwrap.dedent(f"""
            linux_config:
              interfaces:
                - {{name: one, type: VETH, enabled: true, ip_addresses: [10.1.0.1/24],
                   namespace: {{type: NSID, reference: {place}}}, veth: {{peer_if_name: two}}}}
                - {{name: two, type: VETH, enabled: true, ip_addresses: [10.1.0.2/24],
                   namespace: {{type: NSID, reference: still}}, veth: {{peer_if_name: one}}}}
            """)
        )

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, cable("here"))).ok
            moved = await apply(scheduler, cable("there"))

            assert moved.ok, moved.errors
            assert bench.listing() == {"there", "still"}
            assert reaches(bench, "there", "10.1.0.2")
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


def test_what_fails_validation_is_told_with_its_file_and_line(bench: Bench) -> None:
    wanted = load_text(
        "linux_config:\n  interfaces:\n  - name: one\n    type: BRIDGE\n    mtu: 10000\n",
        "net.yaml",
    )

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, wanted)

            status = scheduler.status(keys.interface("one"))
            assert status.state is ValueState.INVALID
            assert status.error is not None
            problem = wanted.problem(status.key, status.error)
            assert str(problem).startswith(f"net.yaml:5: {status.key}: mtu: an MTU is")

    bench.run(scenario())
