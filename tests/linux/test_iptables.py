# SPDX-License-Identifier: Apache-2.0
"""Rule chains in the real kernel, in both variants of iptables; iptables-save is the witness."""

from __future__ import annotations

import copy

import pytest

from kvs_descriptors.linux import Refused
from kvs_descriptors.linux.iptables import RuleChainDescriptor
from kvs_descriptors.linux.iptables.chain import own_name
from kvs_descriptors.linux.kernel import Kernel
from kvscheduler import Origin
from ligato.linux.iptables.iptables_pb2 import RuleChain
from tests.linux.bench import Bench, key_of
from tests.linux.filters import VARIANTS, Filters, chain, custom, needs, without_marks

MAKE_SET = """
from pyroute2.ipset import IPSet
with IPSet() as sets:
    sets.create("friends", stype="hash:ip")
"""


@pytest.fixture(params=VARIANTS)
def filters(bench: Bench, request: pytest.FixtureRequest) -> Filters:
    needs(request.param)
    made = Filters(bench, request.param)
    made.make_namespace("n")
    return made


def own(filters: Filters, name: str) -> str:
    return own_name(filters.bench.kernel.owner, name)


def test_a_chain_is_led_to_first_and_others_rules_come_after(filters: Filters) -> None:
    filters.do("n", "-A", "INPUT", "-s", "192.0.2.1", "-j", "DROP")
    before = filters.all("n")
    web = chain("web", "n", "-p tcp --dport 80 -j ACCEPT", "-s 10.0.0.1 -j DROP")

    async def scenario() -> None:
        await filters.create(web)

        ours = own(filters, "web")
        lead, others = [one for one in filters.rules("n") if one.startswith("-A INPUT")]
        assert lead.endswith(f':web" -j {ours}')
        assert others == "-A INPUT -s 192.0.2.1/32 -j DROP"
        assert without_marks(filters.rules("n"))[-2:] == [
            f"-A {ours} -p tcp -m tcp --dport 80 -j ACCEPT",
            f"-A {ours} -s 10.0.0.1/32 -j DROP",
        ]
        assert await filters.is_right(web)
        await filters.delete(web)

    filters.bench.run(scenario())
    assert filters.all("n") == before


@pytest.mark.parametrize("protocol", [RuleChain.IPV4, RuleChain.IPV6])
@pytest.mark.parametrize("table", RuleChain.Table.values())
def test_all_tables_of_both_families_are_filled_and_emptied(
    filters: Filters, table: RuleChain.Table, protocol: RuleChain.Protocol
) -> None:
    address = "2001:db8::/32" if protocol == RuleChain.IPV6 else "192.0.2.0/24"
    one = chain(
        "one", "n", f"-d {address} -j RETURN", at=RuleChain.OUTPUT, table=table, protocol=protocol
    )
    two = custom("two", "n", f"-s {address}", table=table, protocol=protocol)
    program = "ip6tables" if protocol == RuleChain.IPV6 else "iptables"

    async def scenario() -> None:
        await filters.create(one, two)

        there = filters.rules("n", RuleChain.Table.Name(table).lower(), program)
        assert without_marks(there)[-1] == f"-A two -s {address}"
        assert without_marks(there)[0].endswith(f"-d {address} -j RETURN")
        filters.restart()
        assert await filters.is_right(one, two)
        await filters.delete(one, two)
        assert await filters.is_right()

    filters.bench.run(scenario())
    assert filters.all("n") == []


def test_made_twice_and_removed_twice_is_as_once(filters: Filters) -> None:
    values = [
        chain("a", "n", "-j RETURN", default_policy=RuleChain.DROP),
        custom("b", "n", "-p udp -j DROP"),
    ]

    async def scenario() -> None:
        await filters.create(*values)
        once = filters.all("n")
        filters.restart()
        await filters.create(*values)
        assert filters.all("n") == once
        await filters.delete(*values)
        await filters.delete(*values)

    filters.bench.run(scenario())
    assert filters.all("n") == []


def test_what_was_written_in_another_way_is_recognized(filters: Filters) -> None:
    written = chain(
        "a", "n",
        "-j LOG -p 6 -m limit --limit 3/second -s 10.1.2.3 --log-prefix \"it's \\\"here\\\": \"",
        "! --source 10.0.0.0/255.0.0.0 --protocol tcp --dport ssh -j REJECT",
        "--jump ACCEPT --match state --state ESTABLISHED,RELATED",
        "-s 10.0.0.1,10.0.0.2 -j DROP",
        "-p icmp -m icmp --icmp-type echo-request -m comment --comment 'a comment'",
    )  # fmt: skip

    async def scenario() -> None:
        await filters.create(written)
        assert len(without_marks(filters.rules("n"))) == 5
        for _ in range(2):
            assert await filters.is_right(written)
            filters.restart()

    filters.bench.run(scenario())


