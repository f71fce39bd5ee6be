# SPDX-License-Identifier: Apache-2.0
"""A graph-based, transactional scheduler of keyed values over any southbound."""

from __future__ import annotations

from .clock import Clock, SystemClock
from .descriptor import Descriptor, Southbound
from .errors import (
    ClaimConflict,
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
    ValueState,
    ValueStatus,
)
from .plan import Executed, Operation, Plan, TransactionResult
from .scheduler import Scheduler
from .transaction import Transaction

__all__ = [
    "ClaimConflict",
    "Clock",
    "Depends",
    "DependsOnAny",
    "Derived",
    "Descriptor",
    "Executed",
    "InvalidValue",
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
    "ValueState",
    "ValueStatus",
]
