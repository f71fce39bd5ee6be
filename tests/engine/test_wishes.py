# SPDX-License-Identifier: Apache-2.0
"""Wishes by example: keys that change hands, invalid values, deletes of what is not one's own."""

from __future__ import annotations

import pytest

from kvscheduler import ClaimConflict, ValueState
from kvscheduler.testing import Item
from tests.sim.world import World, check_all, play
from tests.strategies import Changes

N = Item
INVALID = N(valid=False)
CONFIGURED = ValueState.CONFIGURED


def derives(key: str, item: Item | None = None) -> Item:
    return N(derives=((key, item or N()),))


def states(world: World, *keys: str) -> list[ValueState]:
    return [world.scheduler.status(key).state for key in keys]


def test_a_resync_refuses_a_key_that_a_base_derives_now_as_before() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": derives("c/x")})
        changes = {"a/1": derives("c/x"), "c/x": N(data=1)}
        await world.transaction(changes, resync="full").commit()
        assert states(world, "a/1", "c/x") == [CONFIGURED, ValueState.INVALID]
        error = str(world.scheduler.status("c/x").error)
        assert "a/1" in error
        assert "c/x" in error
        assert world.southbound.ours() == {"a/1": derives("c/x"), "c/x": N()}

    play(run)


@pytest.mark.parametrize("base", [N(), None], ids=["base stays", "base goes"])
def test_of_two_keys_that_are_taken_from_bases_only_the_one_that_is_free_may_be(
    base: Item | None,
) -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": derives("b/y"), "a/2": derives("c/x")})
        with pytest.raises(ClaimConflict) as refused:
            world.transaction({"a/1": base, "b/y": N(), "c/x": N()}).plan()
        assert set(refused.value.keys) == {"a/2", "c/x"}

    play(run)


def test_what_the_northbound_gives_up_is_no_predecessor_of_what_a_base_derives() -> None:
    plans = check_all({"c/x": N()}, {"c/x": None, "a/1": derives("c/x", INVALID)})

    assert plans[1] == [("delete", "c/x"), ("create", "a/1")]


def test_a_derived_value_is_valid_again_as_soon_as_it_is_what_it_was() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": derives("b/y")})
        await world.commit({"a/1": derives("b/y", INVALID)})
        assert states(world, "b/y") == [ValueState.INVALID]
        await world.commit({"a/1": derives("b/y")})
        assert states(world, "b/y") == [CONFIGURED]
        world.check()

    play(run)


@pytest.mark.parametrize("fails", [False, True])
def test_to_delete_what_a_base_derives_changes_nothing(*, fails: bool) -> None:
    async def run(world: World) -> None:
        if fails:
            world.southbound.fail("b/y", "create", retriable=False)
        await world.commit({"a/1": derives("b/y")})
        before = states(world, "b/y")
        assert world.transaction({"b/y": None}).plan().is_empty
        await world.transaction({"b/y": None}).commit()
        assert states(world, "b/y") == before
        assert ("b/y" in world.southbound.held) is not fails

    play(run)


def test_a_descriptor_may_come_while_a_derived_value_has_never_been_valid() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": derives("b/y", INVALID), "c/1": N()})
        world.register("c")
        await world.scheduler.settle()
        assert states(world, "a/1", "b/y", "c/1") == [CONFIGURED, ValueState.INVALID, CONFIGURED]

    play(run, World(prefixes="ab"))


@pytest.mark.parametrize("at_once", [False, True])
def test_two_bases_may_not_derive_one_key_be_it_valid_or_not(*, at_once: bool) -> None:
    first: Changes = {"a/1": derives("c/x", INVALID)}
    second: Changes = {"a/2": derives("c/x")}

    async def run(world: World) -> None:
        if not at_once:
            await world.commit(first)
        with pytest.raises(ClaimConflict) as refused:
            world.transaction({**first, **second} if at_once else second).plan()
        assert refused.value.keys == ("a/1", "a/2")

    play(run)
