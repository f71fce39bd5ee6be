# SPDX-License-Identifier: Apache-2.0
"""Tells a run to people: what was wanted, what was called, what failed, what came of it."""

from __future__ import annotations

from collections.abc import Callable

from kvscheduler import TransactionResult
from kvscheduler.testing import Event
from tests.sim.expected import Edge, Expected
from tests.sim.world import World
from tests.sim.wrecks import Wreck

__all__ = ["after", "before", "crashed", "verdict"]

Say = Callable[[str], object]


def before(say: Say, number: int, doing: str, edge: Edge, plan: str) -> None:
    """Tell what is about to be done."""
    say(f"--- run {number}: {doing}")
    for key, value in edge.before.wanted.items():
        say(f"    wanted before   {key} = {value}")
    for key, change in sorted(edge.changes.items()):
        say(f"    change          {key} = {change}")
    say(_indented(plan))


def after(say: Say, outcome: TransactionResult | Exception, world: World) -> None:
    """Tell what the commit did."""
    for event in world.southbound.log:
        say(f"    {_line(event)}")
    world.southbound.log.clear()
    if isinstance(outcome, TransactionResult):
        errors = ", ".join(f"{key}: {error}" for key, error in outcome.errors.items())
        say(f"    commit ends: reverted={outcome.reverted} {errors or 'no error'}")
    else:
        say(f"    commit raises {outcome!r}")


def verdict(say: Say, world: World, due: Expected) -> None:
    """Tell what has become of it, and what the oracle says."""
    for event in world.southbound.log:
        say(f"    {_line(event)}")
    ours = world.southbound.ours()
    for key in sorted(ours.keys() | due.due.keys() | due.states.keys()):
        is_there = "there" if key in ours else "absent"
        ought = "there" if key in due.due else "absent"
        state = world.scheduler.status(key).state.name
        say(f"    {key:<8} {is_there:<7} oracle: {ought:<7} {state}")


def crashed(say: Say, wreck: Wreck) -> None:
    """Tell what a kill leaves behind."""
    say(f"    killed {wreck.moment}; another engine starts on")
    for key, held in sorted(wreck.southbound.held.items()):
        say(f"        southbound {key} = {held.value}{'' if held.ours else ' of others'}")
    if wreck.journal is not None:
        records = wreck.journal.peek()
        for key, wish in records.wanted.items():
            say(f"        journal wants {key} = {wish.value}")
        for key, wish in records.rejected.items():
            say(f"        journal wants, though invalid, {key} = {wish.value}")
        for key, made in records.made.items():
            say(f"        journal made {key}{', in doubt' if made.doubtful else ''}")


def _line(event: Event) -> str:
    what = f"{event.at_s:9.2f} s  {event.phase:<8} {event.kind} {event.key}"
    return f"{what}  {event.error}" if event.error else what


def _indented(text: str) -> str:
    return "\n".join(f"    | {line}" for line in text.splitlines())
