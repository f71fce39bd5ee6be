# SPDX-License-Identifier: Apache-2.0
"""What the engine says of its values, beside what the oracle says."""

from __future__ import annotations

from kvscheduler import ValueState
from kvscheduler.testing import reasons, standing
from tests.sim.universe import DERIVED
from tests.sim.world import World
from tests.strategies import Changes

__all__ = ["check_reasons", "check_states", "is_sound", "must_revert", "states"]


def check_states(world: World) -> None:
    """Compare what the engine says of each wanted value with what the oracle says."""
    oracle, scheduler = world.oracle, world.scheduler
    stand = oracle.stand(world.properties())
    for key, unit in oracle.units().items():
        state = scheduler.status(key).state
        if key in oracle.invalid():
            assert state is ValueState.INVALID, key
        elif key not in stand:
            # What was lost, and cannot come back yet, may be called either.
            assert state in {ValueState.PENDING, ValueState.MISSING}, key
        elif not unit.is_fact and key not in world.properties():
            assert state is ValueState.CONFIGURED, key
    for key in oracle.unimplemented():
        assert scheduler.status(key).state is ValueState.UNIMPLEMENTED


def check_reasons(world: World) -> None:
    """Compare why the engine says a value waits with what the oracle says is missing."""
    units, given_keys = world.oracle.units(), world.given()
    missing = reasons(units, standing(units, given_keys), given_keys)
    for key in set(missing) - world.oracle.invalid():
        unmet = world.scheduler.status(key).unmet
        named = {one.key for one in unmet if one.key}
        assert named == {name for name in missing[key] if not name.startswith("any:")}, key
        any_of = sum(not one.key for one in unmet)
        assert any_of == sum(name.startswith("any:") for name in missing[key]), key


def states(world: World) -> dict[str, tuple[ValueState, object]]:
    """Return what stands, and what is said of it, without what may differ after a revert."""
    said = {}
    for status in world.scheduler.statuses():
        for one in (status, *status.derived):
            held = world.southbound.held.get(one.key)
            said[one.key] = (one.state, held and held.value)
    return {key: what for key, what in said.items() if what[0] is not ValueState.REMOVED}


def must_revert(world: World, change: Changes, key: str) -> bool:
    """Tell whether a failure on the key undoes the transaction, by the words of the law."""
    before = world.stand()
    ahead = world.ahead(change)
    assert ahead is not None
    unit = ahead.units().get(key)
    return key in change or key in before or (unit is not None and unit.base in change)


def is_sound(world: World) -> bool:
    """Tell whether all that stands could be made as it stands."""
    rules, held = world.rules, world.southbound.held
    units = {
        key: rules.unit(key, one.value, world.base_of(key))
        for key, one in held.items()
        if one.ours
    }
    derived = {name for key in held for name, _ in rules.derived(key, held[key].value)}
    if not derived.issuperset(units.keys() & set(DERIVED)):
        return False
    for key in held:
        for name, value in rules.derived(key, held[key].value):
            if rules.descriptor_of(name) is None:
                units[name] = rules.unit(name, value, key)
    others = {key for key, one in held.items() if not one.ours}
    return standing(units, others) == units.keys()
