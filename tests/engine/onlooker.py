# SPDX-License-Identifier: Apache-2.0
"""Looks at law 2 after every effect: whether all that a value needs is there; rings apart."""

from __future__ import annotations

from collections.abc import Callable

from kvscheduler.testing import Call
from kvscheduler.testing.oracle import Unit
from kvscheduler.testing.replay import cycles
from tests.sim.world import World

__all__ = ["look_on"]


def look_on(world: World, *, when: Callable[[], bool] = lambda: True, any_of: bool = True) -> None:
    """Have what a value lacks be noted among the southbound's violations.

    Every value that is there has its needs, in doubt or not. Members of rings may lack each other
    for a moment; facts come and go with no moment of their own. Without ``any_of`` these are not
    looked at: what fails may leave values that only hold each other up.
    """
    in_rings: set[str] = set()

    def look(moment: str, call: Call) -> None:
        southbound = world.southbound
        ours = {key: held for key, held in southbound.held.items() if held.ours}
        units = {key: world.rules.unit(key, one.value, one.owner) for key, one in ours.items()}
        coming = world.coming.units()
        for rings in (cycles({**coming, **units}), cycles(coming)):
            in_rings.update(key for key, ring in rings.items() if len(ring) > 1)
        if moment != "after effect" or not when():
            return
        for key, unit in units.items():
            if key in in_rings:
                continue
            if lacking := _lacking(unit, set(southbound.held), any_of=any_of):
                southbound.violations.append(
                    f"after {call.kind} {call.key}: {key} lacks {lacking}"
                )

    world.southbound.moments.append(look)


def _lacking(unit: Unit, there: set[str], *, any_of: bool) -> list[str]:
    lacking = [need for need in unit.needs if need not in there and need[0] != "f"]
    for group in unit.any_of if any_of else ():
        about_facts = any(prefix[0] == "f" for prefix in group.prefixes)
        if not about_facts and not any(group.matches(key) for key in there - {unit.key}):
            lacking.append(" or ".join(group.prefixes))
    return [name for name in lacking if name != unit.key]
