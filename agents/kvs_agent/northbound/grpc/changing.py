# SPDX-License-Identifier: Apache-2.0
"""What our own service does with changes: plans them, checks them, carries them out."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

from kvs_agent.core.core import Core
from kvs_agent.northbound.access import Role
from kvs_agent.orchestrator import Item, Wish
from kvs_agent.orchestrator.orchestrator import RETRY
from kvs_proto.agent.v1 import agent_pb2 as pb
from kvscheduler import ClaimConflict, Plan, PlanStale, RetryPolicy, TransactionResult
from kvscheduler.errors import describe

from . import values, wire
from .configurator import settle
from .errors import Wrong, clean
from .serving import Call, Method, checked_source
from .trials import Trial, Trials

__all__ = ["Changing"]

T = TypeVar("T")

TRIAL_S: Final = 60.0
MAX_STALE: Final = 10
LONGEST_TRIAL_S: Final = 24 * 3600.0
_MAX_TEXT_CHARS: Final = 500
_RESYNCS: Final = {
    pb.RESYNC_KIND_UNSPECIFIED: "downstream",
    pb.RESYNC_KIND_FULL: "full",
    pb.RESYNC_KIND_UPSTREAM: "upstream",
    pb.RESYNC_KIND_DOWNSTREAM: "downstream",
}


class Changing:
    """Plan, Validate, Apply, Try and Resync."""

    def __init__(self, core: Core, trials: Trials) -> None:
        self._core = core
        self._trials = trials
        self.methods = {
            "Plan": Method(role=Role.READ, handler=self.plan),
            "Validate": Method(role=Role.READ, handler=self.validate),
            "Apply": Method(role=Role.WRITE, handler=self.apply),
            "Try": Method(role=Role.WRITE, handler=self.attempt, is_watcher=True),
            "Resync": Method(role=Role.WRITE, handler=self.resync),
        }

    async def plan(self, request: pb.PlanRequest, call: Call) -> pb.PlanResponse:
        """Return what a change would do."""
        wish = _wish(request.change, call)
        if request.refresh:
            await self._look(wish)
        kind = request.resync
        if kind in (pb.RESYNC_KIND_DOWNSTREAM, pb.RESYNC_KIND_UPSTREAM):
            return pb.PlanResponse(plan=wire.plan_to(self._resync_plan(request)))
        is_full = kind == pb.RESYNC_KIND_FULL
        wish = dataclasses.replace(wish, revert=request.revert and not is_full, resync=is_full)
        return pb.PlanResponse(plan=wire.plan_to(self._core.orchestrator.plan(wish)))

    async def _look(self, wish: Wish) -> None:
        """Read the southbound; also whether what is about to be wanted is there already."""
        holdings = self._core.orchestrator.holdings
        wanted = holdings.propose(wish.source, wish.changes, replace=wish.replace).sets
        await self._core.scheduler.refresh(wanted=wanted)

    def _resync_plan(self, request: pb.PlanRequest) -> Plan:
        if request.change.ByteSize():
            raise Wrong("only a full resync takes a change", {"resync": "not with a change"})
        kind = _RESYNCS[request.resync]
        transaction = self._core.scheduler.transaction("plan", resync=kind)
        if kind == "upstream":
            for key, value in self._core.orchestrator.holdings.values().items():
                transaction.set(key, value)
        return transaction.plan()

    async def validate(self, request: pb.ValidateRequest, call: Call) -> pb.ValidateResponse:
        """Return what is wrong with values."""
        answer = pb.ValidateResponse()
        try:
            made = self._core.orchestrator.plan(_wish(request.change, call))
        except ClaimConflict as conflict:
            for key in conflict.keys:
                answer.errors[key].message = str(conflict)
            return answer
        for key, text in made.invalid.items():
            answer.errors[key].message = clean(text)
        for key, error in made.errors.items():
            answer.errors[key].CopyFrom(wire.invalid_to(error))
        return answer

    async def apply(self, request: pb.ApplyRequest, call: Call) -> pb.ApplyResponse:
        """Carry a change out, and wait for its values where that is asked for."""
        wish = self._asked(request, call)
        touched = self._touched(wish)
        result = await self._done(wish, request, self._core.orchestrator.apply)
        made = wire.result_to(result)
        if request.wait:
            limit_s = _seconds(request.wait_s, "wait_s") or call.patience_s
            await self._settle(made, touched, min(limit_s, call.patience_s))
        return pb.ApplyResponse(result=made)

    async def _settle(self, made: pb.Result, keys: list[str], patience_s: float) -> None:
        statuses, made.settled = await settle(self._core, keys, patience_s)
        holders = self._core.orchestrator.holdings.holders
        made.statuses.extend(wire.status_to(one, holders(key)) for key, one in statuses.items())

    def _touched(self, wish: Wish) -> list[str]:
        held = self._core.orchestrator.holdings.of_source(wish.source) if wish.replace else ()
        return list(dict.fromkeys((*wish.changes, *held)))

    def _asked(self, request: pb.ApplyRequest, call: Call) -> Wish:
        """Return the wish that a request is."""
        if request.resync not in (pb.RESYNC_KIND_UNSPECIFIED, pb.RESYNC_KIND_FULL):
            raise Wrong(
                "a change goes with a full resync or none", {"resync": "not with a change"}
            )
        is_full = request.resync == pb.RESYNC_KIND_FULL
        if is_full and request.revert:
            raise Wrong("a resync cannot be reverted", {"revert": "not with a resync"})
        return dataclasses.replace(
            _wish(request.change, call),
            description=request.description[:_MAX_TEXT_CHARS],
            labels=dict(request.labels),
            revert=request.revert,
            resync=is_full,
            retry=_retry(request),
        )

    async def _done(
        self, wish: Wish, request: pb.ApplyRequest, do: Callable[[Wish], Awaitable[T]]
    ) -> T:
        """Carry a wish out if it comes to the plan that is expected, where one is.

        The engine refuses a plan that is older than its state. Where the same would be done all
        the same, it is asked again: news of the system that change no plan come all the time.
        """
        if not request.HasField("expect"):
            return await do(wish)
        for _ in range(MAX_STALE):
            expected = self._expected(wish, request.expect)
            try:
                return await do(dataclasses.replace(wish, expect=expected))
            except PlanStale:
                continue
        return await do(dataclasses.replace(wish, expect=self._expected(wish, request.expect)))

    def _expected(self, wish: Wish, mark: pb.PlanMark) -> Plan:
        made = self._core.orchestrator.plan(wish)
        if wire.fingerprint(made) != mark.fingerprint:
            moved = f"the state has moved from revision {mark.revision} to {made.revision}"
            raise PlanStale(f"{moved}, and this would do something else now: plan again")
        return made

    async def attempt(
        self, requests: AsyncIterator[pb.TryRequest], call: Call
    ) -> AsyncIterator[pb.TryResponse]:
        """Carry a change out on trial, and keep it or take it back, as the caller says."""
        first = await anext(requests, None)
        if first is None or first.WhichOneof("step") != "apply":
            raise Wrong("first comes what to try", {"apply": "missing"})
        if first.apply.resync:
            raise Wrong("a resync cannot be tried", {"apply.resync": "not on trial"})
        patience_s = min(_seconds(first.timeout_s, "timeout_s") or TRIAL_S, LONGEST_TRIAL_S)
        wish = dataclasses.replace(self._asked(first.apply, call), revert=True)
        trial, result = await self._done(wish, first.apply, self._trials.begin)
        if result is not None and not result.ok:
            yield _tried(pb.TryResponse.OUTCOME_FAILED, result)
            return
        deciding = self._trials.decided(trial, patience_s)
        listening = asyncio.create_task(_listen(requests, trial))
        try:
            yield _tried(pb.TryResponse.OUTCOME_WAITING, result)
            stays, result = await asyncio.shield(deciding)
        finally:
            # However this stream ends: no word is a no.
            listening.cancel()
            trial.end(stays=False)
        confirmed, rolled = pb.TryResponse.OUTCOME_CONFIRMED, pb.TryResponse.OUTCOME_ROLLED_BACK
        yield _tried(confirmed if stays else rolled, result)

    async def resync(self, request: pb.ResyncRequest, _call: Call) -> pb.ResyncResponse:
        """Mend what has drifted."""
        kind = _RESYNCS.get(request.kind)
        if kind is None:
            raise Wrong("there is no such resync", {"kind": "unknown"})
        result = await self._core.orchestrator.resync(kind)
        return pb.ResyncResponse(result=wire.result_to(result))


def _wish(change: pb.Change, call: Call) -> Wish:
    """Return what a source is to want from now on; ``Wrong`` where that cannot be understood."""
    labels = dict(change.labels)
    found = values.values_of_config(change.values)
    for index, item in enumerate(change.items):
        where = f"items[{index}]"
        key, value = values.unpacked(item, where)
        if key in found:
            raise Wrong(f"{where}: {key} stands twice", {where: f"{key} stands twice"})
        found[key] = value
    changes: dict[str, Item | None] = {key: Item(value, labels) for key, value in found.items()}
    for key in change.deletes:
        if not key or key in changes:
            text = "set as well" if key else "no key"
            raise Wrong(f"deletes: {key or 'empty'}: {text}", {"deletes": text})
        changes[key] = None
    source = checked_source(change.source) if change.source else call.source
    return Wish(source=source, changes=changes, replace=change.replace)


def _retry(request: pb.ApplyRequest) -> RetryPolicy:
    if not request.HasField("retry"):
        return RETRY
    told = request.retry
    try:
        return RetryPolicy(
            first_delay=told.first_delay_s or RETRY.first_delay,
            factor=told.factor or RETRY.factor,
            max_delay=told.max_delay_s or RETRY.max_delay,
            max_attempts=told.max_attempts if told.HasField("max_attempts") else None,
        )
    except ValueError as error:
        raise Wrong(f"retry: {error}", {"retry": describe(error)}) from error


def _seconds(value: float, field: str) -> float:
    if not (math.isfinite(value) and value >= 0):
        raise Wrong(f"{field}: not a number of seconds", {field: "not a number of seconds"})
    return value


async def _listen(requests: AsyncIterator[pb.TryRequest], trial: Trial) -> None:
    """Take the caller's word on a trial; the end of his words is a no."""
    stays = False
    with contextlib.suppress(Wrong):
        async for request in requests:
            if request.WhichOneof("step") == "confirm":
                stays = request.confirm
                break
    trial.end(stays=stays)


def _tried(outcome: pb.TryResponse.Outcome, result: TransactionResult | None) -> pb.TryResponse:
    return pb.TryResponse(outcome=outcome, result=wire.result_to(result))
