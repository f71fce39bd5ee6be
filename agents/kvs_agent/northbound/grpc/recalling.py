# SPDX-License-Identifier: Apache-2.0
"""What our own service tells of what was done, and what it packs for a bug report."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Iterable
from typing import Final

from kvs_agent import evidence
from kvs_agent.core.core import Core
from kvs_agent.northbound.access import Role
from kvs_agent.past import Step, Transaction, told_of
from kvs_proto.agent.v1 import agent_pb2 as pb

from . import wire
from .errors import NotThere, clean
from .serving import Call, Method

__all__ = ["Recalling"]

PAGE: Final = 20
MAX_PAGE: Final = 1000
PART_BYTES: Final = 256 * 1024

Told = tuple[Transaction, list[Step]]


class Recalling:
    """History, Transaction, Timeline and Report."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.methods = {
            "History": Method(role=Role.READ, handler=self.history),
            "Transaction": Method(role=Role.READ, handler=self.transaction),
            "Timeline": Method(role=Role.READ, handler=self.timeline),
            "Report": Method(role=Role.READ, handler=self.report),
        }

    async def history(self, request: pb.HistoryRequest, _call: Call) -> pb.HistoryResponse:
        """Return a page of what was done."""
        size = min(request.page_size or PAGE, MAX_PAGE)
        found = await asyncio.to_thread(self._page, size + 1, request.before, self._unwritten())
        is_last = len(found) <= size
        shown = found[-size:]
        before = 0 if is_last or not shown else shown[0][0].number
        told = [_recorded(one, steps if request.operations else ()) for one, steps in shown]
        return pb.HistoryResponse(transactions=told, before=before)

    async def transaction(
        self, request: pb.TransactionRequest, _call: Call
    ) -> pb.TransactionResponse:
        """Return one transaction with all that it did."""
        found = await asyncio.to_thread(self._page, 1, request.number + 1, self._unwritten())
        if not found or found[0][0].number != request.number:
            raise NotThere(f"there is no transaction {request.number}, or no longer")
        return pb.TransactionResponse(transaction=_recorded(*found[0]))

    async def timeline(self, request: pb.TimelineRequest, _call: Call) -> pb.TimelineResponse:
        """Return what was done to one key."""
        found = await asyncio.to_thread(self._of_key, request.key, self._unwritten())
        if not found:
            raise NotThere(f"nothing was ever done to {request.key}")
        return pb.TimelineResponse(
            steps=[_step(one) for _, steps in found for one in steps],
            transactions=[_recorded(one, ()) for one, _ in found],
        )

    def _unwritten(self) -> list[Told]:
        """Return what is not on disk yet, under the numbers that it will have there."""
        past = self._core.past
        newest = past.transactions(1) if past is not None else []
        number = newest[0].number if newest else 0
        written = newest[0].started if newest else 0.0
        new = [
            one
            for one in self._core.scheduler.history
            if (one.operations or one.errors) and one.started > written
        ]
        return [told_of(number + place, one) for place, one in enumerate(new, 1)]

    def _page(self, most: int, before: int, unwritten: list[Told]) -> list[Told]:
        """Return the newest before a number, oldest first; 0: the newest of all."""
        new = [told for told in unwritten if not before or told[0].number < before][-most:]
        past, rest = self._core.past, most - len(new)
        if past is None or rest <= 0:
            return new
        old = past.transactions(rest, before)
        return [*((one, past.steps(one.number)) for one in old), *new]

    def _of_key(self, key: str, unwritten: list[Told]) -> list[Told]:
        found: dict[int, Told] = {}
        past = self._core.past
        for step in past.of_key(key) if past is not None else ():
            if step.number not in found and past is not None:
                transaction = past.transaction(step.number)
                if transaction is None:
                    continue
                found[step.number] = (transaction, [])
            found[step.number][1].append(step)
        for transaction, steps in unwritten:
            mine = [step for step in steps if step.key == key]
            if mine:
                found[transaction.number] = (transaction, mine)
        return list(found.values())

    async def report(
        self, _request: pb.ReportRequest, _call: Call
    ) -> AsyncIterator[pb.ReportResponse]:
        """Tell what a bug report takes, file by file."""
        core = self._core
        drift = core.scheduler.transaction("report", resync="downstream").plan()
        parts = [*evidence.about(), *evidence.known(core.scheduler, drift)]
        if (past := core.past) is not None:
            parts += await asyncio.to_thread(lambda: list(evidence.past(past)))
        parts += await asyncio.to_thread(lambda: list(evidence.kernel()))
        for name, text in parts:
            data = text.encode("utf-8", "replace")
            for start in range(0, max(len(data), 1), PART_BYTES):
                yield pb.ReportResponse(name=clean(name), data=data[start : start + PART_BYTES])


def _recorded(one: Transaction, steps: Iterable[Step] = ()) -> pb.Recorded:
    errors = {key: clean(text) for key, text in one.errors.items()}
    told = {**dataclasses.asdict(one), "errors": errors, "description": clean(one.description)}
    return pb.Recorded(**told, steps=map(_step, steps))


def _step(one: Step) -> pb.Step:
    return pb.Step(
        number=one.number,
        key=one.key,
        kind=wire.KINDS[one.kind],
        old=None if one.old is None else json.dumps(one.old),
        new=None if one.new is None else json.dumps(one.new),
        reason=clean(one.reason),
        error=clean(one.error),
        recreate=one.recreate,
        reverts=one.reverts,
    )
