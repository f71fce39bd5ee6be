# SPDX-License-Identifier: Apache-2.0
"""The way of one piece of work through the engine: plan, run, mend or undo, close the books."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from .engine import Engine, Work
from .errors import JournalError, OperationError, PlanStale, SchedulerError
from .executor import Run
from .pause import LARGE, collector_paused
from .plan import Executed, Plan, TransactionResult
from .planner import Change, Draft
from .planner.meaning import same
from .wayback import WayBack

__all__ = ["Processing"]


class Processing:
    """One piece of work in its turn."""

    def __init__(self, engine: Engine, work: Work) -> None:
        self._engine = engine
        self._work = work
        self._errors: dict[str, Exception] = {}
        self._executed: list[Executed] = []
        self._started = engine.clock.now()
        self._began = engine.clock.monotonic()
        self._plan: Plan = _EMPTY
        self._run: Run | None = None
        self._reverted = False
        self._not_undone: frozenset[str] = frozenset()
        engine.numbers += 1
        self._number = engine.numbers

    @functools.cached_property
    def _back(self) -> WayBack:
        return WayBack(self._engine.ledger)

    def start(self) -> TransactionResult | None:
        """Do what can be done without waiting; return the result if that was all.

        Raises ``ClaimConflict`` and ``PlanStale`` with nothing touched.
        """
        if self._work.refresh is not None:
            return None
        change = self._work.change
        size = len(change.values) + len(change.deletes)
        if size < LARGE:
            return self._start()
        with collector_paused(size):
            return self._start()

    def _start(self) -> TransactionResult | None:
        draft = self._prepare()
        if draft is None or self._begin(draft):
            return self._finish()
        return None

    async def go_on(self) -> TransactionResult:
        """Do the rest."""
        if self._run is None:
            await self._refresh()
            draft = self._prepare()
            if draft is None or self._begin(draft):
                return self._finish()
        try:
            while self._run is not None:
                await self._run.run_rest()
                await self._mend()
        except JournalError:
            if self._reverted:  # the file has the wishes of before, and a resync goes on
                self._back.restore(self._not_undone)
            raise
        return self._finish()

    async def _refresh(self) -> None:
        errors = await self._engine.refresher.refresh(
            self._work.refresh or "", self._work.change.values
        )
        self._errors.update(errors)

    def _prepare(self) -> Draft | None:
        """Plan, and note what is wanted; None where a revert refuses the change at once."""
        engine, work = self._engine, self._work
        try:
            draft, plan = self._planned()
        except SchedulerError:
            engine.numbers -= 1
            raise
        self._plan = plan
        if draft.rejected or draft.refused:
            for key, (_, _, error) in draft.rejected.items():
                self._errors[key] = error
            for key, why in draft.refused.items():
                self._errors[key] = OperationError(key, "update", SchedulerError(why))
        if work.revert:
            if self._errors:
                return None
            self._back.remember(draft)
        return draft

    def _planned(self) -> tuple[Draft, Plan]:
        engine, work = self._engine, self._work
        if work.prepared is not None and work.prepared[1].revision == engine.graph.revision:
            draft, plan = work.prepared
        else:
            draft = engine.draft(work.change)
            plan = engine.plan(draft)
        expected = work.expect
        if expected is not None and expected is not plan:
            moved = expected.revision != plan.revision
            if moved or not _is_same_plan(expected, plan):
                raise PlanStale(
                    f"the state has moved from revision {expected.revision} to {plan.revision}"
                    " since the plan was made; nothing was touched, plan again"
                )
        return draft, plan

    def _begin(self, draft: Draft, *, undoing: bool = False) -> bool:
        """Note a draft and run it as far as that goes inline; tell whether it is through."""
        engine, work = self._engine, self._work
        if engine.keeper is not None:
            engine.keep_up()
            restoring = self._back.memories if undoing else _NOTHING
            engine.keeper.begin(draft, work.change.values, work.retry, restoring)
        engine.ledger.take_on(draft, retrying=work.kind == "retry")
        for key, why in draft.refused.items():
            error = OperationError(key, "update", SchedulerError(why))
            engine.ledger.failed(key, "", error)
        if not undoing:
            engine.retries.assign(work.change.values, work.retry)
            if work.retry is not None:
                engine.retries.assign(work.change.deletes, work.retry)
        if engine.keeper is not None:
            engine.keeper.note(draft)
        if not draft.operations:
            engine.ledger.leave(draft.leaving)
            return True
        stops_at = self._concerns if work.revert and not undoing else None
        run = Run(engine.executor, draft, revert=undoing, stops_at=stops_at)
        if run.run_inline() and not run.failed:
            self._executed = run.executed if not self._executed else self._executed + run.executed
            if draft.leaving:
                engine.ledger.leave(draft.leaving)
            return True
        self._run = run
        return False

    def _concerns(self, key: str) -> bool:
        """Tell whether a failure on a key calls off a transaction that is to be reverted."""
        if self._back.has_stood(key):
            return True
        node = self._engine.graph.nodes[key]
        base = None if node.spec is None else node.spec.base
        change = self._work.change
        return any(k in change.values or k in change.deletes for k in (key, base) if k is not None)

    async def _mend(self) -> None:
        """After a run: see what failures left behind, then undo, or plan what is left."""
        run, engine = self._run, self._engine
        assert run is not None
        self._run = None
        self._executed.extend(run.executed)
        if not run.failed:
            engine.ledger.leave(run.draft.leaving)
            return
        self._errors.update(run.failed)
        failed = [key for key in run.failed if not engine.graph.nodes[key].late]
        await engine.refresher.refresh_keys(failed)
        for key in failed:
            engine.ledger.dismiss(key)
        engine.ledger.take_back()
        if self._reverted:
            self._not_undone = self._not_undone.union(run.failed)
        facts = (key for facts in run.draft.facts.values() for key, _ in facts)
        left = (*run.skipped(), *run.failed, *run.draft.leaving, *facts)
        # The journal was told that they were about to happen.
        engine.ledger.found_out.update(dict.fromkeys(run.skipped()))
        engine.ledger.leave_open(left)
        if run.stopped:
            # A derived value that went for nothing is not among what is set back: look at it too.
            engine.graph.unsettled.update((one.operation.key, None) for one in run.executed)
            self._undo()
            return
        for key, error in run.failed.items():
            if engine.graph.nodes[key].blocked:
                engine.retries.schedule(key, error)
        self._continue()

    def _continue(self) -> None:
        draft = self._engine.draft(Change(lenient=True), explained=False)
        if self._work.revert and not self._reverted:
            self._back.remember(draft)
        if self._begin(draft, undoing=self._reverted):
            self._run = None

    def _undo(self) -> None:
        """Plan the way back to what stood before, and take it."""
        change = self._back.change(self._executed, self._errors)
        draft = self._engine.draft(change, explained=False)
        through = self._begin(draft, undoing=True)
        self._reverted = True
        if through:
            self._run = None

    def _finish(self) -> TransactionResult:
        engine, work = self._engine, self._work
        engine.inbox.overtake(self._executed)
        if self._reverted:
            self._back.restore(self._not_undone)
        return engine.close_books(
            TransactionResult(
                number=self._number,
                kind=work.kind,
                errors=MappingProxyType(self._errors) if self._errors else _NOTHING,
                operations=tuple(self._executed),
                plan=self._plan,
                description=work.description,
                labels=_NOTHING if work.labels is None else work.labels,
                started=self._started,
                duration_s=engine.clock.monotonic() - self._began,
                reverted=self._reverted,
            )
        )


_EMPTY = Plan()
_NOTHING: Mapping[str, Any] = MappingProxyType({})


def _is_same_plan(one: Plan, other: Plan) -> bool:
    return len(one.operations) == len(other.operations) and all(
        all(map(same, first, second))
        for first, second in zip(one.operations, other.operations, strict=True)
    )
