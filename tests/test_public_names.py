# SPDX-License-Identifier: Apache-2.0
"""Freezes the public names: what is listed here is a promise to everybody who imports it."""

from __future__ import annotations

import inspect

import pytest

import kvscheduler
from kvscheduler import blocking

# Grouped as people meet them; a new public name is added here on purpose.
NAMES = {
    *("Scheduler", "Transaction", "TransactionResult", "Plan", "Operation", "Executed"),
    *("Descriptor", "Southbound", "Retrieved", "Origin"),
    *("Depends", "DependsOnAny", "Derived", "RetryPolicy"),
    *("ValueState", "ValueStatus", "Unmet", "Unreadable", "Clock", "SystemClock"),
    *("SchedulerError", "InvalidValue", "ClaimConflict", "TransactionError", "OperationError"),
    *("DeadlineExceeded", "PartialRetrieve", "PlanStale", "RegistrationError"),
    *("SchedulerClosed", "Journal", "Codec", "JournalError", "JournalLocked"),
}

STATES = (
    "NONEXISTENT MISSING UNIMPLEMENTED REMOVED CONFIGURED OBTAINED DISCOVERED"
    " PENDING INVALID FAILED RETRYING"
)

MEMBERS = {
    "Scheduler": "register start close transaction notify settle resync refresh retrieve status"
    " statuses values metadata descriptors graph history watch",
    "Transaction": "set delete plan commit",
    "TransactionResult": "number ok errors operations plan check",
    "Plan": "operations pending invalid graph is_empty to_dict render to_dot to_mermaid",
    "Operation": "kind key base descriptor old new reason recreate",
    "Executed": "operation error duration_s revert",
    "Descriptor": "name key_prefix retrieve_after max_parallel blocking deadline_s selects label"
    " validate equivalent dependencies derived requires_recreate claims is_retriable create"
    " update delete retrieve attach watch",
    "Southbound": "notify failed request_resync request_refresh metadata",
    "ValueStatus": "key base state origin adopted since error operation unmet derived",
    "ValueState": STATES,
    "Origin": "NORTHBOUND SOUTHBOUND UNKNOWN",
}


def test_the_public_names_are_those_promised() -> None:
    assert set(kvscheduler.__all__) == NAMES


def test_every_public_name_is_there_and_documented() -> None:
    undocumented = {name for name in NAMES if not inspect.getdoc(getattr(kvscheduler, name))}

    assert undocumented == set()


@pytest.mark.parametrize("name", sorted(MEMBERS))
def test_a_class_has_the_members_promised(name: str) -> None:
    members = _members(getattr(kvscheduler, name))

    assert set(MEMBERS[name].split()) - members == set()


def test_the_blocking_scheduler_has_the_same_names() -> None:
    missing = _members(kvscheduler.Scheduler) - _members(blocking.Scheduler)

    assert missing == set()


def _members(kind: type) -> set[str]:
    """Return the public names on a class: methods, fields, attributes with a slot."""
    slots = {name for base in kind.__mro__ for name in getattr(base, "__slots__", ())}
    annotated = {name for base in kind.__mro__ for name in getattr(base, "__annotations__", {})}
    return {name for name in {*dir(kind), *slots, *annotated} if not name.startswith("_")}
