# SPDX-License-Identifier: Apache-2.0
"""Counts of what the engine has done: operations, outcomes, and time in each descriptor."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kvscheduler import TransactionResult, ValueState

from .calls import CallCount
from .transactions import Record

__all__ = ["KINDS", "Statistics"]

# The predecessor's words for what a transaction came of.
KINDS = {
    "transaction": "NBTransaction",
    "resync": "NBTransaction",
    "notification": "SBNotification",
    "retry": "RetryFailedOps",
    "registration": "RetryUnimplOps",
}


class Statistics:
    """Counts since the start; bounded by how many descriptors there are."""

    def __init__(self) -> None:
        self.transactions = 0
        self.errors = 0
        self._operations: Counter[str] = Counter()
        self._states: Counter[ValueState] = Counter()
        self._processing = CallCount("processTransaction")
        self._all: dict[str, CallCount] = {}
        self._descriptors: dict[str, dict[str, CallCount]] = {}

    def take(self, result: TransactionResult) -> None:
        """Count a transaction and its calls of the southbound."""
        self.transactions += 1
        self._processing.add(result.duration_s)
        for executed in result.operations:
            kind, name = executed.operation.kind.capitalize(), executed.operation.descriptor
            took = executed.duration_s
            self._all.setdefault(kind, CallCount(kind)).add(took)
            own = self._descriptors.setdefault(name, {})
            own.setdefault(kind, CallCount(kind)).add(took)

    def take_record(self, record: Record) -> None:
        """Count what became of the values of a transaction."""
        for entry in record.entries:
            self._operations[entry.operation.upper()] += 1
            self._states[entry.after] += 1
            if entry.error:
                self.errors += 1

    def data(self, names: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return the counts in the predecessor's shape; ``names``: all descriptors."""
        descriptors = {name: _listed(self._descriptors.get(name, {})) for name in sorted(names)}
        return {
            "TxnStats": {
                "TotalProcessed": self.transactions,
                "OperationCount": {
                    kind: self._operations[kind] for kind in ("CREATE", "DELETE", "UPDATE")
                },
                "ValueStateCount": {state.name: self._states[state] for state in ValueState},
                "ErrorCount": self.errors,
                "Methods": [{"name": self._processing.name, **self._processing.data()}],
            },
            "GraphMethods": [],
            "AllDescriptors": _listed(self._all),
            "Descriptors": descriptors,
        }


def _listed(counts: dict[str, CallCount]) -> list[dict[str, Any]]:
    ordered = sorted(counts.values(), key=lambda one: (-one.count, one.name))
    return [{"name": one.name, **one.data()} for one in ordered]
