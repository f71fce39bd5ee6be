# SPDX-License-Identifier: Apache-2.0
"""An order for operations: firm edges, choices of which one edge must hold, and preferences."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Choice", "Network", "Order", "find_order"]

Edge = tuple[int, int]

# Of so many operations all orders are tried; above, one that keeps every choice may be missed.
_SMALL_OPERATIONS = 16


class Choice(NamedTuple):
    """At least one of these edges must hold, for the sake of the value under ``owner``."""

    owner: str
    edges: tuple[Edge, ...]


@dataclasses.dataclass(slots=True, eq=False, repr=False)
class Network:
    """Operations as numbers; the lower one goes first where nothing else decides.

    ``before[n]`` are the numbers that n waits for. ``soft`` edges hold where they can.
    ``owners`` names the value for whose sake an edge exists, where a recreate of it frees it.
    """

    before: list[list[int]]
    choices: list[Choice] = dataclasses.field(default_factory=list)
    soft: list[Edge] = dataclasses.field(default_factory=list)
    owners: dict[Edge, str] = dataclasses.field(default_factory=dict)


class Order(NamedTuple):
    """All numbers in order, or those that no order was found for in ``stuck``."""

    numbers: tuple[int, ...]
    stuck: frozenset[int] = frozenset()


def find_order(network: Network) -> Order:
    """Return an order that keeps every firm edge, and of every choice at least one."""
    run = _Run(network)
    run.go()
    if len(run.order) == len(network.before):
        return Order(tuple(run.order))
    stuck = frozenset(n for n in range(len(network.before)) if not run.done[n])
    if network.choices and len(network.before) <= _SMALL_OPERATIONS:
        rest = _Search(network).find()
        if rest is not None:
            return Order(tuple(rest))
    return Order(tuple(run.order), stuck)


class _Run:
    """Kahn's algorithm with a heap, holding back what would leave a choice without an edge."""

    def __init__(self, network: Network) -> None:
        self.network = network
        size = len(network.before)
        self.done = [False] * size
        self.order: list[int] = []
        self.left = [len(before) for before in network.before]
        self.after: list[list[int]] = [[] for _ in range(size)]
        for number, before in enumerate(network.before):
            for other in before:
                self.after[other].append(number)
        self.soft_left = [0] * size
        self.soft_after: dict[int, list[int]] = {}
        for first, then in network.soft:
            self.soft_left[then] += 1
            self.soft_after.setdefault(first, []).append(then)
        self.met = [False] * len(network.choices)
        self.firsts: dict[int, list[int]] = {}
        self.thens: dict[int, list[int]] = {}
        for index, choice in enumerate(network.choices):
            for first, then in choice.edges:
                self.firsts.setdefault(first, []).append(index)
                self.thens.setdefault(then, []).append(index)
        self.held_back: dict[int, list[int]] = {}

    def go(self) -> None:
        heap = [(self.soft_left[n] > 0, n) for n, left in enumerate(self.left) if not left]
        heapq.heapify(heap)
        while heap:
            number = heapq.heappop(heap)[1]
            if self.done[number]:
                continue
            if number in self.thens:
                holding = self._holding(number)
                if holding is not None:
                    self.held_back.setdefault(holding, []).append(number)
                    continue
            self._take(number, heap)

    def _holding(self, number: int) -> int | None:
        """Return a choice that running this now would leave without an edge."""
        for index in self.thens[number]:
            if not self.met[index] and not self._has_edge_left(index, number):
                return index
        return None

    def _has_edge_left(self, index: int, number: int) -> bool:
        return any(
            then != number and not self.done[then] for _, then in self.network.choices[index].edges
        )

    def _take(self, number: int, heap: list[tuple[bool, int]]) -> None:
        self.done[number] = True
        self.order.append(number)
        for index in self.firsts.get(number, ()):
            if any(f == number and not self.done[t] for f, t in self.network.choices[index].edges):
                self.met[index] = True
                for other in self.held_back.pop(index, ()):
                    heapq.heappush(heap, (self.soft_left[other] > 0, other))
        for other in self.after[number]:
            self.left[other] -= 1
            if not self.left[other]:
                heapq.heappush(heap, (self.soft_left[other] > 0, other))
        for other in self.soft_after.get(number, ()):
            self.soft_left[other] -= 1
            if not self.soft_left[other] and not self.left[other]:
                heapq.heappush(heap, (False, other))


class _Search:
    """All orders of a few numbers, depth first; for choices that no greedy order keeps."""

    def __init__(self, network: Network) -> None:
        self._before = network.before
        self._choices = [choice.edges for choice in network.choices]
        self._dead: set[tuple[frozenset[int], frozenset[int]]] = set()

    def find(self) -> list[int] | None:
        path: list[int] = []
        return path if self._extend(path, frozenset(), frozenset()) else None

    def _extend(self, path: list[int], done: frozenset[int], met: frozenset[int]) -> bool:
        if len(path) == len(self._before):
            return len(met) == len(self._choices)
        if (done, met) in self._dead:
            return False
        for number, before in enumerate(self._before):
            if number in done or not done.issuperset(before):
                continue
            now_met = self._met_by(number, done, met)
            if now_met is None:
                continue
            path.append(number)
            if self._extend(path, done | {number}, now_met):
                return True
            path.pop()
        self._dead.add((done, met))
        return False

    def _met_by(
        self, number: int, done: frozenset[int], met: frozenset[int]
    ) -> frozenset[int] | None:
        """Return the choices met once the number has run, None where one no longer can be."""
        gained = set(met)
        for index, edges in enumerate(self._choices):
            if index in met:
                continue
            alive = [edge for edge in edges if edge[1] not in done and edge[1] != number]
            if any(first == number for first, _ in alive):
                gained.add(index)
            elif not alive:
                return None
        return frozenset(gained)


def with_order(network: Network, order: Sequence[int]) -> list[list[int]]:
    """Return the firm edges, with the choices and preferences that an order keeps."""
    place = {number: position for position, number in enumerate(order)}
    before = [list(others) for others in network.before]
    for choice in network.choices:
        first, then = next(e for e in choice.edges if place[e[0]] < place[e[1]])
        before[then].append(first)
    for first, then in network.soft:
        if place[first] < place[then]:
            before[then].append(first)
    return before
