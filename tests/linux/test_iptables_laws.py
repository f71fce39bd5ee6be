# SPDX-License-Identifier: Apache-2.0
"""The laws of descriptors on rule chains, in both variants of iptables, which are the witness."""

from __future__ import annotations

import unittest
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from kvs_descriptors import linux
from kvs_descriptors.linux.iptables import RuleChainDescriptor
from kvs_descriptors.linux.kernel import Kernel
from kvscheduler import Descriptor
from kvscheduler.testing import descriptor_laws
from ligato.linux.iptables.iptables_pb2 import RuleChain
from ligato.linux.namespace.namespace_pb2 import NamedNamespace
from tests.linux.bench import namespace, reference
from tests.linux.filters import VARIANTS, Filters, needs
from tests.linux.test_laws import EXAMPLES, FEW, PHASES, STEPS, Wires, by_key, keyed

RULES = st.lists(
    st.sampled_from(
        [
            "-s 10.0.0.1 -j DROP",
            "-s 10.0.0.1/32 -j DROP",
            "-p  tcp --dport 80 -j ACCEPT",
            "-p 6 -m tcp --dport http -j 'ACCEPT'",
            "-j theirs",
            "! -i lo -m state --state NEW",
        ]
    ),
    max_size=3,
)
POLICIES = st.sampled_from([RuleChain.NONE, RuleChain.ACCEPT, RuleChain.DROP])
PLACES = st.sampled_from(["left", "right"]).map(reference)


def built(**fixed: Any) -> st.SearchStrategy[RuleChain]:
    names = st.sampled_from(["a", "b"])
    return st.builds(RuleChain, name=names, namespace=PLACES, rules=RULES, **fixed)


CHAINS = st.one_of(
    built(chain_type=st.just("INPUT"), default_policy=POLICIES),
    built(chain_type=st.just("OUTPUT"), default_policy=POLICIES),
    built(chain_type=st.just("OUTPUT"), table=st.just("MANGLE")),
    built(chain_name=st.just("c")),
)
OTHERS = (
    "-N theirs",
    "-A theirs -s 192.0.2.1",
    "-A OUTPUT -s 192.0.2.2 -j theirs",
    "-t mangle -N theirs",
)


class Inhabited(linux.NamespaceDescriptor):
    """Namespaces in which others have rules, as soon as they are there."""

    def __init__(self, kernel: Kernel, filters: Filters) -> None:
        super().__init__(kernel)
        self.filters = filters

    async def create(self, key: str, value: NamedNamespace) -> None:
        await super().create(key, value)
        if self.filters.all(value.name) == []:
            for command in OTHERS:
                self.filters.do(value.name, *command.split())


class Chained(Wires):
    """Rule chains are the values; others have a chain, rules and a policy of their own."""

    variant = ""
    ground: Mapping[str, Any] = by_key(namespace("left"), namespace("right"))

    def open(self) -> None:
        super().open()
        self.filters = Filters(self.bench, self.variant)
        self.kernel = self.new_kernel()

    def descriptors(self) -> list[Descriptor[Any, Any]]:
        _, *made = linux.descriptors(kernel=self.kernel)
        others = [one for one in made if not isinstance(one, RuleChainDescriptor)]
        chains = RuleChainDescriptor(self.kernel, self.variant)
        return [Inhabited(self.kernel, self.filters), *others, chains]

    def snapshot(self) -> dict[Any, Any]:
        there = {place: self.filters.all(place) for place in self.bench.listing()}
        return {
            (place, line): lines.count(line) for place, lines in there.items() for line in lines
        }

    def stranger(self, key: str, value: RuleChain) -> bool:
        if value.chain_type != RuleChain.CUSTOM:
            return False
        place = value.namespace.reference
        self.filters.do(place, "-N", value.chain_name)
        self.filters.do(place, "-A", value.chain_name, "-j", "RETURN")
        return True


def laws(variant: str) -> type[unittest.TestCase]:
    rig = type(f"Chained_{variant}", (Chained,), {"variant": variant})
    examples = EXAMPLES if EXAMPLES > FEW else FEW // 2  # two variants share what one would get
    chosen = settings(max_examples=examples, stateful_step_count=STEPS, phases=PHASES)
    test = descriptor_laws(
        Chained.descriptors, values=keyed(CHAINS), southbound=rig, settings=chosen
    )
    skip = pytest.mark.skipif(not _works(variant), reason=f"iptables-{variant} is needed")
    return skip(pytest.mark.usefixtures("privileged")(test))


def _works(variant: str) -> bool:
    try:
        needs(variant)
    except pytest.skip.Exception:
        return False
    return True


TestNft, TestLegacy = map(laws, VARIANTS)
