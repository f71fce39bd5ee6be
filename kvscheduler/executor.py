# SPDX-License-Identifier: Apache-2.0
"""Running a plan: at once whatever its graph allows, inline where no waiting is needed."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .calls import Calls, identity
from .clock import Clock
from .errors import DeadlineExceeded, OperationError
from .graph import Node
from .ledger import Ledger
from .plan import Executed, Operation
from .planner import Draft
from .registry import Binding

if TYPE_CHECKING:
    from .keeper import Keeper

__all__ = ["Executor", "Run"]

logger = logging.getLogger(__name__)

_OVERRUN_S = 0.1
_STARTED, _DONE, _FAILED = 1, 2, 3
# What a plain call may raise: nobody can cancel us inside it, so a cancellation is its own.
_ANY = (Exception, asyncio.CancelledError)


class Executor:
    """What every run of a plan shares."""

    def __init__(
        self,
        ledger: Ledger,
        calls: Calls,
        clock: Clock,
        max_parallel: int,
        on_late: Callable[[str], None],
    ) -> None:
        self.ledger = ledger
        self.graph = ledger.graph
        self.calls = calls
        self.clock = clock
        self.keeper: Keeper | None = None
        self.max_parallel = max_parallel
        self.on_late = on_late


class _Floor:
    """What goes on at once: made when the first operation has to be waited for."""

    def __init__(self) -> None:
        self.under_way = 0
        self.running: dict[str, int] = {}
        self.finished: list[int] = []
        self.ready: deque[int] = deque()
        self.crowded: dict[str, deque[int]] = {}
        self.progress: asyncio.Future[None] | None = None


class Run:
    """One plan being carried out.

    ``executed`` lists what was done in the order of completion; ``failed`` maps keys to errors.
    With ``stops_at``, the first failure of such a key ends the run: nothing new starts.
    """

    def __init__(
        self,
        executor: Executor,
        draft: Draft,
        *,
        revert: bool = False,
        stops_at: Callable[[str], bool] | None = None,
    ) -> None:
        self.executor = executor
        self.draft = draft
        self.operations: Sequence[Operation] = draft.operations
        self.executed: list[Executed] = []
        self.failed: dict[str, OperationError] = {}
        self.stopped = False
        self._revert = revert
        self._stops_at = stops_at
        self._state = bytearray(len(self.operations))

    @functools.cached_property
    def _floor(self) -> _Floor:
        return _Floor()

    # Inline: operations in the plan's own order, no task, no waiting.

    def run_inline(self) -> bool:
        """Run as far as that goes without waiting; tell whether the plan is through."""
        operations, executor = self.operations, self.executor
        nodes, ledger, keeper = executor.graph.nodes, executor.ledger, executor.keeper
        facts, monotonic, revert = self.draft.facts, executor.clock.monotonic, self._revert
        done, state = self.executed, self._state
        before = monotonic()
        for position, operation in enumerate(operations):
            node = nodes[operation.key]
            binding = _binding_of(operation, node)
            if not binding.inline:
                return False
            try:
                metadata = _call(binding, operation, node.metadata)
            except _ANY as error:
                self._fail(position, error, monotonic() - before)
                return False
            if metadata is not None and hasattr(metadata, "__await__"):
                self._start_call(position, binding, identity, (metadata,))
                return False
            state[position] = _DONE
            ledger.succeeded(operation, node, metadata)
            if facts and position in facts:
                ledger.place_facts(facts[position])
            if keeper is not None:
                keeper.record(node)
            now = monotonic()
            if now - before > _OVERRUN_S:
                _report_overrun(binding, operation, now - before)
            done.append(Executed(operation, None, now - before, revert))
            before = now
        return True

    # Concurrently: whatever the graph allows, within the limits.

    async def run_rest(self) -> None:
        """Run what is left, as much at once as the graph and the limits allow."""
        left, after = self._waits()
        ready = self._floor.ready
        for position, waits in enumerate(left):
            if waits or self._state[position]:
                continue
            if position < len(self.operations):
                ready.append(position)
            else:
                self._floor.finished.append(position)
        while True:
            self._release(left, after, ready)
            self._start_ready(ready)
            if self._floor.finished:
                continue
            if not self._floor.under_way:
                return
            self._floor.progress = asyncio.get_running_loop().create_future()
            await self._floor.progress
            self._floor.progress = None

    def _waits(self) -> tuple[list[int], list[list[int]]]:
        edges, state = self.draft.edges, self._state
        state.extend(bytes(len(edges) - len(state)))
        left = [0] * len(edges)
        after: list[list[int]] = [[] for _ in edges]
        for position, firsts in enumerate(edges):
            if state[position]:
                continue
            for first in firsts:
                if state[first] != _DONE:
                    left[position] += 1
                    after[first].append(position)
        return left, after

    def _release(self, left: list[int], after: list[list[int]], ready: deque[int]) -> None:
        count = len(self.operations)
        while self._floor.finished:
            for position in after[self._floor.finished.pop()]:
                left[position] -= 1
                if left[position]:
                    continue
                if position < count:
                    ready.append(position)
                else:  # a gate: nothing to do but to let those behind it through
                    self._floor.finished.append(position)

    def _start_ready(self, ready: deque[int]) -> None:
        limit = self.executor.max_parallel
        while ready and not self.stopped and self._floor.under_way < limit:
            position = ready.popleft()
            binding = self._binding(position)
            most = binding.max_parallel
            if most is not None and self._floor.running.get(binding.name, 0) >= most:
                self._floor.crowded.setdefault(binding.name, deque()).append(position)
            else:
                self._start(position, binding)

    def _vacate(self, binding: Binding) -> None:
        """Let the next operation in, of a descriptor that limits its own calls."""
        self._floor.running[binding.name] -= 1
        crowd = self._floor.crowded.get(binding.name)
        if crowd:
            self._floor.ready.appendleft(crowd.popleft())

    def _binding(self, position: int) -> Binding:
        operation = self.operations[position]
        return _binding_of(operation, self.executor.graph.nodes[operation.key])

    def _start(self, position: int, binding: Binding) -> None:
        operation = self.operations[position]
        node = self.executor.graph.nodes[operation.key]
        call: Callable[..., Any] = _call
        args: tuple[Any, ...] = (binding, operation, node.metadata)
        if binding.inline:
            before = self.executor.clock.monotonic()
            try:
                result = call(*args)
            except _ANY as error:
                self._fail(position, error, self.executor.clock.monotonic() - before)
                return
            if not hasattr(result, "__await__"):
                duration = self.executor.clock.monotonic() - before
                if duration > _OVERRUN_S:
                    _report_overrun(binding, operation, duration)
                self._succeed(position, result, duration)
                return
            call, args = identity, (result,)
        self._start_call(position, binding, call, args)

    def _start_call(
        self, position: int, binding: Binding, call: Callable[..., Any], args: tuple[Any, ...]
    ) -> None:
        key = self.operations[position].key
        self._state[position] = _STARTED
        self._floor.under_way += 1
        self._floor.running[binding.name] = self._floor.running.get(binding.name, 0) + 1
        before = self.executor.clock.monotonic()

        def done(result: Any, error: Exception | None) -> None:
            duration = self.executor.clock.monotonic() - before
            self._floor.under_way -= 1
            self._vacate(binding)
            try:
                self._conclude(position, result, error, duration)
            finally:
                if self._floor.progress is not None and not self._floor.progress.done():
                    self._floor.progress.set_result(None)

        self.executor.calls.start(binding, call, args, done, lambda: self.executor.on_late(key))

    # Outcomes.

    def _conclude(
        self, position: int, result: Any, error: Exception | None, duration: float
    ) -> None:
        if isinstance(error, DeadlineExceeded):
            self.executor.graph.nodes[self.operations[position].key].late = True
        if error is not None:
            self._fail(position, error, duration)
            return
        try:
            self._succeed(position, result, duration)
        except Exception as broken:
            logger.exception("%s cannot be noted", self.operations[position].key)
            self._fail(position, broken, duration)

    def _succeed(self, position: int, metadata: Any, duration: float) -> None:
        operation = self.operations[position]
        self._state[position] = _DONE
        self._floor.finished.append(position)
        node = self.executor.graph.nodes[operation.key]
        self.executor.ledger.succeeded(operation, node, metadata)
        self.executor.ledger.place_facts(self.draft.facts.get(position, ()))
        if self.executor.keeper is not None:
            self.executor.keeper.record(node)
        self.executed.append(Executed(operation, None, duration, self._revert))

    def _fail(self, position: int, error: BaseException, duration: float) -> None:
        operation = self.operations[position]
        self._state[position] = _FAILED
        wrapped = OperationError(operation.key, operation.kind, error)
        wrapped.__cause__ = error
        self.failed[operation.key] = wrapped
        self.executor.ledger.failed(operation.key, operation.kind, wrapped)
        self.executed.append(Executed(operation, wrapped, duration, self._revert))
        if self._stops_at is not None and self._stops_at(operation.key):
            self.stopped = True

    def skipped(self) -> list[str]:
        """Return the keys whose operations were not started."""
        return [op.key for n, op in enumerate(self.operations) if not self._state[n]]


def _binding_of(operation: Operation, node: Node) -> Binding:
    """Return the descriptor that carries out an operation: the old one's for a delete."""
    if operation.kind == "delete":
        spec = node.have if node.have is not None else node.doubt
    else:
        spec = node.want
    return spec.binding  # type: ignore[union-attr,return-value]  # the planner saw to it


def _call(binding: Binding, operation: Operation, metadata: Any) -> Any:
    """Call the descriptor's method that carries out an operation."""
    kind, key = operation.kind, operation.key
    if kind == "create":
        return binding.create(key, operation.new)  # type: ignore[misc]  # the planner saw to it
    if kind == "update":
        return binding.update(  # type: ignore[misc]  # the planner saw to it
            key, operation.old, operation.new, metadata
        )
    return binding.delete(key, operation.old, metadata)


def _report_overrun(binding: Binding, operation: Operation, duration: float) -> None:
    logger.warning(
        "descriptor %s held up the event loop for %.3f s with %s %s; make it async, or blocking",
        binding.name, duration, operation.kind, operation.key,
    )  # fmt: skip
