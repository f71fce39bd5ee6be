# SPDX-License-Identifier: Apache-2.0
"""Finding keys by prefix, and prefixes by key, without looking at all of them."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator

__all__ = ["KeyIndex", "PrefixIndex"]


def _folder(key: str) -> str:
    return key[: key.rfind("/") + 1]


class _Folder:
    """The keys of one folder; sorted when somebody asks, so that filling it costs little."""

    __slots__ = ("fresh", "keys", "names")

    def __init__(self) -> None:
        self.keys: dict[str, None] = {}
        self.names: list[str] = []
        self.fresh: list[str] = []

    def add(self, key: str) -> None:
        if key not in self.keys:
            self.keys[key] = None
            self.fresh.append(key)
            # A key that comes and goes, and that nobody looks for, must not pile up here.
            if len(self.fresh) > max(_MANY, 2 * len(self.keys)):
                self._sort()

    def _sort(self) -> None:
        self.names = sorted(self.keys)
        self.fresh.clear()

    def starting_with(self, prefix: str) -> list[str]:
        if len(self.fresh) > _MANY or len(self.names) > 2 * len(self.keys):
            self._sort()
        for key in self.fresh:
            bisect.insort(self.names, key)
        self.fresh.clear()
        found: list[str] = []
        for index in range(bisect.bisect_left(self.names, prefix), len(self.names)):
            name = self.names[index]
            if not name.startswith(prefix):
                break
            if name in self.keys and (not found or found[-1] != name):
                found.append(name)
        return found


class KeyIndex:
    """Keys by folder, so that those below a prefix are found in time of what is found.

    A few are looked through sooner than kept in order: folders begin with more than that.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._few: dict[str, None] | None = {}
        self._keys: dict[str, _Folder] = {}
        self._folders: dict[str, dict[str, None]] = {}
        for key in keys:
            self.add(key)

    def add(self, key: str) -> None:
        """Add a key; once more is harmless."""
        few = self._few
        if few is None:
            self._file(key)
            return
        few[key] = None
        if len(few) > _FEW:
            self._few = None
            for one in few:
                self._file(one)

    def _file(self, key: str) -> None:
        folder = _folder(key)
        known = self._keys.get(folder)
        if known is None:
            known = self._keys[folder] = _Folder()
            self._link(folder)
        known.add(key)

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
        if self._few is not None:
            self._few.pop(key, None)
            return
        folder = _folder(key)
        known = self._keys.get(folder)
        if known is None:
            return
        known.keys.pop(key, None)
        while not self._has_keys(folder) and not self._folders.get(folder):
            self._keys.pop(folder, None)
            self._folders.pop(folder, None)
            if not folder:
                return
            parent = _folder(folder[:-1])
            self._folders.get(parent, {}).pop(folder, None)
            folder = parent

    def _has_keys(self, folder: str) -> bool:
        known = self._keys.get(folder)
        return known is not None and bool(known.keys)

    def below(self, prefix: str) -> Iterable[str]:
        """Return the keys that start with a prefix, unordered."""
        if self._few is not None:
            return [key for key in self._few if key.startswith(prefix)]
        return self._filed_below(prefix)

    def _filed_below(self, prefix: str) -> Iterator[str]:
        folder = _folder(prefix)
        known = self._keys.get(folder)
        if known is not None:
            yield from known.starting_with(prefix)
        pending = [f for f in self._folders.get(folder, ()) if f.startswith(prefix)]
        while pending:
            folder = pending.pop()
            known = self._keys.get(folder)
            if known is not None:
                yield from tuple(known.keys)
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

    def prefixes_of(self, key: str) -> list[str]:
        """Return the watched prefixes that a key starts with."""
        found: list[str] = []
        if not self._watchers:
            return found
        size = len(key)
        for length in self._lengths:
            if length > size:
                break
            prefix = key[:length]
            if prefix in self._watchers:
                found.append(prefix)
        return found

    def watchers(self, prefix: str) -> Iterable[str]:
        """Return who watches just this prefix."""
        return self._watchers.get(prefix, ())

    def of(self, *keys: str) -> dict[str, None]:
        """Return the watchers of every prefix that one of the keys starts with, each once."""
        found: dict[str, None] = {}
        if not self._watchers:
            return found
        seen: set[str] = set()
        for key in keys:
            for prefix in self.prefixes_of(key):
                if prefix not in seen:
                    seen.add(prefix)
                    found.update(self._watchers[prefix])
        return found


_FEW = 16
_MANY = 64
