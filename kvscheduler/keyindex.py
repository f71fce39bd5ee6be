# SPDX-License-Identifier: Apache-2.0
"""Finding keys by prefix, and prefixes by key, without looking at all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["KeyIndex", "PrefixIndex"]


def _folder(key: str) -> str:
    return key[: key.rfind("/") + 1]


class KeyIndex:
    """Keys by folder, so that those below a prefix are found in time of what is found."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys: dict[str, dict[str, None]] = {}
        self._folders: dict[str, dict[str, None]] = {}
        for key in keys:
            self.add(key)

    def add(self, key: str) -> None:
        """Add a key; once more is harmless."""
        folder = _folder(key)
        known = self._keys.get(folder)
        if known is None:
            known = self._keys[folder] = {}
            self._link(folder)
        known[key] = None

    def _link(self, folder: str) -> None:
        while folder:
            parent = _folder(folder[:-1])
            siblings = self._folders.setdefault(parent, {})
            if folder in siblings:
                return
            siblings[folder] = None
            folder = parent

    def discard(self, key: str) -> None:
        """Drop a key; an unknown one is ignored."""
        folder = _folder(key)
        known = self._keys.get(folder)
        if known is None:
            return
        known.pop(key, None)
        while not self._keys.get(folder) and not self._folders.get(folder):
            self._keys.pop(folder, None)
            self._folders.pop(folder, None)
            if not folder:
                return
            parent = _folder(folder[:-1])
            self._folders.get(parent, {}).pop(folder, None)
            folder = parent

    def below(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with a prefix."""
        folder = _folder(prefix)
        for key in tuple(self._keys.get(folder, ())):
            if key.startswith(prefix):
                yield key
        pending = [f for f in self._folders.get(folder, ()) if f.startswith(prefix)]
        while pending:
            folder = pending.pop()
            yield from tuple(self._keys.get(folder, ()))
            pending.extend(self._folders.get(folder, ()))


class PrefixIndex:
    """Keys that watch prefixes, found by a key below one of these."""

    def __init__(self) -> None:
        self._watchers: dict[str, dict[str, None]] = {}
        self._lengths: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self._watchers)

    def add(self, prefixes: Iterable[str], watcher: str) -> None:
        """Have a key watch prefixes."""
        for prefix in prefixes:
            known = self._watchers.get(prefix)
            if known is None:
                self._watchers[prefix] = {watcher: None}
                self._lengths = tuple(sorted({*self._lengths, len(prefix)}))
            else:
                known[watcher] = None

    def discard(self, prefixes: Iterable[str], watcher: str) -> None:
        """Have a key watch these prefixes no longer."""
        for prefix in prefixes:
            known = self._watchers.get(prefix)
            if known is None:
                continue
            known.pop(watcher, None)
            if not known:
                del self._watchers[prefix]

    def of(self, key: str) -> list[str]:
        """Return the watchers of every prefix that a key starts with."""
        found: list[str] = []
        size = len(key)
        for length in self._lengths:
            if length > size:
                break
            found.extend(self._watchers.get(key[:length], ()))
        return found
