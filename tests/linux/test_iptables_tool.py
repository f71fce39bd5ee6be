# SPDX-License-Identifier: Apache-2.0
"""How iptables is run for rule chains: its refusals, its end, many changes at once."""

from __future__ import annotations

import asyncio
import itertools
import os
import pathlib
import subprocess

import pytest

from kvs_descriptors.linux import Refused, keys
from kvs_descriptors.linux.iptables import ToolFailed, ToolMissing
from kvscheduler import PartialRetrieve, Retrieved
from ligato.linux.iptables.iptables_pb2 import RuleChain
from tests.linux.bench import Bench, key_of
from tests.linux.filters import VARIANTS, Filters, chain, custom, needs, without_marks


@pytest.fixture(params=VARIANTS)
def filters(bench: Bench, request: pytest.FixtureRequest) -> Filters:
    needs(request.param)
    made = Filters(bench, request.param)
    made.make_namespace("n")
    return made


def has_children() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


@pytest.mark.parametrize(
    ("rule", "words", "is_retriable"),
    [
        ("-p tcp --nonsense", "unknown option", False),
        ("-m nosuchmatch -j ACCEPT", "nosuchmatch", False),
        ("-j NOSUCHCHAIN", "NOSUCHCHAIN", True),
        ("-m set --match-set nosuchset src -j DROP", "nosuchset doesn't exist", True),
        ("-s 2001:db8::1 -j DROP", "2001:db8::1", False),
    ],
)
def test_what_iptables_does_not_take_is_said_with_the_rule_and_changes_nothing(
    filters: Filters, rule: str, words: str, is_retriable: bool
) -> None:
    old = chain("a", "n", "-s 10.0.0.1 -j DROP")
    new = chain("a", "n", "-s 10.0.0.2 -j DROP", rule)

    async def scenario() -> None:
        await filters.create(old)
        before = filters.all("n")
        with pytest.raises(ToolFailed) as caught:
            await filters.update(old, new)
        assert str(caught.value).startswith(f"rules[1]: {rule}: ")
        assert words in str(caught.value)
        assert filters.descriptor.is_retriable(caught.value) is is_retriable
        assert filters.all("n") == before
        assert await filters.is_right(old)

    filters.bench.run(scenario())


def test_what_the_kernel_refuses_is_said_in_words(filters: Filters) -> None:
    value = chain("a", "n", "-j ACCEPT", "-j INPUT")

    async def scenario() -> None:
        with pytest.raises(ToolFailed, match=r"refuses it|lacks what it asks for") as caught:
            await filters.create(value)
        assert filters.descriptor.is_retriable(caught.value)

    filters.bench.run(scenario())
    assert filters.all("n") == []


def test_a_namespace_that_vanished_has_no_chains_and_needs_no_deletion(filters: Filters) -> None:
    value = chain("a", "gone", "-j DROP")

    async def scenario() -> None:
        assert await filters.retrieve(value) == {}
        await filters.delete(value)

    filters.bench.run(scenario())


