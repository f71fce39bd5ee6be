# SPDX-License-Identifier: Apache-2.0
"""Rule chains through the engine, from YAML to packets that come through, or do not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from google.protobuf.message import Message

from kvs_agent.sources.config import load_text
from kvs_descriptors import linux
from kvs_descriptors.linux import keys, syscalls
from kvs_descriptors.linux.iptables import RuleChainDescriptor
from kvscheduler import Scheduler, TransactionResult, ValueState
from ligato.linux.iptables.iptables_pb2 import RuleChain
from tests.linux.bench import Bench, key_of, namespace, veth
from tests.linux.filters import VARIANTS, Filters, chain, custom, needs
from tests.linux.test_engine import apply, reaches

CABLE = {
    key_of(value): value
    for value in (
        namespace("left"),
        namespace("right"),
        veth("va", "vb", "left", "10.5.0.1/24", "fd05::1/64"),
        veth("vb", "va", "right", "10.5.0.2/24", "fd05::2/64"),
    )
}


@pytest.fixture(params=VARIANTS)
def filters(bench: Bench, request: pytest.FixtureRequest) -> Filters:
    needs(request.param)
    return Filters(bench, request.param)


def engine(filters: Filters, **more: Any) -> Scheduler:
    made = linux.descriptors(kernel=filters.bench.kernel)
    others = [one for one in made if not isinstance(one, RuleChainDescriptor)]
    return Scheduler([*others, filters.descriptor], **more)


def cable(*chains: RuleChain) -> dict[str, Message]:
    return {**CABLE, **{key_of(one): one for one in chains}}


def touched(result: TransactionResult) -> list[tuple[str, str]]:
    assert result.ok, result.errors
    return [(one.operation.kind, one.operation.key) for one in result.operations]


async def udp(filters: Filters, where: str, address: str = "") -> socket.socket:
    """Return a socket in a namespace, which whoever holds it talks through from there."""

    def make() -> socket.socket:
        fd = os.open(filters.bench.path(where), os.O_RDONLY)
        try:
            syscalls.enter(fd)
            return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        finally:
            os.close(fd)

    made = await syscalls.in_own_thread(make)
    made.settimeout(5)
    if address:
        made.bind((address, 5000))
    return made


def test_packets_are_dropped_and_let_through_as_the_file_says(filters: Filters) -> None:
    text = """
        linux_config:
          interfaces:
            - {name: va, type: VETH, enabled: true, ip_addresses: [10.5.0.1/24, "fd05::1/64"],
               namespace: {type: NSID, reference: left}, veth: {peer_if_name: vb}}
            - {name: vb, type: VETH, enabled: true, ip_addresses: [10.5.0.2/24, "fd05::2/64"],
               namespace: {type: NSID, reference: right}, veth: {peer_if_name: va}}
          rule_chains:
            - {name: in, chain_type: INPUT, namespace: {type: NSID, reference: right},
               interfaces: [vb], default_policy: ACCEPT, rules: ["-i vb -p icmp -j TARGET"]}
            - {name: in6, chain_type: INPUT, namespace: {type: NSID, reference: right},
               protocol: IPV6, interfaces: [vb], rules:
               ["-p ipv6-icmp -m icmp6 --icmpv6-type echo-request -j TARGET"]}
    """
    bench = filters.bench

    async def scenario() -> None:
        async with engine(filters) as scheduler:
            for target, is_open in (("DROP", False), ("ACCEPT", True), ("DROP", False)):
                done = await apply(scheduler, load_text(text.replace("TARGET", target)))

                assert done.ok, done.errors
                comes = reaches if is_open else reaches_soon
                assert comes(bench, "left", "10.5.0.2") is is_open
                assert comes(bench, "left", "fd05::2") is is_open
            again = await apply(scheduler, load_text(text.replace("TARGET", "DROP")))
            assert again.operations == ()
            assert (await apply(scheduler, {})).ok

        assert bench.listing() == set()

    bench.run(scenario())


def reaches_soon(bench: Bench, where: str, address: str) -> bool:
    """Tell whether a packet comes through, where none is expected: waits less for it."""
    command = ["nsenter", f"--net={bench.path(where)}", "ping", "-c1", "-W0.3", address]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_masquerading_shows_at_the_other_end_and_a_restart_changes_nothing(
    filters: Filters, tmp_path: pathlib.Path
) -> None:
    nat = chain(
        "nat", "left", "-d 10.5.0.0/24 -j SNAT --to-source 10.5.0.9",
        at=RuleChain.POSTROUTING, table=RuleChain.NAT,
    )  # fmt: skip
    hidden = chain(
        "nat", "left", "-o va -s 10.7.0.1 -j MASQUERADE",
        at=RuleChain.POSTROUTING, table=RuleChain.NAT,
    )  # fmt: skip

    async def source(address: str) -> str:
        with (
            await udp(filters, "right", "10.5.0.2") as receiver,
            await udp(filters, "left", address) as sender,
        ):
            sender.sendto(b"hello", ("10.5.0.2", 5000))
            return str(receiver.recvfrom(100)[1][0])

    async def scenario() -> None:
        journal = tmp_path / "journal"
        async with engine(filters, journal=journal) as scheduler:
            assert (await apply(scheduler, cable(nat))).ok
            assert await source("10.5.0.1") == "10.5.0.9"
        filters.restart()
        async with engine(filters, journal=journal) as scheduler:
            assert touched(await apply(scheduler, cable(nat))) == []
            assert (await apply(scheduler, cable(hidden))).ok
            filters.bench.ip("left", "address", "add", "10.7.0.1/32", "dev", "lo")
            assert await source("10.7.0.1") == "10.5.0.1"
            assert (await apply(scheduler, {})).ok

    filters.bench.run(scenario())


@contextlib.contextmanager
def flood(sender: socket.socket, address: str) -> Iterator[list[int]]:
    """Send without a pause, and count."""
    is_over, sent = threading.Event(), [0]

    def send() -> None:
        while not is_over.is_set():
            sender.sendto(b"x", (address, 5000))
            sent[0] += 1

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield sent
    finally:
        is_over.set()
        thread.join()


def test_no_packet_slips_through_while_rules_are_swapped(filters: Filters) -> None:
    def versions() -> list[RuleChain]:
        filler = [f"-s 10.{i}.0.0/16 -j RETURN" for i in range(100, 200)]
        return [chain("in", "right", *filler[i:], "-p udp -j DROP") for i in range(30)]

    async def scenario() -> None:
        async with engine(filters) as scheduler:
            first, *rest = versions()
            assert (await apply(scheduler, cable(first))).ok
            with (
                await udp(filters, "right", "10.5.0.2") as receiver,
                await udp(filters, "left") as sender,
                flood(sender, "10.5.0.2") as sent,
            ):
                for value in rest:
                    transaction = scheduler.transaction()
                    transaction.set(key_of(value), value)
                    done = await transaction.commit()
                    assert touched(done) == [("update", key_of(value))]
                    await asyncio.sleep(0)
                assert sent[0] > 100
                receiver.setblocking(False)
                with pytest.raises(BlockingIOError):
                    receiver.recv(100)

    filters.bench.run(scenario())


def test_drift_is_repaired_with_one_operation_and_nothing_else_is_touched(
    filters: Filters,
) -> None:
    one, two = chain("one", "right", "-s 10.9.0.1 -j DROP"), custom("two", "right", "-j RETURN")

    async def scenario() -> None:
        async with engine(filters) as scheduler:
            assert (await apply(scheduler, cable(one, two))).ok
            right = filters.all("right")
            for drift in (["-F", "INPUT"], ["-A", "two", "-j", "DROP"], ["-F"]):
                filters.do("right", *drift)
                repaired = touched(await scheduler.resync())
                assert repaired
                assert {key for _, key in repaired} <= {key_of(one), key_of(two)}
                assert sorted(filters.all("right")) == sorted(right)
            assert touched(await scheduler.resync()) == []

    filters.bench.run(scenario())


def test_chains_that_jump_to_each_other_come_and_go_in_any_order(filters: Filters) -> None:
    wanted = cable(
        chain("a", "right", "-j m", "-j z"),
        custom("m", "right", "-p tcp -j z"),
        custom("z", "right", "-s 10.9.0.1 -j DROP"),
    )

    async def scenario() -> None:
        async with engine(filters) as scheduler:
            assert (await apply(scheduler, wanted)).ok
            assert touched(await apply(scheduler, wanted)) == []
            assert (await apply(scheduler, cable())).ok
            assert filters.all("right") == []

    filters.bench.run(scenario())


def test_a_chain_waits_for_the_interfaces_that_it_lists(filters: Filters) -> None:
    value = chain("in", "right", "-i later -j DROP", interfaces=["later"])

    async def scenario() -> None:
        async with engine(filters) as scheduler:
            assert (await apply(scheduler, cable(value))).ok

            status = scheduler.status(key_of(value))
            assert status.state is ValueState.PENDING
            assert [one.label for one in status.unmet] == ["interface-exists-later"]
            assert filters.all("right") == []

    filters.bench.run(scenario())


def test_a_rule_that_iptables_does_not_know_fails_alone(filters: Filters) -> None:
    wrong, fine = chain("wrong", "right", "-p tcp --nonsense"), custom("fine", "right", "-j DROP")

    async def scenario() -> None:
        async with engine(filters) as scheduler:
            done = await apply(scheduler, cable(wrong, fine))

            assert list(done.errors) == [key_of(wrong)]
            assert "rules[0]: -p tcp --nonsense: unknown option" in str(done.errors)
            assert scheduler.status(key_of(wrong)).state is ValueState.FAILED
            assert scheduler.status(key_of(fine)).state is ValueState.CONFIGURED
            assert reaches(filters.bench, "left", "10.5.0.2")
            assert (await apply(scheduler, {})).ok

    filters.bench.run(scenario())


def test_a_rule_that_leads_out_of_its_chain_is_told_with_its_file_and_line(
    filters: Filters,
) -> None:
    text = """linux_config:
  rule_chains:
    - name: in
      chain_type: INPUT
      rules:
        - -j ACCEPT
        - -t nat -j ACCEPT
