# SPDX-License-Identifier: Apache-2.0
"""A southbound in memory that watches what it is asked to do, and misbehaves on order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping

from .clock import VirtualClock
from .faults import Fault, Hang, NotificationFaults, SimulatedError, When
from .item import Item
from .store import Call, CheckedStore, Held

__all__ = ["SimulatedSouthbound"]

Tell = Callable[[Mapping[str, Item | None]], object]


class SimulatedSouthbound(CheckedStore):
    """Holds values as a kernel would; logs each call, checks it, and fails as planned.

    What no correct engine may ask for (a create of what is there, an update from a value that
    is not, one claim held twice, two calls at once for a key, a delete of what others made) is
    collected in ``violations``. Where the engine cannot know better, after a failed call or
    drift on a key, the key is exempt until the next call on it has succeeded.
    """

    def __init__(self, *, seed: int = 0, clock: VirtualClock | None = None) -> None:
        super().__init__(seed=seed, clock=clock)
        self.notification_faults = NotificationFaults()
        self.unreadable: set[str] = set()
        self._tellers: dict[str, Tell] = {}
        self._overtaken: list[tuple[Tell, dict[str, Item | None]]] = []

    # What a test says.

    def plan_fault(self, fault: Fault) -> Fault:
        """Have a coming call misbehave; faults are used in the order of planning."""
        self.faults.append(fault)
        return fault

    def fail(
        self,
        key: str = "",
        kind: str = "",
        *,
        retriable: bool = True,
        when: When = When.BEFORE_EFFECT,
        times: int | None = 1,
    ) -> SimulatedError:
        """Have the next calls of a kind on a key raise; return the error they will raise."""
        error = SimulatedError(f"planned: {kind or 'any'} {key or 'any'}", retriable=retriable)
        self.plan_fault(Fault(key=key, kind=kind, error=error, when=when, times=times))
        return error

    def hang(self, key: str = "", kind: str = "", when: When = When.BEFORE_EFFECT) -> Hang:
        """Have the next call of a kind on a key hang until the result is released."""
        hang = Hang()
        self.plan_fault(Fault(key=key, kind=kind, hang=hang, when=when))
        return hang

    def heal(self) -> None:
        """Forget all faults, have the weather calm down and release all that hangs."""
        self.weather = None
        for fault in self.faults:
            if fault.hang is not None:
                fault.hang.release()
        for hang in self._hanging:
            hang.release()
        self._hanging.clear()
        self.faults.clear()

    def ours(self) -> dict[str, Item]:
        """Return what the engine made and is still there."""
        return {key: held.value for key, held in self.held.items() if held.ours}

    def others(self) -> dict[str, Item]:
        """Return what others made and is still there."""
        return {key: held.value for key, held in self.held.items() if not held.ours}

    def check(self) -> None:
        """Raise ``AssertionError`` if the engine has asked for anything it must not ask for."""
        if self.violations:
            raise AssertionError("; ".join(self.violations))

    def copy(
        self, clock: VirtualClock | None = None, doubtful: Iterable[str] = ()
    ) -> SimulatedSouthbound:
        """Return a southbound that holds the same, as after a crash of the engine.

        Every key that was called for is exempt from the checks until it has been called for
        once; so are the ``doubtful`` ones, that a journal may say were about to be.
        """
        twin = SimulatedSouthbound(seed=self.random.randrange(2**32), clock=clock)
        twin.held = dict(self.held)
        called = {event.key for event in self.log}
        twin._doubtful = {*self.held, *self._doubtful, *called, *doubtful}
        twin._index = self._index
        return twin

    # Drift: what happens behind the engine's back.

    def remove(self, key: str, *, announce: bool = False) -> None:
        """Take a value away, with the derived values made for it.

        As a kernel does: the addresses on an interface go with it. A base that only changes, or
        that the engine deletes, takes nothing along. What others made stays, whatever derives it.
        """
        owned = [name for name, held in self.held.items() if held.owner == key]
        for name in [*owned, key]:
            gone = self.held.pop(name, None)
            if gone is not None:
                self._drift("delete", name, gone.value, None)
        if announce:
            self.tell({key: None})

    def alter(self, key: str, value: Item, *, announce: bool = False) -> None:
        """Change a value that is there."""
        before = self.held[key]
        self.held[key] = dataclasses.replace(before, value=value)
        self._drift("update", key, before.value, value)
        if announce:
            self.tell({key: value})

    def add(self, key: str, value: Item, *, announce: bool = False) -> None:
        """Add a value that others made, or change one of theirs."""
        before = self.held.get(key)
        self.held[key] = Held(value=value, metadata=self._next_index(), ours=False)
        self._drift("update" if before else "create", key, before.value if before else None, value)
        if announce:
            self.tell({key: value})

    def restart(self) -> None:
        """Lose everything, as a process that starts anew."""
        for key, held in list(self.held.items()):
            del self.held[key]
            self._drift("delete", key, held.value, None)

    def tell(self, changes: Mapping[str, Item | None]) -> None:
        """Notify the engine, through whichever descriptor serves the keys, with planned faults."""
        for key, value in changes.items():
            serving = [prefix for prefix in self._tellers if key.startswith(prefix)]
            if serving:
                self._send(self._tellers[max(serving, key=len)], {key: value})

    def connect(self, prefix: str, tell: Tell | None = None) -> None:
        """Remember that a descriptor serves a prefix, and how to notify through it."""
        if tell is not None:
            self._tellers[prefix] = tell

    def finish(self, call: Call, error: BaseException | None = None) -> None:
        """End a call; then something may happen behind the engine's back."""
        super().finish(call, error)
        if self.weather is not None and (what := self.weather.drift(self.random)):
            with self._guard:
                self.injected[what] += 1
                self._happen(what, announce=self.weather.is_announced(self.random))

    def _happen(self, what: str, *, announce: bool) -> None:
        """Have something happen to what is ours and is not being operated on."""
        if what == "restarting":
            self.restart()
            return
        bases = sorted(
            key
            for key, held in self.held.items()
            if held.ours and held.owner is None and key not in self.under_way
        )
        if not bases:
            return
        key = self.random.choice(bases)
        if what == "vanishing":
            self.remove(key, announce=announce)
        else:
            value = self.seen(key)
            self.alter(key, dataclasses.replace(value, data=value.data + 1), announce=announce)

    def _drift(self, kind: str, key: str, old: Item | None, new: Item | None) -> None:
        self._doubtful.add(key)
        self._write("drift", Call(kind=kind, key=key, old=old, new=new, effect=True))

    def _send(self, tell: Tell, changes: dict[str, Item | None]) -> None:
        faults = self.notification_faults
        draw = self.random.random
        if draw() < faults.lost:
            return
        if draw() < faults.overtaken:
            self._overtaken.append((tell, changes))
            self._misreported.update(changes)  # the engine will be told what is true no more
            return
        for _ in range(2 if draw() < faults.doubled else 1):
            tell(changes)
        for late_tell, late in self._overtaken:
            late_tell(late)
        self._overtaken.clear()
