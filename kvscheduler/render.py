# SPDX-License-Identifier: Apache-2.0
"""Show a plan to programs (a dict) and to people (text)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, TypedDict

from .jsonable import HIDDEN, Json, jsonable

__all__ = ["FORMAT_VERSION", "KIND_SYMBOL", "NO_CHANGES", "text", "to_dict"]

FORMAT_VERSION = "1.0"
NO_CHANGES = "No changes. The southbound already matches."

MAX_VALUE_CHARS = 72
MAX_LINE_CHARS = 90
MAX_ELEMENTS = 8

Kind = Literal["create", "update", "recreate", "delete"]

KIND_SYMBOL: dict[str, str] = {"create": "+", "update": "~", "recreate": "-/+", "delete": "-"}
_COLOUR = {"+": "32", "~": "33", "-/+": "35", "-": "31", "?": "36", "!": "31"}


class OperationLike(Protocol):
    """What is read of one operation of a plan."""

    @property
    def kind(self) -> str:
        """Return "create", "update" or "delete"."""

    @property
    def key(self) -> str:
        """Return the key operated on."""

    @property
    def base(self) -> str | None:
        """Return the key that this one is derived from."""

    @property
    def descriptor(self) -> str:
        """Return the descriptor's name."""

    @property
    def old(self) -> object:
        """Return the value that stands before."""

    @property
    def new(self) -> object:
        """Return the value that stands afterwards."""

    @property
    def reason(self) -> str:
        """Return why this is done."""

    @property
    def recreate(self) -> bool:
        """Tell whether this is one half of a delete and a create of one key."""


class PlanLike(Protocol):
    """What is read of a plan."""

    @property
    def operations(self) -> Sequence[OperationLike]:
        """Return the operations in order."""

    @property
    def pending(self) -> Mapping[str, str]:
        """Return what is wanted and waits, with the reason."""

    @property
    def invalid(self) -> Mapping[str, str]:
        """Return what is wanted and refused, with the reason."""

    @property
    def edges(self) -> Sequence[Sequence[int]]:
        """Return, for each position, the positions that it waits for."""


class _OperationDict(TypedDict):
    """One operation as JSON data; ``after`` holds the positions that must be done first."""

    kind: str
    key: str
    base: str | None
    descriptor: str
    old: Json
    new: Json
    reason: str
    recreate: bool
    after: list[int]


class _PlanDict(TypedDict):
    """A plan as JSON data; ``summary`` counts a recreated key once, as "recreate"."""

    format_version: str
    operations: list[_OperationDict]
    pending: dict[str, str]
    invalid: dict[str, str]
    summary: dict[str, int]


class _Entry(NamedTuple):
    """One key of a plan as people see it: a delete and a create of it are one recreate."""

    kind: Kind
    key: str
    base: str | None
    old: Json
    new: Json
    reason: str


def to_dict(plan: PlanLike) -> dict[str, object]:
    """Return the plan as JSON data; ``format_version`` changes when its meaning does."""
    return {**_data(plan)}


def _data(plan: PlanLike) -> _PlanDict:
    """Return the plan as JSON data with its type."""
    operations = [
        _OperationDict(
            kind=operation.kind,
            key=operation.key,
            base=operation.base,
            descriptor=operation.descriptor,
            old=jsonable(operation.old),
            new=jsonable(operation.new),
            reason=operation.reason,
            recreate=operation.recreate,
            after=sorted(after),
        )
        for operation, after in zip(plan.operations, plan.edges, strict=True)
    ]
    return _PlanDict(
        format_version=FORMAT_VERSION,
        operations=operations,
        pending=dict(sorted(plan.pending.items())),
        invalid=dict(sorted(plan.invalid.items())),
        summary=_counts(operations, len(plan.pending), len(plan.invalid)),
    )


def text(plan: PlanLike, color: bool = False) -> str:  # noqa: FBT001, FBT002 - as Plan.render
    """Return the plan for people, without a newline at its end.

    It is made from the JSON data alone, so nothing is shown that programs could not read.
    """
    data, paint = _data(plan), _Paint(color)
    entries = _entries(data["operations"])
    lines = list(_tree_lines(entries, paint))
    for symbol, reasons in (("?", data["pending"]), ("!", data["invalid"])):
        lines += [_line(symbol, key, why, 2, paint) for key, why in reasons.items()]
    if lines:
        lines.append("")
    lines.append(paint.bold(_summary(data["summary"])))
    return "\n".join(lines)


