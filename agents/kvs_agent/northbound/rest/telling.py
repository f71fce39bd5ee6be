# SPDX-License-Identifier: Apache-2.0
"""Transactions as text for people."""

from __future__ import annotations

import json
from collections.abc import Iterator

from kvs_agent.recording import Entry, Record
from kvs_agent.recording.statistics import KINDS
from kvscheduler.jsonable import jsonable
from kvscheduler.render import printable

from . import shapes

__all__ = ["transaction"]


def transaction(record: Record, *, is_verbose: bool) -> str:
    """Return a transaction as lines; ``is_verbose``: with states, and values that were there."""
    return "\n".join([*_lines(record, is_verbose=is_verbose), ""])


def _lines(record: Record, *, is_verbose: bool) -> Iterator[str]:
    result = record.result
    resync = shapes.resync_type(record)
    kind = ", ".join(filter(None, (KINDS[result.kind], resync)))
    yield f"Transaction #{record.number}: {kind}"
    if result.description:
        yield f"    description: {printable(result.description)}"
    if record.retries:
        yield f"    retry {record.attempt} of transaction {record.retries}"
    took_ms = result.duration_s * 1000
    yield f"    {shapes.timestamp(record.started)}, took {took_ms:.1f} ms"
    if not record.entries:
        yield "    no operations"
    for number, entry in enumerate(record.entries, 1):
        yield from _entry(number, entry, is_verbose=is_verbose)


def _entry(number: int, entry: Entry, *, is_verbose: bool) -> Iterator[str]:
    marks = {
        "derived": entry.base is not None,
        "not carried out": entry.is_noop,
        "undone": entry.is_revert,
        "retry": entry.is_retry,
        "recreate": entry.is_recreate,
    }
    shown = ", ".join(name for name, is_so in marks.items() if is_so)
    mark = f" [{shown}]" if shown else ""
    yield f"    {number}. {entry.operation.upper()}{mark} {printable(entry.key)}"
    yield f"        {entry.before.name} -> {entry.after.name}"
    if is_verbose and entry.old is not None:
        yield f"        before: {_value(entry.old)}"
    if is_verbose and entry.new is not None:
        yield f"        after: {_value(entry.new)}"
    if entry.error:
        yield f"        error: {printable(entry.error)}"


def _value(value: object) -> str:
    return printable(json.dumps(jsonable(value)))
