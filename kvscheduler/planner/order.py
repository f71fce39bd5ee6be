# SPDX-License-Identifier: Apache-2.0
"""An order for operations: firm edges, choices of which one edge must hold, and preferences."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Choice", "Network", "Order", "find_order", "order_regardless", "with_order"]

Edge = tuple[int, int]

# The search for picks gives up after looking at so many operations: well below a second.
_EFFORT_LOOKS = 200_000


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
    if not network.choices:
        return Order(tuple(run.order), stuck)
    picks = _Picks(network, stuck)
    for attempt in (picks.force, picks.find):
        before = attempt()
        if before is None:
            break
        rest = _Run(dataclasses.replace(network, before=before))
        rest.go()
        if len(rest.order) == len(before):
            return Order(tuple(rest.order))
    return Order(tuple(run.order), stuck)


def order_regardless(network: Network, stuck: frozenset[int]) -> Order:
    """Return an order of all where there is none: of the stuck ones the lower number goes first.

    Takes the edges that stand in the way out of the network.
    """
    network.before = [
        [first for first in before if number not in stuck or first not in stuck or first < number]
        for number, before in enumerate(network.before)
    ]
    network.choices = []
    return find_order(network)


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


class _Picks:
    """Of each choice that is near what is stuck one edge, so that no ring is left.

    Where one edge is left that closes no ring, it is taken; else one is tried and, where that
    leads nowhere, the next: exact, up to an effort that only contrived plans take.
    """

    def __init__(self, network: Network, stuck: frozenset[int]) -> None:
        self._before = [list(firsts) for firsts in network.before]
        near = _near(network, stuck)
        self._open = [c.edges for c in network.choices if not near.isdisjoint(c.edges[0])]
        self._effort = _EFFORT_LOOKS

    def force(self) -> list[list[int]] | None:
        """Return the firm edges with those that have to be, None where that is a dead end."""
        return None if self._forced([]) is None else self._before

    def find(self) -> list[list[int]] | None:
        """Return the firm edges with those picked, None where none will do."""
        trail: list[Edge] = []
        tried: list[tuple[int, list[Edge], list[tuple[Edge, ...]]]] = []
        while self._effort > 0:
            alive = self._forced(trail)
            if alive == []:
                return self._before
            if alive is None:
                while tried and not tried[-1][1]:
                    self._undo(trail, tried.pop()[0])
                if not tried:
                    return None
                self._undo(trail, tried[-1][0])
            else:
                tried.append((len(trail), list(reversed(alive)), list(self._open)))
            self._open = list(tried[-1][2])
            self._pick(trail, tried[-1][1].pop())
        return None

    def _forced(self, trail: list[Edge]) -> list[Edge] | None:
        """Pick what has to be; return the edges to choose from next, None at a dead end."""
        fewest: list[Edge] = []
        moved = True
        while moved:
            moved, fewest = False, []
            for edges in tuple(self._open):
                if self._effort <= 0:
                    return None
                if any(self._waits(then, first) for first, then in edges):
                    self._open.remove(edges)
                    continue
                alive = [(f, t) for f, t in edges if not self._waits(f, t)]
                if not alive:
                    return None
                if len(alive) == 1:
                    self._pick(trail, alive[0])
                    moved = True
                elif not fewest or len(alive) < len(fewest):
                    fewest = alive
        return fewest

    def _pick(self, trail: list[Edge], edge: Edge) -> None:
        trail.append(edge)
        self._before[edge[1]].append(edge[0])

    def _undo(self, trail: list[Edge], length: int) -> None:
        while len(trail) > length:
            self._before[trail.pop()[1]].pop()

    def _waits(self, number: int, other: int) -> bool:
        """Tell whether a number has to wait for another one."""
        seen, stack = {number}, [number]
        while stack:
            self._effort -= 1
            for first in self._before[stack.pop()]:
                if first == other:
                    return True
                if first not in seen:
                    seen.add(first)
                    stack.append(first)
        return False


def _near(network: Network, numbers: frozenset[int]) -> set[int]:
    """Return what is linked with some numbers in whatever way."""
    linked: list[list[int]] = [[] for _ in network.before]
    edges = [(first, then) for then, firsts in enumerate(network.before) for first in firsts]
    for choice in network.choices:
        edges += [(end, choice.edges[0][0]) for edge in choice.edges for end in edge]
    for one, other in edges:
        linked[one].append(other)
        linked[other].append(one)
    near, stack = set(numbers), list(numbers)
    while stack:
        for number in linked[stack.pop()]:
            if number not in near:
                near.add(number)
                stack.append(number)
    return near


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