def _summary(counts: Mapping[str, int]) -> str:
    """Return the one line that a person reads first."""
    waiting = f"{counts['pending']} pending, {counts['invalid']} invalid."
    if not any(counts.values()):
        return NO_CHANGES
    if not any(counts[kind] for kind in KIND_SYMBOL):
        return f"No changes now; {waiting}"
    return f"Plan: {', '.join(f'{counts[kind]} to {kind}' for kind in KIND_SYMBOL)}; {waiting}"


def printable(text: str) -> str:
    """Return text that cannot move a cursor, ring a bell or hide what stands beside it."""
    if text.isprintable():
        return text
    escaped = (char if char.isprintable() else ascii(char)[1:-1] for char in text)
    return "".join(escaped)


def changes(old: Json, new: Json, path: str = "") -> Iterator[str]:
    """Yield a line for each field that differs, ``mtu: 1500 -> 1400``; lists by element."""
    if old == new and type(old) is type(new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            if name not in old or name not in new or old[name] != new[name]:
                below = f"{path}.{name}" if path else name
                yield from _field_change(old, new, name, below)
        return
    label = f"{path}: " if path else ""
    if isinstance(old, list) and isinstance(new, list):
        yield label + _list_change(old, new)
        return
    before, after = _short_pair(old, new)
    yield f"{label}{before} -> {after}"


def _list_change(old: list[Json], new: list[Json]) -> str:
    """Return which elements go and come, as far as they fit on a line."""
    # By their text, in sets: comparing each with each would be quadratic in a long list.
    before, after = [_compact(item) for item in old], [_compact(item) for item in new]
    had, has = set(before), set(after)
    gone = [f"-{_cut(item, MAX_VALUE_CHARS)}" for item in before if item not in has]
    come = [f"+{_cut(item, MAX_VALUE_CHARS)}" for item in after if item not in had]
    shown = [*gone, *come]
    if not shown:
        return "other order, or other repeats"
    more = f", ... ({len(shown) - MAX_ELEMENTS} more)" if len(shown) > MAX_ELEMENTS else ""
    return ", ".join(shown[:MAX_ELEMENTS]) + more


def _field_change(
    old: dict[str, Json], new: dict[str, Json], name: str, path: str
) -> Iterator[str]:
    """Yield what differs in one field; one that is absent counts as unset, never as null."""
    if name not in old:
        yield f"{path}: (unset) -> {_short(new[name])}"
    elif name not in new:
        yield f"{path}: {_short(old[name])} -> (unset)"
    else:
        yield from changes(old[name], new[name], path)


def _counts(operations: list[_OperationDict], pending: int, invalid: int) -> dict[str, int]:
    """Count what people will see, so that a recreated key counts once."""
    counts = dict.fromkeys((*KIND_SYMBOL, "pending", "invalid"), 0)
    for entry in _entries(operations):
        counts[entry.kind] += 1
    counts["pending"] = pending
    counts["invalid"] = invalid
    return counts


def _entries(operations: list[_OperationDict]) -> list[_Entry]:
    """Join the two halves of each recreate, at the place of its create."""
    deleted = {item["key"]: item for item in operations if item["kind"] == "delete"}
    created = {item["key"] for item in operations if item["kind"] == "create"}
    entries: list[_Entry] = []
    for item in operations:
        key, kind, old = item["key"], item["kind"], item["old"]
        if kind == "delete" and key in created:
            continue
        shown: Kind = "update" if kind == "update" else "delete" if kind == "delete" else "create"
        if kind == "create" and key in deleted:
            shown, old = "recreate", deleted[key]["old"]
        entries.append(_Entry(shown, key, item["base"], old, item["new"], item["reason"]))
    return entries


def _tree_lines(entries: list[_Entry], paint: _Paint) -> Iterator[str]:
    """Yield the lines of all entries in order, derived values beneath their base.

    A base that stays as it is gets a line without a symbol, at its first derived value.
    """
    beneath: dict[str, list[_Entry]] = {}
    for entry in entries:
        if entry.base is not None:
            beneath.setdefault(entry.base, []).append(entry)
    own = {entry.key for entry in entries if entry.base is None}
    for entry in entries:
        if entry.base is None:
            yield from _entry_lines(entry, 2, paint)
        elif entry.base in own:
            continue  # shown beneath its base's own line
        elif entry.base in beneath:
            yield _line("", entry.base, "stays", 2, paint)
        top = entry.key if entry.base is None else entry.base
        for derived in beneath.pop(top, ()):
            yield from _entry_lines(derived, 6, paint)


def _entry_lines(entry: _Entry, indent: int, paint: _Paint) -> Iterator[str]:
    """Yield an entry's own line and what is to be known of its value."""
    # Beneath its base it needs no words that it comes of it.
    of_base = {f"derived from {entry.base}", f"{entry.base} is there now"}
    reason = "" if entry.reason in of_base else entry.reason
    yield _line(KIND_SYMBOL[entry.kind], entry.key, reason, indent, paint)
    margin = " " * (indent + 6)
    if entry.kind in {"update", "recreate"}:
        told = [printable(change) for change in changes(entry.old, entry.new)]
        if not told and HIDDEN in _compact(entry.new):
            told = ["nothing that may be shown: a secret, perhaps"]
        yield from (margin + change for change in told)
    elif entry.kind == "create" and entry.base is None and isinstance(entry.new, dict):
        for line in _wrapped([f"{name}: {_short(item)}" for name, item in entry.new.items()]):
            yield margin + paint.faint(printable(line))


def _wrapped(fields: list[str]) -> Iterator[str]:
    """Yield the fields on as many lines as they take, none of them torn apart."""
    line = ""
    for field in fields:
        if line and len(line) + len(field) > MAX_LINE_CHARS:
            yield f"{line},"
            line = ""
        line = f"{line}, {field}" if line else field
    if line:
        yield line


def _line(symbol: str, key: str, reason: str, indent: int, paint: _Paint) -> str:
    """Return one key's line, its reason behind a ``#``."""
    why = f"  {paint.faint(f'# {printable(reason)}')}" if reason else ""
    return f"{' ' * indent}{paint.symbol(symbol)} {printable(key)}{why}"


def _short(value: Json) -> str:
    """Return a value on one line, its end cut where it is long."""
    return _cut(_compact(value), MAX_VALUE_CHARS)


def _short_pair(old: Json, new: Json) -> tuple[str, str]:
    """Return two values cut so that the place where they begin to differ is seen."""
    before, after = _compact(old), _compact(new)
    if max(len(before), len(after)) <= MAX_VALUE_CHARS:
        return before, after
    shortest = min(len(before), len(after))
    same = next((i for i in range(shortest) if before[i] != after[i]), shortest)
    skip = max(0, same - MAX_VALUE_CHARS // 3)
    lead = "..." if skip else ""
    return (
        lead + _cut(before[skip:], MAX_VALUE_CHARS),
        lead + _cut(after[skip:], MAX_VALUE_CHARS),
    )


def _compact(value: Json) -> str:
    """Return a value as JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


def _cut(shown: str, limit_chars: int) -> str:
    """Cut a text that is too long, and say so."""
    return shown if len(shown) <= limit_chars else f"{shown[: limit_chars - 3]}..."


class _Paint:
    """Colours where they are wanted, and nothing at all where they are not."""

    def __init__(self, wanted: bool) -> None:  # noqa: FBT001 - the class is about this choice
        self._wanted = wanted

    def symbol(self, symbol: str) -> str:
        """Return a symbol in its colour, in a column that holds the widest."""
        if not self._wanted or symbol not in _COLOUR:
            return f"{symbol:>3}"
        return f"{'':>{3 - len(symbol)}}\x1b[{_COLOUR[symbol]}m{symbol}\x1b[0m"

    def faint(self, shown: str) -> str:
        """Return what matters less than the rest of its line."""
        return f"\x1b[2m{shown}\x1b[0m" if self._wanted else shown

    def bold(self, shown: str) -> str:
        """Return what matters most."""
        return f"\x1b[1m{shown}\x1b[0m" if self._wanted else shown
