# SPDX-License-Identifier: Apache-2.0
"""How a value's status is told: what it waits for, down to the root cause."""

from __future__ import annotations

from collections.abc import Iterator

from kvscheduler.errors import describe
from kvscheduler.model import Origin, Unmet, ValueState, ValueStatus
from kvscheduler.render import printable

__all__ = ["text"]

GOOD = {ValueState.CONFIGURED, ValueState.OBTAINED}
BAD = {ValueState.FAILED, ValueState.INVALID, ValueState.MISSING}
MEANING = {
    ValueState.CONFIGURED: "wanted, and there",
    ValueState.OBTAINED: "there, made by others",
    ValueState.DISCOVERED: "there, made by {maker}, not wanted any more",
    ValueState.PENDING: "wanted, and waits for what is below",
    ValueState.INVALID: "wanted, but refused as it stands",
    ValueState.FAILED: "wanted, but the last attempt failed",
    ValueState.RETRYING: "wanted, failed, and tried again soon",
    ValueState.MISSING: "wanted, and gone from the system: repair brings it back",
    ValueState.UNIMPLEMENTED: "wanted, but nothing here knows this kind of value",
    ValueState.REMOVED: "removed",
    ValueState.NONEXISTENT: "neither wanted nor there",
}


def text(status: ValueStatus, *, color: bool, maker: str = "kvsctl") -> str:
    """Return a status with its derived values as a tree; ``maker`` is who made them."""
    return "\n".join(_lines(status, maker, color=color, indent=0))


def _lines(status: ValueStatus, maker: str, *, color: bool, indent: int) -> Iterator[str]:
    """Yield the lines of one status and, beneath it, of its derived values."""
    margin = " " * indent
    meaning = MEANING[status.state].format(maker=maker)
    if indent and status.unmet and all(unmet.key == status.base for unmet in status.unmet):
        meaning = "wanted, and waits for what it is derived from"
    if status.state is ValueState.PENDING and not status.unmet:
        meaning = "wanted, not there, and nothing it waits for: repair tries to make it"
    if status.adopted:
        meaning += "; made by others before it was wanted, so never removed"
    elif status.state is ValueState.CONFIGURED and status.origin is Origin.SOUTHBOUND:
        meaning += "; made by others"
    yield f"{margin}{printable(status.key)}  {_state(status.state, color=color)} ({meaning})"
    if indent == 0 and status.base is not None:
        yield f"{margin}  derived from {printable(status.base)}"
    if status.error is not None:
        is_refused = status.state is ValueState.INVALID  # before anything was tried
        tried = f" ({status.operation})" if status.operation and not is_refused else ""
        yield f"{margin}  error{tried}: {printable(describe(status.error))}"
    for unmet in status.unmet:
        if indent == 0 or unmet.key != status.base:  # how that one stands is told above
            yield from _unmet_lines(unmet, margin + "  ")
    for derived in status.derived:
        yield from _lines(derived, maker, color=color, indent=indent + 4)


def _unmet_lines(unmet: Unmet, margin: str) -> Iterator[str]:
    """Yield what is waited for, the way to the root cause, and that cause."""
    awaited = f"{unmet.key} ({unmet.state.value})" if unmet.key else "any one"
    yield printable(f"{margin}waits for {unmet.label}: {awaited}")
    for key in unmet.path[1:]:
        yield printable(f"{margin}  which waits for {key}")
    yield printable(f"{margin}  because {unmet.cause}")


def _state(state: ValueState, *, color: bool) -> str:
    """Return a state's name, in its colour where that is wanted."""
    name = state.name
    if not color:
        return name
    number = 32 if state in GOOD else 31 if state in BAD else 33
    return f"\x1b[{number}m{name}\x1b[0m"
