# SPDX-License-Identifier: Apache-2.0
"""The predecessor's fixtures anew: arrays that derive a text for each item, on a strict system."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from kvscheduler import (
    Depends,
    DependsOnAny,
    Derived,
    Descriptor,
    InvalidValue,
    Origin,
    Retrieved,
    Southbound,
)
from tests.engine.stage import Stage, act

__all__ = ["Array", "Blind", "Kind", "System", "Value", "Watched", "array", "play"]

BAD = "bad"
Needs = Mapping[str, Sequence[Depends | DependsOnAny]]


@dataclasses.dataclass(frozen=True, slots=True)
class Array:
    """A value that derives a text for each of its items, under the key ``<its key>/<item>``."""

    items: tuple[str, ...]
    suffix: str = ""


Value = Array | str


def array(*items: str, suffix: str = "") -> Array:
    """Return an array of these items."""
    return Array(items, suffix)


class System:
    """What is configured; notes each call, fails as planned, and tells what was wrong to ask.

    ``calls`` are texts as ``update a/v1``, with a ``!`` behind those that failed; ``expected``
    is what the retrieves were told, by key. ``wrong`` collects calls that no correct engine
    makes: with an old value or metadata that is not there, before a need, under a dependent.
    """

    def __init__(self) -> None:
        self.held: dict[str, Value] = {}
        self.others: set[str] = set()
        self.unmarked: set[str] = set()
        self.metadata: dict[str, int] = {}
        self.next_index: collections.Counter[str] = collections.Counter()
        self.calls: list[str] = []
        self.expected: list[dict[str, tuple[Value, int | None]]] = []
        self.wrong: list[str] = []
        self.needs: dict[str, Sequence[Depends | DependsOnAny]] = {}
        self._planned: dict[str, list[tuple[Exception | None, Callable[[], object]]]] = {}
        self._doubtful: set[str] = set()

    def plan(self, key: str, error: str = "", then: Callable[[], object] = lambda: None) -> None:
        """Plan how the next call for a key ends ("" for well), and what it leaves behind."""
        outcome = RuntimeError(error) if error else None
        self._planned.setdefault(key, []).append((outcome, then))

    def hold(self, values: Mapping[str, Value], *, by_others: bool = False) -> None:
        """Have values there that no call has made, with what they derive."""
        for key, value in values.items():
            self.held[key] = value
            self.metadata[key] = self._next(key)
            if by_others:
                self.others.add(key)
            for one in derived(key, value):
                self.held[one.key] = one.value

    def take_away(self, *keys: str) -> None:
        """Lose values, with what they derive, behind the engine's back."""
        for key in [one for one in self.held if one.startswith(keys)]:
            del self.held[key]
            self.metadata.pop(key, None)
            self.doubt(key)

    def doubt(self, *keys: str) -> None:
        """Check the next call for a key less: the engine cannot know what is there."""
        self._doubtful.update(keys)

    def take_calls(self) -> list[str]:
        """Return the calls since the last time, and forget them."""
        calls, self.calls = self.calls, []
        return calls

    def create(self, key: str, value: Value) -> int | None:
        known = key not in self._doubtful
        self._check(key not in self.held or not known, f"create {key}: it is there")
        self._check(self._is_met(key), f"create {key}: something it needs is not there")
        self._call("create", key)
        self.held[key] = value
        if isinstance(value, Array):
            self.metadata[key] = self._next(key)
        return self.metadata.get(key)

    def update(self, key: str, old: Value, new: Value, metadata: int | None) -> None:
        self._check_old("update", key, old, metadata)
        self._call("update", key)
        self.held[key] = new

    def delete(self, key: str, value: Value, metadata: int | None) -> None:
        self._check_old("delete", key, value, metadata)
        leaning = [one for one in self.held if self._leans(one, key)]
        self._check(not leaning, f"delete {key}: {leaning} need it")
        self._call("delete", key)
        self.held.pop(key, None)
        self.metadata.pop(key, None)

    def retrieve(
        self, prefix: str, expected: Iterable[Retrieved], keys: Sequence[str] | None
    ) -> Iterable[Retrieved]:
        self.calls.append(" ".join(("retrieve", prefix, *(keys or ()))))
        self.expected.append({one.key: (one.value, one.metadata) for one in expected})
        for key, value in self.held.items():
            if key.startswith(prefix) and (keys is None or key in keys):
                origin = Origin.SOUTHBOUND if key in self.others else Origin.NORTHBOUND
                if key in self.unmarked:
                    origin = Origin.UNKNOWN
                yield Retrieved(key, value, self.metadata.get(key), origin)

    def _call(self, kind: str, key: str) -> None:
        planned = self._planned.get(key)
        error, then = planned.pop(0) if planned else (None, None)
        self.calls.append(f"{kind} {key}" if error is None else f"{kind} {key} !")
        self._doubtful.discard(key)
        if error is not None:
            self._doubtful.add(key)
            if then is not None:
                then()
            raise error

    def _next(self, key: str) -> int:
        prefix = key[: key.index("/")]
        self.next_index[prefix] += 1
        return self.next_index[prefix] - 1

    def _check_old(self, kind: str, key: str, old: Value, metadata: int | None) -> None:
        self._check(key not in self.others or kind == "update", f"{kind} {key}: it is others'")
        if key not in self._doubtful:
            self._check(self.held.get(key) == old, f"{kind} {key}: {old} is not there")
            known = self.metadata.get(key)
            self._check(metadata == known, f"{kind} {key}: metadata {metadata}, not {known}")

    def _check(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.wrong.append(otherwise)

    def _is_met(self, key: str) -> bool:
        for need in self.needs.get(key, ()):
            if isinstance(need, Depends):
                if not (self._is_there(need.key) or self._reaches(need.key, key)):
                    return False
            elif not any(need.matches(one) for one in self.held):
                return False
        return True

    def _is_there(self, key: str) -> bool:
        base, _, item = key.rpartition("/")
        value = self.held.get(base)
        return key in self.held or (isinstance(value, Array) and item in value.items)

    def _leans(self, key: str, on: str) -> bool:
        return self._needs_by_key(key, on) and not self._reaches(on, key)

    def _needs_by_key(self, key: str, need: str) -> bool:
        return any(isinstance(one, Depends) and one.key == need for one in self.needs.get(key, ()))

    def _reaches(self, key: str, other: str) -> bool:
        """Tell whether one key needs another, over any number of steps."""
        seen: set[str] = set()
        stack = [key]
        while stack:
            one = stack.pop()
            if one not in seen:
                seen.add(one)
                named = self.needs.get(one, ())
                stack.extend(need.key for need in named if isinstance(need, Depends))
        return other in seen


def derived(key: str, value: Value) -> list[Derived]:
    """Return what a value derives."""
    if isinstance(value, str):
        return []
    return [Derived(f"{key}/{item}", item + value.suffix) for item in value.items]


class Blind(Descriptor[Value, int]):
    """Serves the values below a prefix, and those they derive; it cannot retrieve.

    ``needs`` are dependencies by key, ``recreates`` the keys that cannot be updated.
    """

    def __init__(
        self,
        system: System,
        name: str,
        *,
        needs: Needs | None = None,
        recreates: Iterable[str] = (),
        retrieve_after: Sequence[str] = (),
    ) -> None:
        self.system = system
        self.name = name
        self.key_prefix = f"{name}/"
        self.retrieve_after = retrieve_after
        self.needs = dict(needs or {})
        self.recreates = set(recreates)
        self.port: Southbound
        system.needs.update(self.needs)

    def attach(self, southbound: Southbound) -> None:
        self.port = southbound

    def validate(self, key: str, value: Value) -> None:
        if isinstance(value, Array) and BAD in value.items:
            raise InvalidValue("there is a bad item", fields=("items",))

    def dependencies(self, key: str, value: Value) -> Iterable[Depends | DependsOnAny]:
        return self.needs.get(key, ())

    def derived(self, key: str, value: Value) -> Iterable[Derived]:
        return derived(key, value)

    def requires_recreate(self, key: str, old: Value, new: Value, metadata: int | None) -> bool:
        return key in self.recreates

    def is_retriable(self, error: Exception) -> bool:
        return "for good" not in str(error)

    def create(self, key: str, value: Value) -> int | None:
        return self.system.create(key, value)

    def update(self, key: str, old: Value, new: Value, metadata: int | None) -> None:
        self.system.update(key, old, new, metadata)

    def delete(self, key: str, value: Value, metadata: int | None) -> None:
        self.system.delete(key, value, metadata)


class Kind(Blind):
    """The same with a retrieve, which marks what others have made."""

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        return list(self.system.retrieve(self.name, expected, keys))


class Watched(Descriptor[Value, int]):
    """Only takes what is reported; what derives from that is facts, served by nobody."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.key_prefix = f"{name}/"
        self.port: Southbound

    def selects(self, key: str) -> bool:
        return key.startswith(self.key_prefix) and "/" not in key.removeprefix(self.key_prefix)

    def attach(self, southbound: Southbound) -> None:
        self.port = southbound

    def derived(self, key: str, value: Value) -> Iterable[Derived]:
        return derived(key, value)


def play(
    story: Callable[[Stage], Awaitable[None]],
    system: System,
    *descriptors: Descriptor[Any, Any],
    **options: Any,
) -> None:
    """Run a story in virtual time; then nothing wrong may have been asked of the system."""
    act(story, *descriptors, **options)
    assert system.wrong == []
