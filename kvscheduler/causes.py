# SPDX-License-Identifier: Apache-2.0
"""Following values that wait for each other to what keeps them all waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

__all__ = ["Causes"]

Root = tuple[str, bool]
WaitsFor = Callable[[str], Sequence[str]]


class Causes:
    """Finds root causes; a long chain costs its length once, not once for each of its values.

    ``waits_for`` tells for which keys a value waits; none: it is a root cause itself. It is not
    kept: whoever asks would hold itself by it, and wait for the collector.
    """

    def __init__(self) -> None:
        self._roots: dict[str, Root] = {}
        self._next: dict[str, str] = {}

    def root(self, key: str, waits_for: WaitsFor) -> Root:
        """Return the root cause, and whether there is none but a ring that nothing closes."""
        known = self._roots.get(key)
        return known if known is not None else self._search(key, waits_for)

    def path(self, key: str, limit: int, waits_for: WaitsFor) -> tuple[str, ...]:
        """Return the way to the root cause; a long one is cut in the middle."""
        root, _ = self.root(key, waits_for)
        path = [key]
        while path[-1] != root and path[-1] in self._next and len(path) < limit:
            path.append(self._next[path[-1]])
        if len(path) == limit:
            path[-1] = root
        return tuple(path)

    def _search(self, key: str, waits_for: WaitsFor) -> Root:
        """Look, depth first, for a way out of all that waits for each other."""
        seen = {key}
        path: list[tuple[str, Iterator[str]]] = [(key, iter(waits_for(key)))]
        found: Root | None = None if waits_for(key) else (key, False)
        while path and found is None:
            at, ahead = path[-1]
            following = next((k for k in ahead if k not in seen), None)
            if following is None:
                path.pop()
                continue
            seen.add(following)
            self._next[at] = following
            found = self._roots.get(following)
            if found is None or found[1]:
                further = waits_for(following)
                found = None if further else (following, False)
                path.append((following, iter(further)))
        if found is None:
            return self._roots.setdefault(key, (key, True))
        for visited, _ in path:
            self._roots[visited] = found
        return found
