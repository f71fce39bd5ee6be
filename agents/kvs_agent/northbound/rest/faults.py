# SPDX-License-Identifier: Apache-2.0
"""Errors as answers: which status each has, and one shape for all."""

from __future__ import annotations

import logging
from typing import Final

from kvs_agent.orchestrator import Overloaded
from kvs_agent.protection import Protected
from kvs_agent.sources.problems import ConfigError
from kvscheduler import (
    ClaimConflict,
    InvalidValue,
    PlanStale,
    SchedulerClosed,
    SchedulerError,
)

from .configuration import problem_data
from .endpoint import Answer, Fault

__all__ = ["answer", "fault"]

logger = logging.getLogger(__name__)

RETRY_AFTER: Final = {"Retry-After": "1"}
_STATUSES: Final[tuple[tuple[type[Exception], int], ...]] = (
    (Overloaded, 429),
    (SchedulerClosed, 503),
    (ClaimConflict, 409),
    (Protected, 409),
    (PlanStale, 409),
    (InvalidValue, 422),
    (SchedulerError, 500),
)


def fault(error: Exception) -> Fault:
    """Return what an error is to who asked; of one that was not foreseen not even its text."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, ConfigError):
        problems = [problem_data(one) for one in error.problems]
        return Fault(400, str(error), {"Problems": problems})
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            headers = RETRY_AFTER if status == _STATUSES[0][1] else None
            return Fault(status, str(error), headers=headers)
    logger.error("a request has failed", exc_info=error)
    return Fault(500, f"an error that was not foreseen ({type(error).__name__}): see the log")


def answer(error: Exception) -> Answer:
    """Return the answer that tells of an error."""
    told = fault(error)
    return Answer({"Error": str(told), **told.details}, told.status, headers=told.headers)