@pytest.mark.parametrize(
    "drift",
    [
        ["-F"],
        ["-F", "INPUT"],
        ["-A", "OURS", "-j", "ACCEPT"],
        ["-I", "OURS", "1", "-j", "ACCEPT"],
        ["-D", "OURS", "1"],
        ["-D", "OURS", "2"],
        ["-R", "OURS", "2", "-s", "10.0.0.2", "-j", "DROP"],
        ["-P", "INPUT", "ACCEPT"],
        ["-A", "other", "-j", "DROP"],
        ["-F", "other"],
    ],
    ids=" ".join,
)
def test_what_others_do_to_a_chain_is_seen_and_put_right(
    filters: Filters, drift: list[str]
) -> None:
    values = [
        chain("a", "n", "-s 10.0.0.1 -j DROP", "-j other", default_policy=RuleChain.DROP),
        custom("other", "n", "-p tcp -j RETURN"),
    ]

    async def scenario() -> None:
        await filters.create(*values)
        right = filters.all("n")
        ours = own(filters, "a")
        filters.do("n", *(ours if word == "OURS" else word for word in drift))
        assert filters.all("n") != right

        found = await filters.retrieve(*values)
        assert not await filters.is_right(*values)
        # The next time it is expected as it was found, and has not moved since.
        again = await filters.retrieve(*(one.value for one in found.values()))
        assert {key: one.value for key, one in again.items()} == {
            key: one.value for key, one in found.items()
        }
        for value in values:
            await filters.update(found[key_of(value)].value, value)

        assert sorted(filters.all("n")) == sorted(right)
        assert await filters.is_right(*values)
        await filters.delete(*values)

    filters.bench.run(scenario())
    assert filters.all("n") == []


def test_a_chain_that_somebody_removed_is_missing_and_made_again(filters: Filters) -> None:
    value = chain("a", "n", "-s 10.0.0.1 -j DROP")

    async def scenario() -> None:
        await filters.create(value)
        right = filters.all("n")
        filters.do("n", "-F")
        filters.do("n", "-X")

        assert await filters.retrieve(value) == {}
        await filters.create(value)

        assert filters.all("n") == right

    filters.bench.run(scenario())


def test_the_policy_is_put_back_to_what_it_was_before_us(filters: Filters) -> None:
    filters.do("n", "-P", "INPUT", "DROP")
    accepting = chain("a", "n", default_policy=RuleChain.ACCEPT)
    without = chain("a", "n")

    async def scenario() -> None:
        await filters.create(accepting)
        assert filters.all("n")[0].startswith("iptables: :kvs-")  # no :INPUT DROP
        filters.restart()
        await filters.update(accepting, without)
        assert ":INPUT DROP" in filters.rules("n")
        await filters.update(without, accepting)
        assert ":INPUT DROP" not in filters.rules("n")
        filters.restart()
        await filters.delete(accepting)

    filters.bench.run(scenario())
    assert filters.all("n") == ["iptables: :INPUT DROP"]


def test_a_policy_that_others_changed_since_is_left_to_them(filters: Filters) -> None:
    filters.do("n", "-P", "OUTPUT", "DROP")
    value = chain("a", "n", at=RuleChain.OUTPUT, default_policy=RuleChain.ACCEPT)

    async def scenario() -> None:
        await filters.create(value)
        filters.do("n", "-P", "OUTPUT", "DROP")
        await filters.delete(value)

    filters.bench.run(scenario())
    assert filters.all("n") == ["iptables: :OUTPUT DROP"]


def test_anothers_chain_of_the_name_is_not_touched(filters: Filters) -> None:
    filters.do("n", "-N", "shared")
    value = custom("shared", "n", "-j DROP")

    async def scenario() -> None:
        for rule in ((), ("-A", "shared", "-s", "10.0.0.1", "-j", "ACCEPT")):
            if rule:
                filters.do("n", *rule)
            before = filters.all("n")
            with pytest.raises(Refused, match="another's chain has the name shared"):
                await filters.create(value)
            await filters.delete(value)
            assert filters.all("n") == before
        assert await filters.retrieve(value) == {}

    filters.bench.run(scenario())


