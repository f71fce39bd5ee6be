# SPDX-License-Identifier: Apache-2.0
"""The public strategies draw what they say, and the engine keeps its laws on all of it."""

from __future__ import annotations

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from kvscheduler.testing import Item, strategies
from kvscheduler.testing.replay import cycles
from kvscheduler.testing.strategies import (
    SHAPES,
    Changes,
    Features,
    Graph,
    Universe,
    changes,
    features,
    graphs,
    sequences,
    stories,
)
from tests.sim.world import World, check_all, play

WIDE = Universe(
    north=tuple(f"a/{number}" for number in range(20)),
    claims=tuple(f"claim{number}" for number in range(20)),
)
QUICK = settings(
    max_examples=2000,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # found is enough: it need not be made small
)


def standing(graph: Graph) -> set[str]:
    """Return what of a configuration stands, by law 1."""
    world = World()
    world.oracle.change(graph)
    return set(world.oracle.configured())


# --- each shape is what it says ------------------------------------------------------------------


@given(graph=strategies.chains())
def test_in_a_chain_each_needs_the_next_and_the_last_none(graph: Graph) -> None:
    keys = list(graph)

    assert [item.needs for item in graph.values()] == [*((key,) for key in keys[1:]), ()]
    assert len(keys) >= 2


@given(graph=strategies.diamonds())
def test_a_diamond_has_one_top_several_sides_and_one_bottom(graph: Graph) -> None:
    top, *sides, bottom = graph

    assert len(sides) >= 2
    assert set(graph[top].needs) == set(sides)
    assert {graph[side].needs for side in sides} == {(bottom,)}
    assert graph[bottom].needs == ()


@given(graph=strategies.cycles())
def test_in_a_cycle_each_needs_all(graph: Graph) -> None:
    world = World()
    world.oracle.change(graph)

    rings = cycles(world.oracle.units())

    assert {rings[key] for key in graph} == {frozenset(graph)}


@given(graph=strategies.any_of())
def test_an_any_of_is_met_by_another_value(graph: Graph) -> None:
    first, *others = graph
    (dependency,) = graph[first].dependencies()

    assert any(dependency.matches(key) for key in others)  # type: ignore[union-attr]  # an any-of


@given(graph=strategies.derived())
def test_a_derived_value_needs_what_its_base_does_not_derive(graph: Graph) -> None:
    (base,) = (item for item in graph.values() if item.derives)
    needed = {need for _, item in base.derives for need in item.needs}

    assert len(needed) == 1
    assert needed <= set(graph)


@given(graph=strategies.claims())
def test_claims_are_held_once(graph: Graph) -> None:
    held = [claim for item in graph.values() for claim in item.claims]

    assert len(held) == len(set(held)) == len(graph)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_whole_shape_stands(shape: str) -> None:
    @given(graph=SHAPES[shape]())
    def check(graph: Graph) -> None:
        assert standing(graph) >= set(graph)

    check()


# --- and all of them come ------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["chains", "diamonds", "cycles", "any_of", "claims"])
def test_a_shape_comes_small_and_large(shape: str) -> None:
    drawn = SHAPES[shape](WIDE)

    least = 4 if shape == "diamonds" else 2

    for size in (least, 6):
        assert find(drawn, lambda graph: len(graph) == size, settings=QUICK)  # noqa: B023 - at once


@pytest.mark.parametrize(
    "field", ["needs", "any_of", "derives", "claims", "data"], ids=lambda field: f"with {field}"
)
def test_graphs_draw_every_shape(field: str) -> None:
    found = find(
        graphs(),
        lambda graph: any(getattr(item, field) for item in graph.values()),
        settings=QUICK,
    )

    assert found


def test_a_derived_value_may_be_a_fact_and_may_have_brothers() -> None:
    def with_a_fact(graph: Graph) -> bool:
        names = [name for item in graph.values() for name, _ in item.derives]
        return len(names) >= 2 and any(name.startswith("f/") for name in names)

    assert find(strategies.derived(), with_a_fact, settings=QUICK)


def test_a_universe_too_small_for_a_shape_is_refused() -> None:
    tiny = Universe(north=("a/1", "a/2"))

    with pytest.raises(ValueError, match="takes 4 of"):
        find(strategies.diamonds(tiny), lambda graph: True, settings=QUICK)


SEQUENCES = {
    "set bit by bit": lambda story: len(story) >= 3 and all(len(one) == 1 for one in story[:3]),
    "much at once": lambda story: len(story[0]) >= 4,
    "deleted": lambda story: None in story[-1].values(),
    "set once more": lambda story: len(story) > 1 and story[-1].items() <= story[-2].items(),
    "of another shape": lambda story: any(v and v.shape for v in story[-1].values()),
}


@pytest.mark.parametrize("kind", SEQUENCES)
def test_sequences_of_each_kind_come(kind: str) -> None:
    assert find(sequences(), SEQUENCES[kind], settings=QUICK)


@pytest.mark.parametrize("name", ["needs", "any_of", "derives", "claims", "shapes", "invalid"])
def test_a_feature_that_is_on_comes_and_one_that_is_off_does_not(name: str) -> None:
    fields = {"shapes": "shape", "invalid": "valid"}
    field = fields.get(name, name)

    def shows(story: tuple[Features, list[Changes]]) -> bool:
        items = [item for one in story[1] for item in one.values() if item is not None]
        return any(getattr(item, field) != getattr(Item(), field) for item in items)

    found, _ = find(stories(), shows, settings=QUICK)

    assert getattr(found, name)


@given(on=features(properties=False, any_of=True))
def test_features_can_be_fixed(on: Features) -> None:
    assert on.any_of
    assert not on.properties


@given(change=changes(Features(), keys=("x/1", "x/2"), most=2))
def test_changes_are_about_the_keys_that_are_given(change: Changes) -> None:
    assert set(change) <= {"x/1", "x/2"}


# --- the engine on them --------------------------------------------------------------------------


# The check of law 3 tries all orders, which takes long where there are many values.
@settings(max_examples=30)
@given(story=sequences(graphs(most=4), most=3))
def test_the_engine_keeps_its_laws_on_every_shape(story: list[Changes]) -> None:
    check_all(*story)


@given(story=sequences(), again=st.booleans())
def test_a_resync_after_the_loss_of_everything_brings_every_shape_back(
    story: list[Changes], *, again: bool
) -> None:
    async def run(world: World) -> None:
        for change in story:
            await world.commit(change)
        world.southbound.restart()
        await world.scheduler.resync("full")
        world.check()
        if again:
            result = await world.scheduler.resync("full")
            assert result.plan.is_empty

    play(run)