"""
    wanted = load_text(text, "net.yaml")

    async def scenario() -> None:
        async with engine(filters) as scheduler:
            await apply(scheduler, wanted)

            status = scheduler.status(keys.rule_chain("in"))
            assert status.state is ValueState.INVALID
            assert status.error is not None
            told = str(wanted.problem(status.key, status.error))
            assert told.startswith(f"net.yaml:7: {status.key}: rules[1]: -t does not belong")

    filters.bench.run(scenario())


def test_a_transaction_that_fails_leaves_the_rules_as_they_were(filters: Filters) -> None:
    old, new = chain("in", "right", "-j ACCEPT"), chain("in", "right", "-j DROP")
    wrong = chain("zzz", "right", "--nonsense", at=RuleChain.OUTPUT)

    async def scenario() -> None:
        async with engine(filters) as scheduler:
            assert (await apply(scheduler, cable(old))).ok
            before = filters.all("right")
            transaction = scheduler.transaction(revert=True)
            for value in (new, wrong):
                transaction.set(key_of(value), value)

            assert not (await transaction.commit()).ok

            assert filters.all("right") == before

    filters.bench.run(scenario())


def test_without_iptables_all_else_is_configured_and_the_chain_says_why_not(
    filters: Filters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kvs_descriptors.linux.iptables.tool.Tool._path", missing)
    value = chain("in", "right", "-j DROP")

    async def scenario() -> None:
        async with engine(filters) as scheduler:
            assert (await apply(scheduler, cable())).ok
            done = await apply(scheduler, cable(value))

            assert done.errors.keys() == {key_of(value)}
            assert "is not installed here" in str(done.errors[key_of(value)])
            assert scheduler.status(key_of(value)).state is ValueState.FAILED
            assert scheduler.status(keys.interface("va")).state is ValueState.CONFIGURED
            assert (await apply(scheduler, {})).ok

    filters.bench.run(scenario())


def missing(_: Any, name: str) -> str:
    raise linux.iptables.ToolMissing(name)


def test_another_journalless_engine_takes_over_and_removes_what_is_no_longer_wanted(
    filters: Filters,
) -> None:
    one, two = chain("one", "right", "-s 10.9.0.1/32 -j DROP"), custom("two", "right", "-j DROP")

    async def scenario() -> None:
        async with engine(filters) as scheduler:
            assert (await apply(scheduler, cable(one, two))).ok
            right = filters.all("right")
        filters.restart()
        async with engine(filters) as scheduler:
            kept: Mapping[str, Message] = cable(one)
            assert ("delete", key_of(two)) in touched(await apply(scheduler, kept))
            assert filters.all("right") == [line for line in right if " two" not in line
                                            and ":two" not in line]  # fmt: skip

    filters.bench.run(scenario())
