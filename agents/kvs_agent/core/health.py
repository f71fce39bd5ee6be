# SPDX-License-Identifier: Apache-2.0
"""How an agent and its parts are: alive, ready, or not, and why."""

from __future__ import annotations

import dataclasses
import enum
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

__all__ = ["Component", "Health", "State"]


class State(enum.Enum):
    """How one part of an agent is; the predecessor's words, its numbers 0, 1 and 2."""

    INIT = 0
    OK = 1
    ERROR = 2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One part's state; ``changed`` and ``updated`` are in seconds of the epoch.

    The agent is not ready while a part that it needs is not OK; a part that is not ``needed``
    has its state shown and no more.
    """

    name: str
    state: State
    changed: float
    updated: float
    error: str = ""
    needed: bool = True


class Health:
    """The states of an agent's parts. One that was never told of is not there."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._components: dict[str, Component] = {}
        self.started = clock()

    @property
    def components(self) -> Mapping[str, Component]:
        """The parts by name, in the order in which they were first told of."""
        return MappingProxyType(self._components)

    def report(self, name: str, state: State, error: str = "", *, needed: bool = True) -> None:
        """Note how a part is now."""
        now = self._clock()
        before = self._components.get(name)
        same = before is not None and before.state is state and before.error == error
        changed = before.changed if same and before is not None else now
        self._components[name] = Component(
            name=name, state=state, changed=changed, updated=now, error=error, needed=needed
        )

    @property
    def state(self) -> State:
        """The worst state of the parts that the agent needs; INIT while there is none."""
        states = {one.state for one in self._components.values() if one.needed}
        if State.ERROR in states:
            return State.ERROR
        return State.INIT if State.INIT in states or not states else State.OK

    @property
    def is_alive(self) -> bool:
        """Whether a supervisor should let the agent go on: all but what it cannot mend."""
        return self.state is not State.ERROR

    @property
    def is_ready(self) -> bool:
        """Whether all that was asked for has been taken in for the first time."""
        return self.state is State.OK

    @property
    def changed(self) -> float:
        """When any part's state changed last."""
        return max((one.changed for one in self._components.values()), default=self.started)

    @property
    def updated(self) -> float:
        """When any part was told of last."""
        return max((one.updated for one in self._components.values()), default=self.started)
