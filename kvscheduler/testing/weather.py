# SPDX-License-Identifier: Apache-2.0
"""Weather: what goes wrong in a simulated southbound by chance, call by call."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Callable
from typing import Protocol

from .faults import Fault, Hang, SimulatedError, When

__all__ = ["FaultSource", "Weather"]


class FaultSource(Protocol):
    """Whatever has faults for calls that nothing was planned for."""

    def fault(self, kind: str, key: str, number: int, rng: random.Random) -> Fault | None:
        """Return the fault of the call of that number, None for none.

        Of a retrieve ("retrieve") the key is the prefix.
        """

    def drift(self, rng: random.Random) -> str:
        """Return what comes about after a call: "vanishing", "altered", "restarting", ""."""

    def is_announced(self, rng: random.Random) -> bool:
        """Tell whether the engine is notified of it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """With what probability a call goes wrong, and what comes about after it.

    Of the first seven at most one strikes a call. Hangs end at the deadline, stubborn ones only
    when the southbound is healed; both are for descriptors that may wait. After a call a value
    of ours vanishes or is altered (``announced`` says how often we are told), or the southbound
    starts anew and has lost everything.
    """

    refused: float = 0.0
    refused_for_good: float = 0.0
    refused_after_effect: float = 0.0
    cancelled: float = 0.0
    hanging: float = 0.0
    hanging_after_effect: float = 0.0
    stubborn: float = 0.0
    unreadable: float = 0.0
    vanishing: float = 0.0
    altered: float = 0.0
    restarting: float = 0.0
    announced: float = 0.5

    def fault(self, kind: str, key: str, number: int, rng: random.Random) -> Fault | None:
        """Draw the fault of a call."""
        chance = rng.random()
        if kind == "retrieve":
            return _refusal("unreadable") if chance < self.unreadable else None
        for name, make in _FAULTS.items():
            chance -= getattr(self, name)
            if chance < 0:
                return make(name)
        return None

    def drift(self, rng: random.Random) -> str:
        """Draw what comes about after a call."""
        chance = rng.random()
        for name in _DRIFTS:
            chance -= getattr(self, name)
            if chance < 0:
                return name
        return ""

    def is_announced(self, rng: random.Random) -> bool:
        """Draw whether the engine is notified."""
        return rng.random() < self.announced


_DRIFTS = ("vanishing", "altered", "restarting")


def _refusal(name: str) -> Fault:
    return Fault(name=name, error=SimulatedError(name))


def _hanging(name: str) -> Fault:
    return Fault(name=name, hang=Hang())


_FAULTS: dict[str, Callable[[str], Fault]] = {
    "refused": _refusal,
    "refused_for_good": lambda name: Fault(name=name, error=SimulatedError(name, retriable=False)),
    "refused_after_effect": lambda name: Fault(
        name=name, error=SimulatedError(name), when=When.AFTER_EFFECT
    ),
    "cancelled": lambda name: Fault(name=name, error=asyncio.CancelledError(name)),
    "hanging": _hanging,
    "hanging_after_effect": lambda name: Fault(name=name, hang=Hang(), when=When.AFTER_EFFECT),
    "stubborn": lambda name: Fault(name=name, hang=Hang(), stubborn=True),
}
