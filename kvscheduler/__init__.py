# SPDX-License-Identifier: Apache-2.0
"""A graph-based, transactional scheduler of keyed values over any southbound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .clock import Clock, SystemClock
from .descriptor import Descriptor, Southbound
from .errors import (
    ClaimConflict,
    DeadlineExceeded,
    InvalidValue,
    JournalError,
    JournalLocked,
    OperationError,
    PartialRetrieve,
    PlanStale,
    RegistrationError,
    SchedulerClosed,
    SchedulerError,
    TransactionError,
)
from .model import (
    Depends,
    DependsOnAny,
    Derived,
    Origin,
    Retrieved,
    RetryPolicy,
    Unmet,
    Unreadable,
    ValueState,
    ValueStatus,
)
from .plan import Executed, Operation, Plan, TransactionResult
from .scheduler import Scheduler
from .transaction import Transaction

if TYPE_CHECKING:
    from .codec import Codec
    from .journal import Journal

__all__ = [
    "ClaimConflict",
    "Clock",
    "Codec",
    "DeadlineExceeded",
    "Depends",
    "DependsOnAny",
    "Derived",
    "Descriptor",
    "Executed",
    "InvalidValue",
    "Journal",
    "JournalError",
    "JournalLocked",
    "Operation",
    "OperationError",
    "Origin",
    "PartialRetrieve",
    "Plan",
    "PlanStale",
    "RegistrationError",
    "Retrieved",
    "RetryPolicy",
    "Scheduler",
    "SchedulerClosed",
    "SchedulerError",
    "Southbound",
    "SystemClock",
    "Transaction",
    "TransactionError",
    "TransactionResult",
    "Unmet",
    "Unreadable",
    "ValueState",
    "ValueStatus",
]


def __getattr__(name: str) -> object:
    """Import what needs sqlite3 only when somebody asks for it."""
    if name not in ("Codec", "Journal"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import codec, journal  # noqa: PLC0415 - see above

    return codec.Codec if name == "Codec" else journal.Journal