def test_two_owners_see_and_touch_only_their_own(filters: Filters) -> None:
    ours, theirs = chain("a", "n", "-j ACCEPT"), chain("a", "n", "-j DROP")
    kernel = Kernel("somebody-else", str(filters.bench.folder))
    other = copy.copy(filters)
    other.descriptor = RuleChainDescriptor(kernel, filters.variant)

    async def scenario() -> None:
        await filters.create(ours)
        mine = filters.all("n")
        await other.create(theirs)
        assert await filters.is_right(ours)
        assert await other.is_right(theirs)
        await other.delete(theirs)
        assert filters.all("n") == mine
        assert await filters.is_right(ours)
        kernel.close()

    filters.bench.run(scenario())


def test_a_rule_may_jump_to_a_chain_that_comes_later_and_goes_first(filters: Filters) -> None:
    first = chain("a", "n", "-p tcp -j z")
    later = custom("z", "n", "-s 10.0.0.1 -j DROP")

    async def scenario() -> None:
        await filters.create(first, later)
        assert await filters.is_right(first, later)
        await filters.delete(later)
        assert not [one for one in filters.rules("n") if "10.0.0.1" in one]
        assert await filters.is_right(first)
        await filters.create(later)
        assert await filters.is_right(first, later)
        await filters.delete(later)
        await filters.update(first, chain("a", "n", "-p tcp -j ACCEPT"))
        assert ":z -" not in filters.rules("n")

    filters.bench.run(scenario())


def test_a_chain_that_others_jump_to_stays_until_they_do_not(filters: Filters) -> None:
    value = custom("z", "n", "-s 10.0.0.1 -j DROP")

    async def scenario() -> None:
        await filters.create(value)
        filters.do("n", "-A", "FORWARD", "-j", "z")
        before = filters.all("n")
        with pytest.raises(Refused, match="others' rules still jump to the chain z") as caught:
            await filters.delete(value)
        assert filters.descriptor.is_retriable(caught.value)
        assert filters.all("n") == before
        filters.do("n", "-D", "FORWARD", "-j", "z")
        await filters.delete(value)

    filters.bench.run(scenario())
    assert filters.all("n") == []


def test_without_a_journal_all_is_found_by_its_marks(filters: Filters) -> None:
    values = [
        chain("a", "n", "-s 10.0.0.1/32 -j DROP", default_policy=RuleChain.DROP),
        custom("b", "n", "-p tcp -j DROP", table=RuleChain.MANGLE, protocol=RuleChain.IPV6),
    ]

    async def scenario() -> None:
        await filters.create(*values)
        filters.restart()
        elsewhere = chain("c", "n")
        found = await filters.retrieve(elsewhere)
        assert {key: one.value for key, one in found.items()} == {
            key_of(one): one for one in values
        }
        assert {one.origin for one in found.values()} == {Origin.NORTHBOUND}
        await filters.delete(*(one.value for one in found.values()))

    filters.bench.run(scenario())
    assert filters.all("n") == []


def test_a_value_found_at_two_places_is_one_and_a_stray_that_can_be_deleted(
    filters: Filters,
) -> None:
    filters.make_namespace("m")
    here, there = chain("a", "n", "-j DROP"), chain("a", "m", "-j DROP")

    async def scenario() -> None:
        await filters.create(here, there)
        found = await filters.retrieve(there, chain("other", "n"))
        assert found.pop(key_of(there)).value == there
        (stray,) = found.values()
        assert stray.value.name == "a~ipv4~filter~n"
        await filters.delete(stray.value)

    filters.bench.run(scenario())
    assert filters.all("n") == []
    assert len(filters.all("m")) == 4


def test_rules_that_load_only_where_they_belong_are_believed_until_they_change(
    filters: Filters,
) -> None:
    plain = chain("a", "n", "-s 10.0.0.1 -j DROP")
    named = custom("b", "n", "-m set --match-set friends src -j ACCEPT", "-s 10.0.0.2 -j DROP")

    filters.run_python("n", MAKE_SET)

    async def scenario() -> None:
        await filters.create(plain, named)
        assert await filters.is_right(plain, named)
        filters.do("n", "-A", "b", "-j", "ACCEPT")
        assert not await filters.is_right(plain, named)
        await filters.update(custom("b", "n"), named)
        assert await filters.is_right(plain, named)

    filters.bench.run(scenario())