def test_without_iptables_nothing_is_found_and_a_chain_says_what_is_missing(
    filters: Filters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kvs_descriptors.linux.iptables.tool.ADMIN_PATH", "")
    monkeypatch.setenv("PATH", "")
    value = chain("a", "n")

    async def scenario() -> None:
        assert await filters.retrieve(value) == {}
        with pytest.raises(ToolMissing, match="is not installed here") as caught:
            await filters.create(value)
        assert not filters.descriptor.is_retriable(caught.value)

    filters.bench.run(scenario())


def test_without_iptables_it_is_not_known_what_became_of_a_chain(
    filters: Filters, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = chain("a", "n")

    async def scenario() -> None:
        await filters.create(value)
        filters.restart()
        monkeypatch.setattr("kvs_descriptors.linux.iptables.tool.ADMIN_PATH", "")
        monkeypatch.setenv("PATH", "")
        with pytest.raises(PartialRetrieve) as partial:
            await filters.retrieve(value)
        assert partial.value.unknown == (key_of(value),)

    filters.bench.run(scenario())


def test_only_what_is_asked_for_is_looked_for(filters: Filters) -> None:
    one, two = chain("a", "n", "-j DROP"), custom("b", "n")

    async def scenario() -> None:
        await filters.create(one, two)
        expected = [Retrieved(key_of(value), value) for value in (one, two)]
        found = list(await filters.descriptor.retrieve(expected, [key_of(two)]))
        assert [found_one.key for found_one in found] == [key_of(two)]
        assert list(await filters.descriptor.retrieve(expected, [keys.rule_chain("c")])) == []

    filters.bench.run(scenario())


def test_a_swap_that_is_cut_short_leaves_no_process_and_all_or_nothing(
    filters: Filters,
) -> None:
    def version(count: int) -> RuleChain:
        return chain("a", "n", *(f"-s 10.0.{i}.1 -j DROP" for i in range(count)))

    async def scenario() -> None:
        old = 200
        await filters.create(version(old))
        for new in range(201, 241):
            work = asyncio.ensure_future(filters.update(version(old), version(new)))
            await asyncio.wait([work], timeout=(new - 200) * 0.0005)
            work.cancel()
            await asyncio.wait([work])
            found = len(without_marks(filters.rules("n")))
            assert found in (old, new)
            old = found
        assert not has_children()
        await filters.update(version(old), version(3))
        assert await filters.is_right(version(3))

    filters.bench.run(scenario())


def test_changes_of_one_table_go_together_and_a_wrong_one_fails_alone(filters: Filters) -> None:
    fine = [custom(f"c{i}", "n", "-j RETURN") for i in range(10)]
    wrong = custom("wrong", "n", "-j RETURN", "--nonsense")
    filters.do("n", "-N", "taken")
    taken = custom("taken", "n", "-j RETURN")

    async def scenario() -> None:
        started = filters.count_programs()
        jobs = [filters.create(value) for value in (*fine, taken)]
        (*done, refused) = await asyncio.gather(*jobs, return_exceptions=True)
        assert done == [None] * 10
        assert isinstance(refused, Refused)
        assert started() == 2

        jobs = [filters.delete(value) for value in fine]
        *done, failed = await asyncio.gather(*jobs, filters.create(wrong), return_exceptions=True)
        assert done == [None] * 10
        assert str(failed).startswith("rules[1]: --nonsense: ")
        assert filters.rules("n") == [":taken -"]

    filters.bench.run(scenario())


def test_who_waits_for_a_change_that_is_cut_short_gets_it_all_the_same(filters: Filters) -> None:
    values = [custom(f"c{i}", "n", "-j RETURN") for i in range(4)]

    async def scenario() -> None:
        for cut in range(4):
            jobs = [asyncio.ensure_future(filters.create(value)) for value in values]
            await asyncio.wait(jobs, timeout=0.001 * cut)
            jobs[cut].cancel()
            results = await asyncio.gather(*jobs, return_exceptions=True)
            del results[cut]
            assert results == [None] * 3
            others = [value for value in values if value is not values[cut]]
            assert all(f":{value.name} -" in filters.rules("n") for value in others)
            await filters.delete(*values)

    filters.bench.run(scenario())


def test_a_tool_that_outlives_its_process_is_waited_for(filters: Filters) -> None:
    value = chain("a", "n", "-j DROP")
    path = filters.bench.path("n")
    held = subprocess.Popen(["flock", path, "sh", "-c", "echo held; read x"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert held.stdin is not None
    assert held.stdout is not None
    assert held.stdout.readline() == b"held\n"

    async def scenario() -> None:
        work = asyncio.ensure_future(filters.create(value))
        done, _ = await asyncio.wait([work], timeout=0.2)
        assert not done
        assert filters.all("n") == []
        held.communicate(b"\n")
        await work
        assert await filters.is_right(value)

    filters.bench.run(scenario())


def is_limited() -> bool:
    """Tell whether this is a user namespace: what nft sends at once is limited there."""
    return len(pathlib.Path("/proc/self/uid_map").read_text("ascii").split("4294967295")) < 2


def test_more_rules_than_fit_into_one_transaction_fail_as_a_whole_and_say_so(
    filters: Filters,
) -> None:
    if not is_limited() or filters.variant == "legacy":
        pytest.skip("here any number of rules fits into one transaction")
    value = chain("a", "n", *(f"-s 10.0.{i // 250}.{i % 250} -j DROP" for i in range(2000)))

    async def scenario() -> None:
        with pytest.raises(ToolFailed, match="too many rules for one transaction"):
            await filters.create(value)

    filters.bench.run(scenario())
    assert filters.all("n") == []


def test_a_thousand_rules_are_applied_changed_and_read_back(filters: Filters) -> None:
    if is_limited() and filters.variant == "nft":
        pytest.skip("in a user namespace nft sends only so much at once (net.core.wmem_max)")
    rules = [f"-s 10.{i // 250}.{i % 250}.1 -p tcp --dport {i + 1} -j ACCEPT" for i in range(1000)]
    value, less = chain("a", "n", *rules), chain("a", "n", *rules[1:])

    async def scenario() -> None:
        await filters.create(value)
        assert await filters.is_right(value)
        assert len(without_marks(filters.rules("n"))) == 1000
        await filters.update(value, less)
        assert await filters.is_right(less)

    filters.bench.run(scenario())
    assert len(without_marks(filters.rules("n"))) == 999


def test_a_hundred_programs_later_no_more_files_are_open(filters: Filters) -> None:
    def open_files() -> int:
        return len(list(pathlib.Path("/proc/self/fd").iterdir()))

    async def scenario() -> None:
        values = [chain("a", "n", f"-s 10.0.0.{i} -j DROP") for i in range(25)]
        await filters.create(values[0])
        assert await filters.is_right(values[0])
        before = open_files()
        for old, new in itertools.pairwise(values):
            await filters.update(old, new)
            assert await filters.is_right(new)
        assert open_files() == before

    filters.bench.run(scenario())
