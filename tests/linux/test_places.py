# SPDX-License-Identifier: Apache-2.0
"""Namespaces that have no name: those of processes, and those that a file stands for."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from kvs_descriptors.linux import places
from kvs_descriptors.linux.kernel import NamespaceGone
from kvscheduler import InvalidValue
from ligato.linux.interfaces.interface_pb2 import BridgeLink, Interface
from ligato.linux.namespace.namespace_pb2 import NetNamespace
from tests.linux.bench import Bench, key_of


@pytest.fixture
def process(privileged: None) -> Iterator[int]:
    """Give the number of a process that is in a namespace of its own."""
    with subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "echo ready && exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        yield running.pid


def bridge_in(namespace: NetNamespace) -> Interface:
    return Interface(
        name="lan", type=Interface.BRIDGE, namespace=namespace, enabled=True, bridge=BridgeLink()
    )


def inside(process: int, *command: str) -> str:
    entered = ["nsenter", f"--net=/proc/{process}/ns/net", *command]
    return subprocess.run(entered, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("kind", [NetNamespace.PID, NetNamespace.FD])
def test_an_interface_is_made_found_and_removed_there(
    bench: Bench, process: int, kind: NetNamespace.ReferenceType
) -> None:
    where = str(process) if kind == NetNamespace.PID else f"/proc/{process}/ns/net"
    value = bridge_in(NetNamespace(type=kind, reference=where))

    async def scenario() -> None:
        await bench.make(value)
        assert "lan:" in inside(process, "ip", "-o", "link")

        found = await bench.retrieve("linux-interface", value)
        assert found[key_of(value)].value == value

        await bench.delete(value)
        assert "lan:" not in inside(process, "ip", "-o", "link")

    bench.run(scenario())


def test_a_process_that_is_gone_has_no_namespace(bench: Bench) -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    value = bridge_in(NetNamespace(type=NetNamespace.PID, reference=str(ended.pid)))

    async def scenario() -> None:
        with pytest.raises(NamespaceGone, match=f"no network namespace pid:{ended.pid}$"):
            await bench.make(value)
        await bench.delete(value)
        assert await bench.retrieve("linux-interface", value) == {}

    bench.run(scenario())


def test_a_file_that_is_no_namespace_is_refused(bench: Bench) -> None:
    value = bridge_in(NetNamespace(type=NetNamespace.FD, reference="/proc/self/ns/mnt"))

    async def scenario() -> None:
        with pytest.raises(NamespaceGone):
            await bench.make(value)

    bench.run(scenario())


REFERENCES = [
    NetNamespace(),
    NetNamespace(type=NetNamespace.NSID, reference="web"),
    NetNamespace(type=NetNamespace.PID, reference="17"),
    NetNamespace(type=NetNamespace.FD, reference="/proc/1/ns/net"),
    NetNamespace(type=NetNamespace.MICROSERVICE, reference="web-1"),
]


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_place_is_another_way_to_write_a_reference(reference: NetNamespace) -> None:
    places.check(reference)

    assert places.reference(places.place_of(reference)) == reference


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("NSID", ""),
        ("NSID", "a/b"),
        ("PID", ""),
        ("PID", "0"),
        ("PID", "-1"),
        ("PID", "\u0661"),
        ("PID", "4194305"),
        ("FD", ""),
        ("FD", "relative"),
        ("FD", "/a\nb"),
        ("MICROSERVICE", ""),
        ("MICROSERVICE", "a b"),
    ],
)
def test_a_reference_that_means_nothing_is_refused(kind: str, text: str) -> None:
    reference = NetNamespace(type=kind, reference=text)

    with pytest.raises(InvalidValue) as refused:
        places.check(reference, "namespace")

    assert refused.value.fields == ("namespace", "reference")
