# SPDX-License-Identifier: Apache-2.0
"""Law 4 by example: one key or one claim, wanted twice."""

from __future__ import annotations

import pytest

from kvscheduler import ClaimConflict, ValueState
from kvscheduler.testing import Item
from tests.sim.world import World, check_all, play
from tests.strategies import Changes

N = Item
CONFIGURED, INVALID = ValueState.CONFIGURED, ValueState.INVALID


def states(world: World, *keys: str) -> list[ValueState]:
    return [world.scheduler.status(key).state for key in keys]


def test_a_resync_refuses_one_of_two_derived_values_of_one_base_with_one_claim() -> None:
    twice = N(derives=(("a/z", N(claims=("e",))), ("b/y", N(claims=("e",)))))

    async def run(world: World) -> None:
        await world.transaction({"a/2": twice}, resync="full").commit()
        assert states(world, "a/2", "a/z", "b/y") == [CONFIGURED, CONFIGURED, INVALID]
        error = world.scheduler.status("b/y").error
        assert "a/z" in str(error)
        assert "b/y" in str(error)

    play(run)


def test_a_resync_in_which_a_derived_value_comes_to_claim_what_its_like_holds() -> None:
    def base(claim: str) -> Item:
        return N(derives=(("a/z", N(claims=("e",))), ("b/y", N(claims=(claim,)))))

    async def run(world: World) -> None:
        await world.commit({"a/2": base("d")})
        await world.transaction({"a/2": base("e")}, resync="full").commit()
        assert states(world, "a/2", "a/z", "b/y") == [CONFIGURED, CONFIGURED, INVALID]
        assert world.southbound.ours()["b/y"] == N(claims=("d",))

    play(run)


@pytest.mark.parametrize("derives", [(), (("c/x", N()),)], ids=["alone", "with derived values"])
def test_a_resync_drops_the_last_valid_wish_too_where_that_excludes_another_one(
    derives: tuple[tuple[str, Item], ...],
) -> None:
    def waiting(data: int) -> Item:
        return N(data=data, needs=("c/1",), claims=("e",), derives=derives)

    async def run(world: World) -> None:
        await world.commit({"b/1": waiting(0)})
        changes: Changes = {"a/1": N(claims=("e",)), "b/1": waiting(1), "c/1": N()}
        await world.transaction(changes, resync="full").commit()
        assert states(world, "a/1", "b/1", "c/1") == [CONFIGURED, INVALID, CONFIGURED]
        assert set(world.southbound.ours()) == {"a/1", "c/1"}

    play(run)


def test_a_resync_drops_the_last_valid_wish_of_a_derived_key_as_well() -> None:
    def waiting(data: int) -> tuple[str, Item]:
        return "b/y", N(data=data, needs=("c/1",), claims=("e",))

    async def run(world: World) -> None:
        await world.commit({"a/2": N(derives=(waiting(0),))})
        both = N(derives=(("a/z", N(claims=("e",))), waiting(1)))
        await world.transaction({"a/2": both, "c/1": N()}, resync="full").commit()
        assert states(world, "a/2", "a/z", "b/y") == [CONFIGURED, CONFIGURED, INVALID]
        assert "b/y" not in world.southbound.ours()

    play(run)


@pytest.mark.parametrize("together", [True, False], ids=["at once", "one after the other"])
def test_a_key_set_with_an_invalid_value_and_derived_is_wanted_twice(*, together: bool) -> None:
    invalid: Changes = {"c/x": N(valid=False)}
    deriving: Changes = {"a/1": N(derives=(("c/x", N()),))}

    async def run(world: World) -> None:
        if not together:
            await world.commit(invalid)
        with pytest.raises(ClaimConflict) as refused:
            await world.transaction({**invalid, **deriving}).commit()
        assert set(refused.value.keys) == {"a/1", "c/x"}
        assert world.southbound.log == []

    play(run)


@pytest.mark.parametrize("base", [N(), None], ids=["base stays", "base goes"])
def test_a_derived_key_may_become_the_northbounds_own(base: Item | None) -> None:
    plans = check_all(
        {"a/1": N(derives=(("c/x", N()),))},
        {"a/1": base, "c/x": N(data=1)},
    )

    assert ("update", "c/x") in plans[1]
    assert len(plans[1]) == 2


def test_a_derived_key_that_the_northbound_takes_with_an_invalid_value_goes_with_its_base() -> (
    None
):
    check_all({"a/1": N(derives=(("c/x", N()),))}, {"a/1": N(), "c/x": N(valid=False)})


@pytest.mark.parametrize("valid", [True, False])
def test_the_northbound_may_not_take_what_a_base_still_derives(*, valid: bool) -> None:
    plans = check_all({"a/1": N(derives=(("c/x", N()),))}, {"c/x": N(data=1, valid=valid)})

    assert len(plans) == 1
