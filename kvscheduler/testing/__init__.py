# SPDX-License-Identifier: Apache-2.0
"""For testing descriptors and engines: virtual time, a simulated southbound, and an oracle.

Public; needs nothing beyond the engine itself, but for ``descriptor_laws`` and ``strategies``,
which need hypothesis and are imported when they are first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from .clock import Deadlock, VirtualClock, VirtualTimer
from .descriptor import (
    AsyncSimulatedDescriptor,
    BlockingSimulatedDescriptor,
    SimulatedDescriptor,
)
from .faults import Fault, Hang, NotificationFaults, SimulatedError, When
from .item import Item
from .laws.broken import Law, LawBroken
from .laws.rig import Rig
from .least import check_least_work, legal_order
from .memory_journal import MemoryJournal
from .oracle import ConflictExpected, Oracle, Rules, Unit, reasons, standing
from .replay import Replay, check_graph, check_order
from .southbound import SimulatedSouthbound
from .store import Call, CheckedStore, Event, Held
from .weather import FaultSource, Weather

if TYPE_CHECKING:
    from . import strategies
    from .laws.suite import descriptor_laws

__all__ = [
    "AsyncSimulatedDescriptor",
    "BlockingSimulatedDescriptor",
    "Call",
    "CheckedStore",
    "ConflictExpected",
    "Deadlock",
    "Event",
    "Fault",
    "FaultSource",
    "Hang",
    "Held",
    "Item",
    "Law",
    "LawBroken",
    "MemoryJournal",
    "NotificationFaults",
    "Oracle",
    "Replay",
    "Rig",
    "Rules",
    "SimulatedDescriptor",
    "SimulatedError",
    "SimulatedSouthbound",
    "Unit",
    "VirtualClock",
    "VirtualTimer",
    "Weather",
    "When",
    "check_graph",
    "check_least_work",
    "check_order",
    "descriptor_laws",
    "legal_order",
    "reasons",
    "standing",
    "strategies",
]

# Name to the module that holds it.
_WITH_HYPOTHESIS = {"descriptor_laws": "laws.suite", "strategies": "strategies"}


def __getattr__(name: str) -> object:
    """Import what needs hypothesis; say how to install that where it is missing."""
    if name not in _WITH_HYPOTHESIS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f".{_WITH_HYPOTHESIS[name]}", __name__)
    except ModuleNotFoundError as missing:
        if missing.name != "hypothesis":
            raise
        text = f"{__name__}.{name} needs hypothesis: pip install 'kvscheduler[testing]'"
        raise ModuleNotFoundError(text, name="hypothesis") from missing
    return getattr(module, name, module)
