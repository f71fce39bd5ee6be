# SPDX-License-Identifier: Apache-2.0
"""What each source holds, and whose value counts: pure bookkeeping, proposed before it is done.

The strongest source that holds a key decides its value; what it lets go of uncovers what the next
one holds. Values may imply others (an interface its namespace): these are wanted for as long as
any value that counts implies them, and are weaker than what a source holds itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from kvscheduler import Unreadable

from .sink import Item

__all__ = ["RANKS", "Holdings", "Implied", "Proposal", "rank"]

# From the weakest; a source of any other name is stronger, of two of those the later by name.
RANKS = ("file", "etcd", "grpc")

Implied = Callable[[object], Mapping[str, object]]


def rank(source: str) -> tuple[int, str]:
    """Return how strong a source is, for comparing."""
    return (RANKS.index(source), "") if source in RANKS else (len(RANKS), source)


@dataclasses.dataclass(frozen=True, slots=True)
class Proposal:
    """A change to what one source holds, and what that comes to for the engine.

    ``changes`` are those that change anything for the source; ``sets`` and ``deletes`` are for
    the engine, and can be empty while ``changes`` is not.
    """

    source: str
    changes: Mapping[str, Item | None]
    sets: Mapping[str, object]
    deletes: tuple[str, ...]
    implied: Mapping[str, Mapping[str, object]] = dataclasses.field(repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes, for anybody."""
        return not self.changes


class Holdings:
    """Who holds what. Costs what is touched, not what is held; ``replace`` costs its source."""

    def __init__(self, implied: Implied = lambda _value: {}) -> None:
        self._implied = implied
        self._by_key: dict[str, dict[str, Item]] = {}
        self._by_source: dict[str, dict[str, Item]] = {}
        self._implied_by: dict[str, Mapping[str, object]] = {}

    # Looking.

    def of_source(self, source: str) -> Mapping[str, Item]:
        """Return what a source holds."""
        return MappingProxyType(self._by_source.get(source, {}))

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that hold anything, the weakest first."""
        return tuple(sorted((name for name, held in self._by_source.items() if held), key=rank))

    def holders(self, key: str) -> tuple[str, ...]:
        """Return the sources that hold a key, the one whose value counts first."""
        return tuple(sorted(self._by_key.get(key, ()), key=rank, reverse=True))

    def item(self, key: str) -> Item | None:
        """Return what counts under a key; None where nobody holds it, be it implied or not."""
        held = self._by_key.get(key)
        return held[max(held, key=rank)] if held else None

    def items(self) -> Iterator[tuple[str, Item]]:
        """Yield what counts, in no order; what is only implied apart."""
        for key, held in self._by_key.items():
            yield key, held[max(held, key=rank)]

    def values(self) -> dict[str, object]:
        """Return all values that the engine is to want, implied ones among them."""
        implied = {key: next(iter(bases.values())) for key, bases in self._implied_by.items()}
        return {**implied, **{key: item.value for key, item in self.items()}}

    # Changing.

    def propose(
        self, source: str, changes: Mapping[str, Item | None], *, replace: bool = False
    ) -> Proposal:
        """Return what a change comes to; nothing is changed yet.

        ``replace``: what the source holds and ``changes`` does not name is let go of.
        """
        mine = self._by_source.get(source, {})
        if replace:
            gone: Mapping[str, Item | None] = {key: None for key in mine if key not in changes}
            changes = {**gone, **changes}
        real = {
            key: _after(mine.get(key), item)
            for key, item in changes.items()
            if mine.get(key) != item
        }
        held = {key: self._held_if(key, source, item) for key, item in real.items()}
        implied = self._implied_if(held)
        sets: dict[str, object] = {}
        deletes: list[str] = []
        for key in {**held, **implied}:
            before = _effective(self.item(key), self._implied_by.get(key))
            after = _effective(
                held[key] if key in held else self.item(key),
                implied[key] if key in implied else self._implied_by.get(key),
            )
            if after is None and before is not None:
                deletes.append(key)
            elif after is not None and before != after:
                sets[key] = after
        return Proposal(source, real, sets, tuple(deletes), implied)

    def accept(self, proposal: Proposal) -> None:
        """Do what was proposed, and nothing else since."""
        mine = self._by_source.setdefault(proposal.source, {})
        for key, item in proposal.changes.items():
            held = self._by_key.setdefault(key, {})
            if item is None:
                mine.pop(key, None)
                held.pop(proposal.source, None)
            else:
                mine[key] = held[proposal.source] = item
            if not held:
                del self._by_key[key]
        for key, bases in proposal.implied.items():
            if bases:
                self._implied_by[key] = bases
            else:
                self._implied_by.pop(key, None)

    def _held_if(self, key: str, source: str, item: Item | None) -> Item | None:
        """Return what would count if the source held just this."""
        held = dict(self._by_key.get(key, {}))
        held.pop(source, None)
        if item is not None:
            held[source] = item
        return held[max(held, key=rank)] if held else None

    def _implied_if(self, held: Mapping[str, Item | None]) -> dict[str, Mapping[str, object]]:
        """Return, for each key that is concerned, which of these imply it, and as what."""
        implied: dict[str, dict[str, object]] = {}
        for base, after in held.items():
            old, new = self._implied_of(self.item(base)), self._implied_of(after)
            for key in {**old, **new}:
                bases = implied.setdefault(key, dict(self._implied_by.get(key, {})))
                bases.pop(base, None)
                if key in new:
                    bases[base] = new[key]
        return {**implied}

    def _implied_of(self, item: Item | None) -> Mapping[str, object]:
        readable = None if item is None else item.readable
        return {} if readable is None else self._implied(readable)


def _after(before: Item | None, item: Item | None) -> Item | None:
    """Return an item that knows what could be read before it."""
    if item is None or before is None or not isinstance(item.value, Unreadable):
        return item
    return dataclasses.replace(item, good=before.readable)


def _effective(held: Item | None, bases: Mapping[str, object] | None) -> object:
    """Return what counts: what is held, else what is implied, whoever implies it."""
    if held is not None:
        return held.value
    return next(iter(bases.values())) if bases else None
