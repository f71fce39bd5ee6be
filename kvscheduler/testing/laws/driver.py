# SPDX-License-Identifier: Apache-2.0
"""The little of an engine that descriptors need: who is next, whom to ask, and their metadata."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import types
from collections.abc import Awaitable, Collection, Generator, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ...registry import Binding, Registry
from ..oracle import AnyDescriptor, Rules, Unit, standing
from ..replay import cycles
from .hearing import Heard
from .meaning import untouched

__all__ = ["Driver", "names_of", "wait_for"]

T = TypeVar("T")

_DEADLINE_S = 30.0  # of one call, where the descriptor names none; the engine's own default
_ANY_NUMBER = 1_000


async def wait_for(answer: T | Awaitable[T]) -> T:
    """Return what a method answered that may be ``def`` or ``async def``."""
    if isinstance(answer, Awaitable):
        return await answer
    return answer


class Driver:
    """Knows what is wanted and what stands, and calls descriptors; judges nothing.

    ``have`` holds what stands, facts included. ``gone`` is what stood and was deleted, with its
    last metadata. ``heard`` listens to what descriptors report.
    """

    def __init__(self) -> None:
        self.wanted: dict[str, Any] = {}
        self.have: dict[str, Unit] = {}
        self.known: dict[str, Any] = {}
        self.gone: dict[str, tuple[Unit, Any]] = {}
        self.heard: Heard | None = None
        self._waits: dict[tuple[str, str], int] = {}

    def use(self, descriptors: Sequence[AnyDescriptor]) -> None:
        """Go on with these descriptors: at first, and after each crash."""
        self.registry = Registry()
        self.registry.add(descriptors)
        self.rules = Rules(descriptors)
        self._rooms: dict[str, asyncio.Semaphore] = {}
        for descriptor in descriptors:
            descriptor.attach(self)

    # What descriptors see of the engine.

    def notify(
        self, changes: Mapping[str, Any], metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Pass it on to whoever listens; the laws look for themselves."""
        if self.heard is not None:
            self.heard.notify(changes)

    def failed(self, key: str, error: Exception) -> None:
        """Pass it on, as above."""
        if self.heard is not None:
            self.heard.failed(key)

    def request_resync(self, prefix: str = "") -> None:
        """Pass it on, as above."""
        if self.heard is not None:
            self.heard.request_resync(prefix)

    def request_refresh(self, keys: Iterable[str], *, around: bool = False) -> None:
        """Pass it on, as above."""
        if self.heard is not None:
            self.heard.request_refresh(keys, around=around)

    def metadata(self, descriptor: str) -> Mapping[str, Any]:
        """Return the metadata of what stands, by label."""
        binding = self.registry.bindings[descriptor]
        own = (key for key in self.known if self.registry.find(key) is binding)
        return {binding.label_of(key): self.known[key] for key in own}

    # What ought to be.

    def binding(self, key: str) -> Binding:
        """Return the descriptor that serves a key which is known to be served."""
        found = self.registry.find(key)
        assert found is not None
        return found

    def units(self, changes: Mapping[str, Any]) -> dict[str, Unit]:
        """Return all that is wanted, less what nobody can make, with changes worked in."""
        units: dict[str, Unit] = {}
        for key, value in {**self.wanted, **changes}.items():
            units.update(self.rules.family(key, value))
        return {k: unit for k, unit in units.items() if unit.is_fact or self.binding(k).writable}

    def target(self, changes: Mapping[str, Any] | None = None) -> dict[str, Unit]:
        """Return what can stand of what is wanted."""
        units = self.units(changes or {})
        stand = standing(units)
        return {key: unit for key, unit in units.items() if key in stand}

    def clashes(self, key: str, value: Any, taken: Collection[str] = ()) -> bool:
        """Tell whether the engine would refuse the value: a key or a claim wanted twice."""
        keys = list(taken)
        for name, wanted in {**self.wanted, key: value}.items():
            for unit in self.rules.family(name, wanted).values():
                keys += names_of(unit)
        return len(set(keys)) < len(keys)

    # Who is next.

    def falling(self, target: Mapping[str, Unit], again: Collection[str]) -> set[str]:
        """Return what cannot stay: unwanted, to be recreated, or about to lose its support."""
        keep = {
            key: unit
            for key, unit in self.have.items()
            if key in target and key not in again and target[key].base == unit.base
        }
        return set(self.have) - standing(keep)

    def leaf(self, among: Collection[str]) -> str | None:
        """Return the latest of some keys on which nothing leans, its own ring apart."""
        for key in reversed(self.have):
            if key in among and self.leaning(key) <= cycles(self.have)[key]:
                return key
        return None

    def leaning(self, key: str) -> set[str]:
        """Return what would fall with a value; its own facts just vanish with it."""
        rest = {name: unit for name, unit in self.have.items() if name != key}
        lost = standing(self.have) - standing(rest) - {key}
        return {name for name in lost if not (rest[name].is_fact and rest[name].base == key)}

    def ready(self, target: Mapping[str, Unit]) -> list[str]:
        """Return what is to be made or changed next: all that has what it needs, or one ring."""
        todo = [key for key in target if not self._is_done(target[key])]
        ready = [key for key in todo if self._is_met(target[key], ())]
        if ready or not todo:
            return ready
        rings = cycles(target)
        for key in todo:
            if all(self._is_met(target[member], rings[key]) for member in rings[key]):
                return [member for member in todo if member in rings[key]]
        return []

    def _is_done(self, unit: Unit) -> bool:
        have = self.have.get(unit.key)
        return have is not None and bool(have.value == unit.value)

    def _is_met(self, unit: Unit, ring: Collection[str]) -> bool:
        there = {*self.have, *ring}
        return all(need in there for need in unit.holds_on_to() if need != unit.key) and all(
            any(one.matches(key) and key != unit.key for key in self.have) for one in unit.any_of
        )

    # Whom to ask.

    async def call(
        self, key: str, method: str, *values: Any, more: Sequence[Any] = (), cut_at: int = 0
    ) -> Any:
        """Call one method of a key's descriptor as the engine would, and let it change no value.

        With ``cut_at`` the call is cancelled when it waits for that many-th time; what is more
        than it has ever waited counts from the first again.
        """
        binding = self.binding(key)
        ask = functools.partial(getattr(binding.descriptor, method), key, *values, *more)
        known = self._waits.setdefault((binding.name, method), 1)
        waits = _Waits((cut_at - 1) % known + 1 if cut_at else 0)
        with untouched(binding, method, key, *values):
            answer = await self.ask(binding, ask, waits)
        self._waits[binding.name, method] = max(known, waits.seen)
        return answer

    async def ask(self, binding: Binding, ask: Any, waits: _Waits | None = None) -> Any:
        """Call within the limits of a descriptor: how many at once, how long, in a thread."""
        limit = binding.max_parallel or _ANY_NUMBER
        room = self._rooms.setdefault(binding.name, asyncio.Semaphore(limit))
        deadline_s = binding.deadline_s or _DEADLINE_S
        async with room:
            try:
                async with asyncio.timeout(deadline_s) as limited:
                    return await _answer(binding, ask, waits or _Waits(0))
            except TimeoutError as error:
                if not limited.expired():
                    raise
                raise TimeoutError(f"no answer within {deadline_s:g} s") from error

    def retrieving(self) -> list[Binding]:
        """Return the descriptors that can retrieve, in the order in which they are asked."""
        waiting = dict(self.registry.bindings)
        order: list[Binding] = []
        while waiting:
            free = [b for b in waiting.values() if not set(b.retrieve_after) & set(waiting)]
            order += free
            for binding in free:
                del waiting[binding.name]
        return [binding for binding in order if binding.retrieve is not None]


