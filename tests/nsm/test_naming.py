# SPDX-License-Identifier: Apache-2.0
"""What the interfaces of an endpoint's clients are called, and who is let in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_descriptors.nsm.errors import Declined
from kvs_descriptors.nsm.naming import Naming

LABELS = st.dictionaries(st.just("app"), st.sampled_from(["web", "db", "a/b", "x" * 20]))
STEPS = st.lists(st.tuples(st.sampled_from("abcdef"), LABELS, st.booleans()), max_size=30)
RULES = st.builds(
    Naming,
    prefix=st.sampled_from(["memif", "n", ""]),
    suffix_label=st.sampled_from(["", "app"]),
    is_single_client=st.booleans(),
)


@given(RULES, STEPS)
def test_names_are_unique_and_stay_while_their_connections_do(
    rules: Naming, steps: list[tuple[str, dict[str, str], bool]]
) -> None:
    held: dict[str, str] = {}
    for connection, labels, goes in steps:
        if goes:
            held.pop(connection, None)
            continue
        try:
            name = rules.name(connection, labels, held)
        except Declined:
            assert connection not in held
            continue
        assert held.get(connection, name) == name
        held[connection] = name

        assert len(set(held.values())) == len(held)
        assert all(0 < len(one) <= 15 and "/" not in one for one in held.values())
        assert len(held) <= 1 or not rules.is_single_client


def test_the_lowest_free_number_is_taken() -> None:
    rules = Naming(prefix="nsm")

    assert rules.name("c", {}, {}) == "nsm0"
    assert rules.name("c", {}, {"a": "nsm0", "b": "nsm2"}) == "nsm1"


def test_a_label_of_the_client_names_the_interface() -> None:
    rules = Naming(prefix="conn-", suffix_label="app")

    assert rules.name("c", {"app": "nat"}, {}) == "conn-nat"


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ({}, "needs the label 'app'"),
        ({"app": "web"}, "is called conn-web already"),
        ({"app": "x" * 11}, "1 to 15 bytes"),
        ({"app": "a/b"}, "without space"),
    ],
)
def test_a_client_that_cannot_be_named_is_declined(labels: dict[str, str], why: str) -> None:
    rules = Naming(prefix="conn-", suffix_label="app")

    with pytest.raises(Declined, match=why):
        rules.name("c", labels, {"other": "conn-web"})


def test_a_single_client_may_come_again_and_a_second_one_may_not() -> None:
    rules = Naming(prefix="memif", is_single_client=True)

    assert rules.name("a", {}, {"a": "memif0"}) == "memif0"
    with pytest.raises(Declined, match="one client already"):
        rules.name("b", {}, {"a": "memif0"})


@given(
    RULES, LABELS, st.sampled_from(["memif0", "memif7", "nweb", "n01", "0", "a/b", "", "x" * 16])
)
def test_a_name_that_is_brought_is_believed_where_we_could_have_given_it(
    rules: Naming, labels: dict[str, str], brought: str
) -> None:
    others = {"memif0", "n0"}
    try:
        name = rules.name("c", labels, {}, others=others, brought=brought)
    except Declined:
        return

    assert name not in others
    if name == brought:
        suffix = name.removeprefix(rules.prefix)
        assert suffix in {labels.get("app"), str(int(suffix)) if suffix.isdigit() else None}


def test_a_client_that_was_there_before_is_called_what_it_was() -> None:
    rules = Naming(prefix="nsm")

    assert rules.name("c", {}, {}, brought="nsm4") == "nsm4"
    assert rules.name("c", {}, {"d": "nsm4"}, brought="nsm4") == "nsm0"
    assert rules.name("c", {}, {}, others=("nsm0",), brought="eth0") == "nsm1"


def test_the_one_name_of_a_single_client_is_known_beforehand_or_it_is_not_let_in() -> None:
    rules = Naming(prefix="nsm", is_single_client=True)

    assert rules.only == "nsm0"
    with pytest.raises(Declined, match="called nsm0 already"):
        rules.name("c", {}, {}, others=("nsm0",), brought="nsm1")
    assert Naming(prefix="nsm").only == ""
    assert Naming(prefix="nsm", suffix_label="app", is_single_client=True).only == ""
