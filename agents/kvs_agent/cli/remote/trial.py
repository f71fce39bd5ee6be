# SPDX-License-Identifier: Apache-2.0
"""A change on trial at an agent: a stream, and what nobody confirms on it is taken back."""

from __future__ import annotations

import asyncio
import math
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from kvs_proto.agent.v1 import agent_pb2 as pb
from kvscheduler import Plan, TransactionResult

from . import reading
from .errors import AgentError

if TYPE_CHECKING:
    from .agent import Agent

__all__ = ["Attempt"]


class Attempt:
    """One trial, from the change to its end; the agent ends it when it hears no more of us."""

    def __init__(
        self, agent: Agent, request: pb.ApplyRequest, made: Plan, timeout_s: float
    ) -> None:
        self._agent = agent
        self._first = pb.TryRequest(apply=request, timeout_s=timeout_s)
        self._plan = made
        self._until = math.inf
        self._call: Any = None
        self._answer: asyncio.Task[pb.TryResponse] | None = None

    async def __aenter__(self) -> Self:
        self._call = self._agent.calls.Try()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._answer is not None:
            self._answer.cancel()
            await asyncio.gather(self._answer, return_exceptions=True)
        self._call.cancel()

    async def begin(self) -> TransactionResult:
        """Carry it out; where that fails it is undone, and the trial over."""
        with self._agent.translated(changes=True):
            await self._call.write(self._first)
            told = await self._read()
        if told.outcome == pb.TryResponse.OUTCOME_WAITING:
            self._until = time.monotonic() + self._first.timeout_s
            self._answer = asyncio.create_task(self._read())
        return reading.result(told.result, self._plan)

    async def over(self) -> None:
        """Return once the agent has taken it back, since its time is up."""
        await self._answered()

    async def keep(self) -> bool:
        """Have it stay; False where it is too late for that."""
        await self._say(stays=True)
        told = await self._answered()
        return told.outcome == pb.TryResponse.OUTCOME_CONFIRMED

    async def take_back(self) -> TransactionResult:
        """Have it taken back, and return how that went."""
        await self._say(stays=False)
        told = await self._answered()
        return reading.result(told.result, Plan())

    async def _say(self, *, stays: bool) -> None:
        answer = self._answer
        # Once the time is up the agent listens no more; what it has said may be on its way.
        if answer is None or answer.done() or time.monotonic() >= self._until:
            return
        with self._agent.translated(changes=True):
            await self._call.write(pb.TryRequest(confirm=stays))

    async def _answered(self) -> pb.TryResponse:
        """Return how the trial has ended."""
        assert self._answer is not None
        with self._agent.translated(changes=True):
            return await asyncio.shield(self._answer)

    async def _read(self) -> pb.TryResponse:
        told = await self._call.read()
        if not isinstance(told, pb.TryResponse):  # the end of the stream
            raise AgentError("the agent has ended the trial without a word; kvsctl history tells")
        return told
