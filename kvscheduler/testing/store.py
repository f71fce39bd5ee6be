# SPDX-License-Identifier: Apache-2.0
"""The store of a simulated system: what it holds, and what it was asked to do."""

from __future__ import annotations

import dataclasses
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .clock import VirtualClock
from .faults import Fault, Hang, SimulatedError, When
from .item import Item
from .weather import FaultSource

__all__ = ["Call", "CheckedStore", "Event", "Held"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One value as the simulated system holds it.

    ``ours`` tells what the engine made from what others made; ``owner`` is the base that a
    derived value was made for, or was handed over to since.
    """

    value: Item
    metadata: int | None = None
    ours: bool = True
    owner: str | None = None


class Event(NamedTuple):
    """One line of the log: a call that starts or ends, or drift.

    ``phase`` is "start", "end" or "drift"; of an end, ``effect`` tells whether the call did
    something. ``kind`` is "create", "update" or "delete".
    """

    number: int
    at_s: float
    phase: str
    kind: str
    key: str
    old: Item | None = None
    new: Item | None = None
    effect: bool = True
    error: str = ""


@dataclasses.dataclass(slots=True, kw_only=True)
class Call:
    """One call under way, with the fault that was planned for it; calls are numbered."""

    kind: str
    key: str
    number: int = 0
    old: Item | None = None
    new: Item | None = None
    metadata: int | None = None
    fault: Fault | None = None
    delay_s: float = 0.0
    effect: bool = False
    result: int | None = None

    @property
    def hang(self) -> Hang | None:
        """Return what holds the call up, if anything does."""
        return self.fault.hang if self.fault else None

    @property
    def waits(self) -> bool:
        """Tell whether the call takes time."""
        return self.delay_s > 0 or self.hang is not None

    def effect_comes_first(self) -> bool:
        """Tell whether the call has its effect before it waits or fails."""
        return self.fault is not None and self.fault.when is When.AFTER_EFFECT

    def raise_planned(self) -> None:
        """Raise the planned error, if there is one."""
        if self.fault is not None and self.fault.error is not None:
            raise self.fault.error


class CheckedStore:
    """Values as a kernel would hold them; each call is logged and checked."""

    def __init__(self, *, seed: int = 0, clock: VirtualClock | None = None) -> None:
        self.clock = clock or VirtualClock()
        self.random = random.Random(seed)
        self.held: dict[str, Held] = {}
        self.log: list[Event] = []
        self.violations: list[str] = []
        self.faults: list[Fault] = []
        self.latency_s: tuple[float, float] = (0.0, 0.0)
        self.under_way: dict[str, int] = {}
        self.most_under_way = 0
        self.begun = 0
        self.injected: Counter[str] = Counter()
        self.weather: FaultSource | None = None
        self._hanging: list[Hang] = []
        self.moments: list[Callable[[str, Call], object]] = []
        self._doubtful: set[str] = set()
        self._misreported: set[str] = set()
        self._mute: set[str] = set()
        self._index = 0
        self._guard = threading.RLock()  # blocking descriptors call from several threads

    def serve(self, prefix: str, *, retrieves: bool = True) -> None:
        """Remember whether the descriptor of a prefix can retrieve."""
        (self._mute.discard if retrieves else self._mute.add)(prefix)

    def begin(
        self,
        kind: str,
        key: str,
        old: Item | None = None,
        new: Item | None = None,
        metadata: int | None = None,
    ) -> Call:
        """Start a call: log it, check what can be checked now, choose its fault."""
        call = Call(kind=kind, key=key, old=old, new=new, metadata=metadata)
        with self._guard:
            self._with_fault(call)
            calls = self.under_way.get(key, 0)
            if calls:
                self._violation(call, "another call for this key is under way")
            self.under_way[key] = calls + 1
            under_way = sum(self.under_way.values())
            self.most_under_way = max(self.most_under_way, under_way)
            self._write("start", call)
            self._moment("before effect", call)
        return call

    def begin_retrieve(self, prefix: str) -> Call:
        """Start a retrieve; planned faults of kind "retrieve" have the prefix as their key."""
        with self._guard:
            call = self._with_fault(Call(kind="retrieve", key=prefix))
            self._write("retrieve", call)
        return call

    def take_effect(self, call: Call) -> None:
        """Do what the call asks for, once."""
        if call.effect:
            return
        with self._guard:
            if call.kind == "create":
                self._create(call)
            elif call.kind == "update":
                self._update(call)
            else:
                self._delete(call)
            call.effect = True
            self._moment("after effect", call)

    def finish(self, call: Call, error: BaseException | None = None) -> None:
        """End a call: log it."""
        with self._guard:
            left = self.under_way.pop(call.key) - 1
            if left:
                self.under_way[call.key] = left
            (self._doubtful.discard if error is None else self._doubtful.add)(call.key)
            self._write("end", call, error="" if error is None else repr(error))
            self._moment("after answer", call)

    def retrieve(self, prefix: str) -> Iterator[tuple[str, Held]]:
        """Yield what is held below a prefix, derived values too."""
        for key in sorted(key for key in self.held if key.startswith(prefix)):
            held = self.held[key]
            seen = self.seen(key) if self._mute else held.value
            same = seen is held.value
            yield key, held if same else dataclasses.replace(held, value=seen)

    def seen(self, key: str) -> Item:
        """Return a value as one who looks at the system sees it.

        Derived values whose descriptor cannot retrieve show in what their base derives.
        """
        value = self.held[key].value
        if not (self._mute and value.derives):
            return value
        derives = []
        for name, item in value.derives:
            if not name.startswith(tuple(self._mute)):
                derives.append((name, item))
            elif name in self.held:
                derives.append((name, self.held[name].value))
        return dataclasses.replace(value, derives=tuple(derives))

    # Inside.

    def _create(self, call: Call) -> None:
        before = self.held.get(call.key)
        if before is not None and not before.ours:
            self._expect(call, "creates what others made", fine=False)
            message = f"{call.key} exists and is not ours"
            raise SimulatedError(message, retriable=False)
        self._expect(call, "creates what is there", fine=before is None)
        self._put(call, call.new, ours=True)

    def _update(self, call: Call) -> None:
        before = self.held.get(call.key)
        self._expect(call, "updates what is not there", fine=before is not None)
        if before is None:
            message = f"{call.key} does not exist"
            raise SimulatedError(message)
        if call.old is not before.value and not self._is_known(call, before):
            problem = f"updates from {call.old!r} what is {before.value!r}"
            self._expect(call, problem, fine=False)
        self._expect_metadata(call, before)
        self._put(call, call.new, ours=before.ours)

    def _is_known(self, call: Call, before: Held) -> bool:
        """Tell whether a call begins with what stands, whatever derives from it."""
        known = (before.value.bare(), self.seen(call.key).bare())
        return call.old is not None and call.old.bare() in known

    def _delete(self, call: Call) -> None:
        before = self.held.get(call.key)
        self._expect(call, "deletes what is not there", fine=before is not None)
        if before is None:
            return
        if not before.ours:
            self._violation(call, "deletes what others made")
        self._expect_metadata(call, before)
        del self.held[call.key]

    def _put(self, call: Call, value: Item | None, *, ours: bool) -> None:
        if value is None:
            self._violation(call, "carries no value")
            return
        if value.claims:
            self._look_for_claims(call, value)
        before = self.held.get(call.key)
        bases = self._deriving(call.key)
        call.result = before.metadata if before else self._next_index()
        owner = bases[0] if bases else (before.owner if before else None)
        self.held[call.key] = Held(value=value, metadata=call.result, ours=ours, owner=owner)
        derives = (*value.derives, *(before.value.derives if before else ()))
        for name in dict.fromkeys(name for name, _ in derives):
            self._hand_over(name)

    def _deriving(self, key: str) -> list[str]:
        """Return the bases that derive a key, as they stand."""
        deriving = ((base, one.value.derives) for base, one in self.held.items())
        return [base for base, derives in deriving if derives and key in dict(derives)]

    def _hand_over(self, key: str) -> None:
        """Have a derived value live and die with the base that derives it now, if any does."""
        held = self.held.get(key)
        if held is not None and held.owner is not None:
            bases = self._deriving(key)
            if bases and held.owner not in bases:
                self.held[key] = dataclasses.replace(held, owner=bases[0])

    def _look_for_claims(self, call: Call, value: Item) -> None:
        for other, held in self.held.items():
            shared = set(held.value.claims) & set(value.claims)
            if other != call.key and shared and other not in self._doubtful:
                self._expect(call, f"takes {sorted(shared)} that {other} holds", fine=False)

    def _with_fault(self, call: Call) -> Call:
        call.number = self.begun
        self.begun += 1
        fault = None
        if self.faults:
            fault = next((one for one in self.faults if one.fits(call.kind, call.key)), None)
        if fault is None and self.weather is not None:
            fault = self.weather.fault(call.kind, call.key, call.number, self.random)
        if fault is not None:
            call.fault = fault
            fault.use()
            call.delay_s = fault.delay_s
            self.injected[fault.name] += 1
            if fault.hang is not None:
                self._hanging.append(fault.hang)
        low_s, high_s = self.latency_s
        if high_s > 0:
            call.delay_s += self.random.uniform(low_s, high_s)
        return call

    def _expect(self, call: Call, problem: str, *, fine: bool) -> None:
        if not (fine or call.key in self._doubtful or call.key in self._misreported):
            self._violation(call, problem)

    def _expect_metadata(self, call: Call, before: Held) -> None:
        if call.metadata is not None and call.metadata != before.metadata:
            problem = f"has metadata {call.metadata}, not {before.metadata}"
            self._expect(call, problem, fine=False)

    def _violation(self, call: Call, problem: str) -> None:
        self.violations.append(f"call {len(self.log)}: {call.kind} {call.key}: {problem}")

    def _next_index(self) -> int:
        self._index += 1
        return self._index

    def _moment(self, name: str, call: Call) -> None:
        for callback in self.moments:
            callback(name, call)

    def _write(self, phase: str, call: Call, error: str = "") -> None:
        log, at_s = self.log, self.clock.monotonic()
        log.append(
            Event(
                len(log), at_s, phase, call.kind, call.key, call.old, call.new, call.effect, error
            )
        )
