# SPDX-License-Identifier: Apache-2.0
"""Whether a run has ended as it has to: southbound, statuses, strangers, journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kvscheduler import JournalError, TransactionResult
from kvscheduler.status import Statuses
from kvscheduler.testing import Item
from tests.sim.expected import GONE, Edge, Expected, problems
from tests.sim.strikes import Kind, Place, Script, Strike
from tests.sim.tally import Tally
from tests.sim.universe_world import UniverseWorld
from tests.sim.world import World
from tests.sim.wrecks import AnyJournal

__all__ = ["Violation", "check", "look_again", "mends_itself"]

# A further resync has to find nothing to do; it is asked for after one run in so many.
LOOK_AGAIN_EVERY = 4


class Violation(AssertionError):
    """A run that did not end as the oracle expects."""


def check(world: World, due: Expected, edge: Edge | None = None) -> None:
    """Compare southbound and engine with what is expected."""
    found = list(_differences(world, due, edge))
    if found:
        raise Violation("; ".join(found))


def check_journal(journal: AnyJournal, due: Expected) -> None:
    """Compare what the journal would tell the next engine with what is expected."""
    records = journal.peek()
    wishes = {**records.wanted, **records.rejected}
    own = {key: wish.value for key, wish in wishes.items() if wish.base is None}
    if own != due.wanted:
        raise Violation(f"the journal wants {wishes}")
    made = {key for key, one in records.made.items() if not one.adopted}
    if made != due.due.keys():
        raise Violation(f"the journal says that {sorted(made)} were made")
    if records.made.keys() - made - due.refused != due.borrowed.keys():
        raise Violation(f"the journal says that {sorted(records.made)} were made or taken over")
    if any(made.doubtful for made in records.made.values()):
        raise Violation("the journal is in doubt about what is certain")


async def look_again(world: UniverseWorld, due: Expected, script: Script, tally: Tally) -> None:
    """Look whether the journal says the same, and now and then whether a resync finds more."""
    if world.journal is not None:
        check_journal(world.journal, due)
    if tally.runs % LOOK_AGAIN_EVERY:
        return
    before = script.counts[Place.CALL]
    await world.scheduler.resync("full")
    tally.asked_for += 1
    if script.counts[Place.CALL] != before:
        raise Violation("a further resync finds something to do")
    if world.journal is not None:
        check_journal(world.journal, due)


def mends_itself(
    edge: Edge, struck: Sequence[Strike], outcome: TransactionResult | JournalError
) -> bool:
    """Tell whether the retry policy of the transaction is enough to get over it.

    A value keeps the policy of the transaction that set it: that of others has none.
    """
    if isinstance(outcome, JournalError) or outcome.reverted:
        return False
    places = {strike.place for strike in struck} - {Place.MOMENT}
    final = any(strike.kind is Kind.FINAL for strike in struck)
    return places <= {Place.CALL} and not final and edge.sets(outcome.errors)


def _differences(world: World, due: Expected, edge: Edge | None) -> Iterator[str]:
    southbound = world.southbound
    yield from southbound.violations
    wanted = world.scheduler.values()
    if wanted != due.wanted:
        yield f"wants {wanted}, not {due.wanted}"
    ours: dict[str, Item] = {}
    others: dict[str, Item] = {}
    for key, held in southbound.held.items():
        (ours if held.ours else others)[key] = held.value
    if due.loose:  # there what is derived shows in the derived values alone
        ours = {key: value.bare() for key, value in ours.items()}
    if ours != due.due:
        missing, extra = sorted(due.due.keys() - ours.keys()), sorted(ours.keys() - due.due.keys())
        wrong = sorted(key for key in ours.keys() & due.due.keys() if ours[key] != due.due[key])
        yield f"southbound: {missing=} {extra=} {wrong=}"
    # What was handed back is as the northbound has left it.
    left = {key: others[key] for key in due.lent if key in others}
    if others != {**due.strangers, **left, **due.borrowed}:
        yield f"strangers are {others}, not {due.strangers} with {due.borrowed}"
    # The state alone: what else status() tells takes a tenth of a run.
    engine = world.scheduler._engine
    state = Statuses(engine.graph, engine.registry).state
    yield from problems({key: state(key) for key in due.states}, due.states)
    if edge is not None and due is edge.after:
        for key in edge.gone:
            if state(key) not in GONE:
                yield f"{key} is {state(key).name}, though it is gone"
