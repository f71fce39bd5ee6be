# SPDX-License-Identifier: Apache-2.0
"""What happens to a southbound behind the engine's back, drawn at random."""

from __future__ import annotations

import dataclasses

from hypothesis import strategies as st

from kvscheduler.testing import Item as N
from tests.sim.world import World
from tests.strategies import PROPERTIES

__all__ = ["drift"]


def drift(world: World, data: st.DataObject, *, announce: bool = False) -> set[str]:
    """Change the southbound behind the engine's back; return the keys that moved."""
    southbound = world.southbound
    mine = sorted(key for key, held in southbound.held.items() if held.ours)
    bases = [key for key in mine if southbound.held[key].owner is None]
    what = data.draw(st.sampled_from(("remove", "alter", "add", "take away")))
    if what == "remove" and mine:
        key = data.draw(st.sampled_from(bases if announce else mine))
        gone = {key} | {name for name, held in southbound.held.items() if held.owner == key}
        southbound.remove(key, announce=announce)
        return gone
    if what == "alter" and mine:
        key = data.draw(st.sampled_from(bases if announce else mine))
        value = southbound.seen(key) if announce else southbound.held[key].value
        other = dataclasses.replace(value, data=9, shape=data.draw(st.integers(0, 1)))
        southbound.alter(key, other, announce=announce)
        return {key}
    key = data.draw(st.sampled_from(PROPERTIES))
    before = southbound.held.get(key)
    touched = {key} | {name for name, _ in (before.value.derives if before else ())}
    if what == "take away" and before is not None:
        southbound.remove(key, announce=announce)
        return touched
    derives = data.draw(st.sampled_from(((), ((f"f/{key}", N()),))))
    southbound.add(key, N(data=data.draw(st.integers(0, 1)), derives=derives), announce=announce)
    return touched | {name for name, _ in derives}
