# SPDX-License-Identifier: Apache-2.0
"""What a rule chain may be, and how its rules are written: nothing here asks the kernel."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_descriptors.linux import keys
from kvs_descriptors.linux.iptables import RuleChainDescriptor, rules
from kvs_descriptors.linux.iptables.chain import own_name
from kvs_descriptors.linux.kernel import Kernel
from kvscheduler import InvalidValue
from ligato.linux.iptables.iptables_pb2 import RuleChain
from ligato.linux.namespace.namespace_pb2 import NetNamespace
from tests.linux.filters import chain, custom

DESCRIPTOR = RuleChainDescriptor(Kernel())

ALLOWED = {
    "FILTER": {"INPUT", "FORWARD", "OUTPUT", "CUSTOM"},
    "NAT": {"PREROUTING", "OUTPUT", "POSTROUTING", "CUSTOM"},
    "MANGLE": {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING", "CUSTOM"},
    "RAW": {"PREROUTING", "OUTPUT", "CUSTOM"},
    "SECURITY": {"INPUT", "FORWARD", "OUTPUT", "CUSTOM"},
}


def refused(value: RuleChain) -> tuple[str, ...] | None:
    try:
        DESCRIPTOR.validate(keys.rule_chain(value.name), value)
    except InvalidValue as error:
        return error.fields
    return None


@pytest.mark.parametrize("table", RuleChain.Table.keys())
@pytest.mark.parametrize("kind", RuleChain.ChainType.keys())
def test_each_table_takes_just_the_chains_that_it_has(table: str, kind: str) -> None:
    name = "own" if kind == "CUSTOM" else ""
    value = RuleChain(name="c", table=table, chain_type=kind, chain_name=name)

    fields = refused(value)

    assert fields == (None if kind in ALLOWED[table] else ("chain_type",))


@pytest.mark.parametrize("table", RuleChain.Table.keys())
@pytest.mark.parametrize("kind", ["CUSTOM", "OUTPUT"])
@pytest.mark.parametrize("policy", RuleChain.Policy.keys())
def test_a_policy_is_accept_or_drop_for_the_built_in_chains_of_filter(
    table: str, kind: str, policy: str
) -> None:
    name = "own" if kind == "CUSTOM" else ""
    value = RuleChain(
        name="c", table=table, chain_type=kind, chain_name=name, default_policy=policy
    )

    fields = refused(value)

    has_policy = (table, kind) == ("FILTER", "OUTPUT") and policy in {"ACCEPT", "DROP"}
    assert fields == (None if has_policy or policy == "NONE" else ("default_policy",))


@pytest.mark.parametrize(
    "name", ["", "-x", "!x", "a b", "a" * 29, "INPUT", "POSTROUTING", "ACCEPT", "LOG", "ü", "a\nb"]
)
def test_a_custom_chain_needs_a_name_that_iptables_would_take_for_a_chain(name: str) -> None:
    value = RuleChain(name="c", chain_type=RuleChain.CUSTOM, chain_name=name)

    assert refused(value) == ("chain_name",)


def test_a_custom_chains_name_may_have_28_bytes_and_a_built_in_chain_has_none() -> None:
    assert refused(RuleChain(name="c", chain_name="a" * 28)) is None
    assert refused(chain("c", "", chain_name="a")) == ("chain_name",)


@pytest.mark.parametrize(
    "rule",
    [
        "-A INPUT -j ACCEPT", "-I INPUT", "-D INPUT 1", "-P INPUT DROP", "-t nat -j ACCEPT",
        "-tnat", "-F", "-X", "-N new", "-R INPUT 1", "-E a b", "-Z", "-L", "-S", "-C INPUT",
        "--append INPUT", "--app INPUT", "--insert=INPUT", "--table nat", "--flush",
        "--modprobe=/bin/sh -j ACCEPT", "--modp /bin/sh", "-M /bin/sh", "--", "-fA INPUT",
        "-v -j ACCEPT", "-vA INPUT", "-6 -j ACCEPT", "-4 -j ACCEPT", "--ipv6", "-h", "--help",
        "", "  ", "-j 'ACCEPT", "-j ACCEPT\n-A INPUT -j DROP", "-j ACCEPT\r", "-j ACCEPT\0",
        "-j LOG --log-prefix " + "x" * 1001, "-j ACCEPT" + " " * 5000, "-j\u2028ACCEPT",
    ],
)  # fmt: skip
def test_what_leads_out_of_its_chain_or_line_is_refused_by_its_number(rule: str) -> None:
    fine = ["-j ACCEPT", "-p tcp -j DROP", "-s 10.0.0.1 -j RETURN"]

    assert refused(chain("c", "", *fine, rule)) == ("rules[3]",)


@pytest.mark.parametrize(
    "rule",
    [
        "-p tcp --dport 80 -j ACCEPT", "-ptcp -jACCEPT", "! -s 10.0.0.0/8 -i eth+ -f -j DROP",
        "-m policy --pol ipsec --dir in -j ACCEPT", "-m set --match-set a src", "-g other",
        "-j LOG --log-prefix \"it's here: \"", "-m comment --comment 'a \"b\" c'", "-c 1 2",
        "-m mark --mark -1", "-m statistic --mode random --probability 0.5 -j DROP",
        "-m helper --helper ftp", "-m length --length 1:2", "-m conntrack --ctstate NEW",
        "-m state --state NEW -j CT --zone 5", "-m recent --name a --rcheck --seconds 5",
    ],
)  # fmt: skip
def test_matches_and_targets_of_all_kinds_are_taken(rule: str) -> None:
    assert refused(chain("c", "", rule)) is None


def test_a_rule_that_jumps_to_its_own_chain_is_a_loop() -> None:
    assert refused(custom("c", "", "-j ACCEPT", "-p tcp -j c")) == ("rules[1]",)
    assert refused(custom("c", "", "-gc")) == ("rules[0]",)


@pytest.mark.parametrize(
    ("more", "fields"),
    [
        ({"name": ""}, ("name",)),
        ({"name": "a/b"}, ("name",)),
        ({"interfaces": ["eth0", ""]}, ("interfaces[1]",)),
        ({"namespace": NetNamespace(type=NetNamespace.NSID)}, ("namespace", "reference")),
        ({"table": 17}, ("table",)),
        ({"chain_type": 17}, ("chain_type",)),
        ({"protocol": 17}, ("protocol",)),
        ({"default_policy": 17}, ("default_policy",)),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(
    more: dict[str, Any], fields: tuple[str, ...]
) -> None:
    value = RuleChain(**{"name": "c", "chain_type": RuleChain.INPUT, **more})

    assert refused(value) == fields


def test_a_name_that_leaves_no_room_in_the_comment_is_refused() -> None:
    long = RuleChainDescriptor(Kernel("an-owner-with-a-long-name"))
    value = chain("c" * 200, "")

    assert refused(value) is None
    with pytest.raises(InvalidValue, match="too long"):
        long.validate(keys.rule_chain(value.name), value)


def test_it_needs_its_namespace_and_the_interfaces_that_it_lists() -> None:
    value = chain("c", "left", interfaces=["eth0", "eth1", "eth0"])

    needs = list(DESCRIPTOR.dependencies(keys.rule_chain("c"), value))

    assert [(one.key, one.label) for one in needs] == [
        (keys.namespace("left"), "namespace-exists"),
        (keys.interface("eth0"), "interface-exists-eth0"),
        (keys.interface("eth1"), "interface-exists-eth1"),
    ]
    web = NetNamespace(type=NetNamespace.MICROSERVICE, reference="web")
    inside = RuleChain(name="c", chain_type="INPUT", namespace=web)
    (need,) = DESCRIPTOR.dependencies(keys.rule_chain("c"), inside)
    assert need == (keys.microservice("web"), "microservice-available")


def test_two_values_for_one_chain_exclude_each_other() -> None:
    def claims(value: RuleChain) -> set[str]:
        return set(DESCRIPTOR.claims(keys.rule_chain(value.name), value))

    assert claims(chain("a", "n")) & claims(chain("b", "n"))
    assert not claims(chain("a", "n")) & claims(chain("b", "m"))
    assert not claims(chain("a", "n")) & claims(chain("b", "n", protocol=RuleChain.IPV6))
    assert not claims(chain("a", "n")) & claims(chain("b", "n", table=RuleChain.MANGLE))
    assert claims(custom("a", "n")) & claims(chain("b", "n", at=RuleChain.CUSTOM, chain_name="a"))


def test_quotation_marks_and_blanks_make_no_difference_but_the_order_does() -> None:
    def same(old: str, new: str) -> bool:
        return DESCRIPTOR.equivalent(
            keys.rule_chain("c"), chain("c", "", old), chain("c", "", new)
        )

    assert same("-p tcp -j ACCEPT", "-p  'tcp' -j \"ACCEPT\"")
    assert not same("-s 10.0.0.1 -d 10.0.0.2", "-s 10.0.0.2 -d 10.0.0.1")


def test_only_rules_and_policy_change_in_place() -> None:
    def anew(old: RuleChain, new: RuleChain) -> bool:
        return DESCRIPTOR.requires_recreate(keys.rule_chain("c"), old, new, None)

    old = chain("c", "n", "-j ACCEPT")
    assert not anew(old, chain("c", "n", "-j DROP", default_policy=RuleChain.DROP))
    assert not anew(old, chain("c", "n", "-j ACCEPT", interfaces=["eth0"]))
    assert anew(old, chain("c", "m", "-j ACCEPT"))
    assert anew(old, chain("c", "n", "-j ACCEPT", protocol=RuleChain.IPV6))
    assert anew(old, chain("c", "n", "-j ACCEPT", table=RuleChain.MANGLE))
    assert anew(old, chain("c", "n", "-j ACCEPT", at=RuleChain.OUTPUT))
    assert anew(custom("c", "n"), chain("c", "n", at=RuleChain.CUSTOM, chain_name="d"))


def test_our_own_names_differ_by_owner_and_by_name_and_fit() -> None:
    names = {own_name(owner, name) for owner in ("kvs", "kvs2") for name in ("a", "b" * 200)}

    assert len(names) == 4
    assert all(len(name) <= 28 and name.startswith("kvs-") for name in names)


@given(st.text(min_size=1, max_size=60).filter(str.isprintable))
def test_words_are_read_back_as_they_were_by_a_reader_of_double_quotes(word: str) -> None:
    text = rules.written([word, "-j", word])

    assert shlex.split(text) == [word, "-j", word]
    assert "\n" not in text
    assert "'" not in text or '"' in text


@given(st.text(max_size=80))
def test_whatever_is_written_is_a_rule_or_refused_in_words(text: str) -> None:
    fields = refused(chain("c", "", text))

    assert fields in (None, ("rules[0]",))
