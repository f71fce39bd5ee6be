# SPDX-License-Identifier: Apache-2.0
"""Strongly connected parts of a graph, found without recursion."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

__all__ = ["rings"]

N = TypeVar("N", bound=Hashable)


def rings(roots: Iterable[N], successors: Callable[[N], Iterable[N]]) -> list[list[N]]:
    """Return each ring of two or more nodes reachable from the roots (Tarjan 1972, iterative)."""
    found: list[list[N]] = []
    index: dict[N, int] = {}
    low: dict[N, int] = {}
    path: list[N] = []
    on_path: set[N] = set()
    for root in roots:
        if root in index:
            continue
        work: list[tuple[N, Iterator[N]]] = []
        _open(root, successors, index, low, path, on_path, work)
        while work:
            node, ahead = work[-1]
            following = next(ahead, None)
            if following is None:
                work.pop()
                _close(node, index, low, path, on_path, work, found)
            elif following not in index:
                _open(following, successors, index, low, path, on_path, work)
            elif following in on_path:
                low[node] = min(low[node], index[following])
    return found


def _open(
    node: N,
    successors: Callable[[N], Iterable[N]],
    index: dict[N, int],
    low: dict[N, int],
    path: list[N],
    on_path: set[N],
    work: list[tuple[N, Iterator[N]]],
) -> None:
    index[node] = low[node] = len(index)
    path.append(node)
    on_path.add(node)
    work.append((node, iter(successors(node))))


def _close(
    node: N,
    index: dict[N, int],
    low: dict[N, int],
    path: list[N],
    on_path: set[N],
    work: list[tuple[N, Iterator[N]]],
    found: list[list[N]],
) -> None:
    if work:
        parent = work[-1][0]
        low[parent] = min(low[parent], low[node])
    if low[node] != index[node]:
        return
    ring = []
    while True:
        member = path.pop()
        on_path.discard(member)
        ring.append(member)
        if member == node:
            break
    if len(ring) > 1:
        found.append(ring)
