# SPDX-License-Identifier: Apache-2.0
"""Who holds what, against a naive model: whatever is proposed leads the engine to what counts."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from kvs_agent.orchestrator import Holdings, Item
from kvs_agent.orchestrator.holdings import rank
from kvscheduler import Unreadable

BROKEN = Unreadable("no")
SOURCES = ("file", "etcd", "grpc", "zoo")
# A value is text; each letter of it after a dash names a key that it implies.
KEYS = ("a", "b", "c", "x", "y")
VALUES = ("1", "2", "1-x", "2-x", "1-xy", "3-y")

Changes = Mapping[str, Item | None]
Naive = dict[str, dict[str, Item]]


def implied(value: object) -> Mapping[str, object]:
    _, _, names = str(value).partition("-")
    return {name: f"implied {name}" for name in names}


def naive_values(held: Naive) -> dict[str, object]:
    """Return what counts: of each key the strongest source's, and what those imply."""
    merged: dict[str, object] = {}
    for source in sorted(held, key=rank):
        merged.update({key: item.value for key, item in held[source].items()})
    under = {name: one for value in merged.values() for name, one in implied(value).items()}
    return {**under, **merged}


items = st.builds(Item, st.sampled_from(VALUES), st.sampled_from([{}, {"from": "test"}]))
changes = st.dictionaries(st.sampled_from(KEYS), st.one_of(st.none(), items), max_size=4)
steps = st.lists(st.tuples(st.sampled_from(SOURCES), changes, st.booleans()), max_size=12)


@given(steps)
def test_the_engine_is_led_to_what_counts(steps: list[tuple[str, Changes, bool]]) -> None:
    holdings, held, engine = Holdings(implied), Naive(), dict[str, object]()

    for source, wanted, replace in steps:
        if replace:
            held[source] = {}
        for key, item in wanted.items():
            held.setdefault(source, {}).pop(key, None)
            if item is not None:
                held[source][key] = item
        proposal = holdings.propose(source, wanted, replace=replace)
        assert not proposal.sets.keys() & set(proposal.deletes)
        assert all(engine.get(key) != value for key, value in proposal.sets.items())
        assert all(key in engine for key in proposal.deletes)
        engine.update(proposal.sets)
        for key in proposal.deletes:
            del engine[key]
        holdings.accept(proposal)

        assert engine == holdings.values() == naive_values(held)
        assert dict(holdings.of_source(source)) == held.get(source, {})


@given(steps)
def test_to_propose_changes_nothing(steps: list[tuple[str, Changes, bool]]) -> None:
    holdings = Holdings(implied)
    for source, wanted, replace in steps:
        first = holdings.propose(source, wanted, replace=replace)
        before = holdings.values()

        assert holdings.propose(source, wanted, replace=replace) == first
        assert holdings.values() == before
        holdings.accept(first)


@given(steps)
def test_a_change_that_is_made_again_is_empty(steps: list[tuple[str, Changes, bool]]) -> None:
    holdings = Holdings(implied)
    for source, wanted, replace in steps:
        holdings.accept(holdings.propose(source, wanted, replace=replace))

        assert holdings.propose(source, wanted, replace=replace).is_empty


def hold(
    holdings: Holdings, source: str, **values: str | None
) -> tuple[dict[str, object], tuple[str, ...]]:
    wanted = {key: None if value is None else Item(value) for key, value in values.items()}
    proposal = holdings.propose(source, wanted)
    holdings.accept(proposal)
    return dict(proposal.sets), proposal.deletes


def test_a_delete_from_one_source_uncovers_what_another_holds() -> None:
    holdings = Holdings()
    hold(holdings, "file", a="from a file")
    hold(holdings, "grpc", a="by hand")

    assert holdings.holders("a") == ("grpc", "file")
    assert hold(holdings, "grpc", a=None) == ({"a": "from a file"}, ())
    assert hold(holdings, "file", a=None) == ({}, ("a",))


def test_what_a_weaker_source_says_is_kept_and_not_told_to_the_engine() -> None:
    holdings = Holdings()
    hold(holdings, "grpc", a="by hand")

    assert hold(holdings, "etcd", a="from etcd") == ({}, ())
    assert holdings.holders("a") == ("grpc", "etcd")


def test_what_is_implied_stays_for_as_long_as_anybody_implies_it() -> None:
    holdings = Holdings(implied)

    assert hold(holdings, "etcd", a="1-x", b="2-x")[0]["x"] == "implied x"
    assert hold(holdings, "etcd", a=None) == ({}, ("a",))
    assert hold(holdings, "etcd", b=None) == ({}, ("b", "x"))


def test_what_a_source_holds_itself_outlives_what_is_implied() -> None:
    holdings = Holdings(implied)
    hold(holdings, "file", x="held")

    assert hold(holdings, "etcd", a="1-x") == ({"a": "1-x"}, ())
    assert hold(holdings, "file", x=None) == ({"x": "implied x"}, ())
    assert hold(holdings, "etcd", a=None) == ({}, ("a", "x"))


def test_what_can_be_read_no_longer_implies_what_it_did() -> None:
    holdings = Holdings(implied)
    hold(holdings, "etcd", a="1-x")
    proposal = holdings.propose("etcd", {"a": Item(BROKEN)})
    holdings.accept(proposal)

    assert (proposal.sets, proposal.deletes) == ({"a": BROKEN}, ())
    assert holdings.values() == {"a": BROKEN, "x": "implied x"}
    assert holdings.propose("etcd", {"a": Item(BROKEN)}).is_empty
    assert hold(holdings, "etcd", a="2-y") == ({"a": "2-y", "y": "implied y"}, ("x",))
