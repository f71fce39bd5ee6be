# SPDX-License-Identifier: Apache-2.0
"""For testing descriptors and engines: virtual time, a simulated southbound, and an oracle.

Public; needs nothing beyond the engine itself.
"""

from __future__ import annotations

from .clock import Deadlock, VirtualClock, VirtualTimer
from .descriptor import (
    AsyncSimulatedDescriptor,
    BlockingSimulatedDescriptor,
    SimulatedDescriptor,
)
from .faults import Fault, Hang, NotificationFaults, SimulatedError, When
from .item import Item
from .least import check_least_work, legal_order
from .oracle import ConflictExpected, Oracle, Rules, Unit, reasons, standing
from .replay import Replay, check_graph, check_order
from .southbound import SimulatedSouthbound
from .store import Call, CheckedStore, Event, Held

__all__ = [
    "AsyncSimulatedDescriptor",
    "BlockingSimulatedDescriptor",
    "Call",
    "CheckedStore",
    "ConflictExpected",
    "Deadlock",
    "Event",
    "Fault",
    "Hang",
    "Held",
    "Item",
    "NotificationFaults",
    "Oracle",
    "Replay",
    "Rules",
    "SimulatedDescriptor",
    "SimulatedError",
    "SimulatedSouthbound",
    "Unit",
    "VirtualClock",
    "VirtualTimer",
    "When",
    "check_graph",
    "check_least_work",
    "check_order",
    "legal_order",
    "reasons",
    "standing",
]
