# SPDX-License-Identifier: Apache-2.0
"""The engine's state and its one way of working: plan, note, run, mend, close the books."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .calls import Calls
from .clock import Clock
from .errors import describe
from .executor import Executor
from .graph import Graph
from .history import History
from .inbox import Inbox
from .ledger import Ledger
from .model import RetryPolicy
from .observer import Observer
from .plan import Plan, TransactionResult
from .planner import Change, Draft, draft
from .refresh import Refresher
from .registry import Registry
from .retries import Retries
from .turns import Turns
from .watchers import Watchers

if TYPE_CHECKING:
    from .keeper import Keeper

__all__ = ["Engine", "Work"]

# What somebody asked for is history even where there was nothing to do.
_ASKED_FOR = ("transaction", "resync")
_NO_CHANGE = Change()


@dataclasses.dataclass(slots=True, eq=False, repr=False)
class Work:
    """One thing to be done in a turn of its own.

    ``refresh`` is the prefix below which the southbound is read first, None for not at all;
    ``expect`` the plan that it must come to.
    """

    kind: str
    change: Change = _NO_CHANGE
    description: str = ""
    labels: Mapping[str, str] | None = None
    retry: RetryPolicy | None = None
    revert: bool = False
    refresh: str | None = None
    expect: Plan | None = None
    prepared: tuple[Draft, Plan] | None = None


class Engine:
    """All that the parts of the scheduler share."""

    def __init__(
        self,
        *,
        clock: Clock,
        max_parallel: int,
        deadline_s: float | None,
        retry: RetryPolicy | None,
        history: int,
    ) -> None:
        self.clock = clock
        self.retry = retry
        self.graph = Graph()
        self.registry = Registry()
        self.ledger = Ledger(self.graph)
        self.observer = Observer(self.ledger, self.registry)
        self.inbox = Inbox()
        self.turns = Turns()
        self.history = History(history)
        self.watchers = Watchers(self.graph, self.registry)
        self.calls = Calls(clock, deadline_s)
        self.retries = Retries(clock, self.graph, self.inbox)
        self.refresher = Refresher(self.observer, self.graph, self.registry, self.calls)
        self.executor = Executor(self.ledger, self.calls, clock, max_parallel, self.inbox.ended)
        self.keeper: Keeper | None = None
        self.numbers = 0

    def keep(self, keeper: Keeper) -> None:
        """Write everything down from now on."""
        self.keeper = keeper
        self.executor.keeper = keeper

    def draft(self, change: Change, *, explained: bool = True) -> Draft:
        """Plan a change against what is known."""
        return draft(self.graph, self.registry, change, explained=explained)

    def plan(self, made: Draft) -> Plan:
        """Return the face of a draft that is shown to people."""
        waiting = made.waiting
        if not made.rejected and not made.refused:
            return Plan(made.operations, made.edges, waiting, None, self.graph.revision)
        errors = {key: error for key, (_, _, error) in made.rejected.items()}
        invalid = {key: describe(error) for key, error in errors.items()} | dict(made.refused)
        if waiting:
            waiting = {key: why for key, why in waiting.items() if key not in invalid}
        revision = self.graph.revision
        return Plan(made.operations, made.edges, waiting, invalid, revision, errors)

    def keep_up(self) -> None:
        """Have written down, with the next batch, what no operation has told."""
        if self.keeper is not None:
            self.keeper.catch_up(self.ledger.found_out)
        self.ledger.found_out.clear()

    def write_down(self) -> None:
        """Have written down at once what was read, where nothing else is to be done.

        Killed before that, the next engine would take for ours what others make in the place of
        something that is known to be gone.
        """
        if self.ledger.found_out:
            self.keep_up()
            if self.keeper is not None:
                self.keeper.flush()

    def close_books(self, result: TransactionResult) -> TransactionResult:
        """Publish what has changed and enter the result into the history."""
        if self.ledger.found_out:
            self.keep_up()
        changed = self.ledger.publish(self.clock.now())
        if self.keeper is not None:
            self.keeper.flush()
        if self.watchers:
            self.watchers.publish(changed)
        if result.operations or result.errors or result.kind in _ASKED_FOR:
            self.history.append(result)
        return result
