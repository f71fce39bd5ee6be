# SPDX-License-Identifier: Apache-2.0
"""When failed values are tried again."""

from __future__ import annotations

from collections.abc import Iterable

from .clock import Clock, Timer
from .errors import OperationError
from .graph import Graph, Node
from .inbox import Inbox
from .model import RetryPolicy

__all__ = ["Retries"]


class Retries:
    """Sets a timer for each failed value, by the policy of the transaction that set it."""

    def __init__(self, clock: Clock, graph: Graph, inbox: Inbox) -> None:
        self._clock = clock
        self._graph = graph
        self._inbox = inbox
        self._timers: dict[str, Timer] = {}

    def schedule(self, key: str, error: Exception) -> None:
        """Count a failure, and set the timer for the next attempt if there is to be one."""
        node = self._graph.nodes[key]
        policy = self._policy(node)
        node.retry_at = None
        if policy is None or not _is_retriable(node, error):
            return
        node.attempt += 1
        delay = policy.delay_s(node.attempt)
        if delay is None:
            return
        node.retry_at = self._clock.monotonic() + delay
        self._arm(key, delay)

    def _arm(self, key: str, delay: float) -> None:
        previous = self._timers.pop(key, None)
        if previous is not None:
            previous.cancel()
        self._timers[key] = self._clock.call_later(delay, lambda: self._fire(key))

    def assign(self, keys: Iterable[str], policy: RetryPolicy | None) -> None:
        """Have values follow the policy of the transaction that set them."""
        nodes = self._graph.nodes
        for key in keys:
            node = nodes.get(key)
            if node is not None and node.retry is not policy:
                node.retry = policy

    def _policy(self, node: Node) -> RetryPolicy | None:
        base = None if node.spec is None else node.spec.base
        if base is not None and base in self._graph.nodes:
            return self._graph.nodes[base].retry
        return node.retry

    def _fire(self, key: str) -> None:
        self._timers.pop(key, None)
        self._inbox.retry(key)

    def is_due(self, key: str) -> bool:
        """Tell whether a failed key is to be tried now: it may have been set or mended since."""
        node = self._graph.nodes.get(key)
        if node is None or not node.blocked or node.retry_at is None:
            return False
        return self._clock.monotonic() + _TOLERANCE_S >= node.retry_at

    def close(self) -> None:
        """Withdraw all timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()


_TOLERANCE_S = 1e-6


def _is_retriable(node: Node, error: Exception) -> bool:
    spec = node.spec or node.doubt
    binding = None if spec is None else spec.binding
    if binding is None or binding.is_retriable is None:
        return True
    cause = error.cause if isinstance(error, OperationError) else error
    try:
        return bool(binding.is_retriable(cause))
    except Exception:  # noqa: BLE001 - trying again is what the default would do
        return True
