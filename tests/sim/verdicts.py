# SPDX-License-Identifier: Apache-2.0
"""Whether a run has ended as it has to: southbound, statuses, strangers, journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kvscheduler import JournalError, TransactionResult, ValueState
from kvscheduler.testing import Item
from tests.sim.expected import GONE, Edge, Expected, problems
from tests.sim.strikes import Kind, Place, Strike
from tests.sim.world import World
from tests.sim.wrecks import AnyJournal

__all__ = ["Violation", "check", "check_journal", "mends_itself"]


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
    if records.made.keys() != due.due.keys():
        raise Violation(f"the journal says that {sorted(records.made)} were made")
    if any(made.doubtful for made in records.made.values()):
        raise Violation("the journal is in doubt about what is certain")


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
    if others != due.strangers:
        yield f"strangers are {others}, not {due.strangers}"
    status = world.scheduler.status
    said: dict[str, ValueState] = {key: status(key).state for key in due.states}
    yield from problems(said, due.states)
    if edge is not None and due is edge.after:
        for key in edge.gone:
            if status(key).state not in GONE:
                yield f"{key} is {status(key).state.name}, though it is gone"