def names_of(unit: Unit) -> list[str]:
    """Return what no other value can have beside this one: its key, and what it claims."""
    return [unit.key, *(f"claim {claim}" for claim in dict.fromkeys(unit.claims))]


@dataclasses.dataclass
class _Waits:
    """How often a call has waited; it is cut short when it does for the ``cut_at``-th time."""

    cut_at: int
    seen: int = 0


async def _answer(binding: Binding, ask: Any, waits: _Waits) -> Any:
    if binding.descriptor.blocking:
        return await asyncio.to_thread(ask)
    answer = ask()
    return await _counted(answer, waits) if isinstance(answer, Awaitable) else answer


@types.coroutine
def _counted(work: Awaitable[T], waits: _Waits) -> Generator[Any, None, T]:
    """Do some work, count how often it waits, and cancel the task where it is to be cut short."""
    steps = work.__await__()
    step = functools.partial(next, steps)
    while True:
        try:
            wait = step()
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # the result of the work
        waits.seen += 1
        task = asyncio.current_task()
        if waits.seen == waits.cut_at and task is not None:
            task.cancel()
        try:
            yield wait
            step = functools.partial(steps.send, None)
        except BaseException as error:  # noqa: BLE001 - the work's own to deal with
            step = functools.partial(steps.throw, error)
