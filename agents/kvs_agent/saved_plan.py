# SPDX-License-Identifier: Apache-2.0
"""Plans as files: what was wanted and what would be done, kept until somebody says yes to it."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kvscheduler import SchedulerError

from .sources.config import Configuration, from_data, to_data
from .sources.problems import ConfigError, Problem

if TYPE_CHECKING:
    from kvscheduler import Plan

__all__ = [
    "FORMAT_VERSION",
    "PlanMoved",
    "SavedPlan",
    "is_saved_plan",
    "parse",
    "read",
    "text",
    "write",
]

FORMAT_VERSION = "1.0"
MAX_BYTES = 256 * 1024 * 1024

_TITLE = "kvsctl_plan"
_BEGINNING = f'{{"{_TITLE}": '.encode()
_FIELDS = {_TITLE: str, "wanted": dict, "plan": dict}
_PARTS = {"operations": list, "pending": dict, "invalid": dict}
# What of an operation has to be the same; its reason may be put into other words.
_OPERATION = ("kind", "key", "base", "descriptor", "old", "new", "recreate")


class PlanMoved(SchedulerError):
    """What would be done now is not what the saved plan says; nothing was touched."""


@dataclasses.dataclass(frozen=True, slots=True)
class SavedPlan:
    """What a file of this kind holds; ``plan`` is as ``Plan.to_dict`` gives it."""

    file: str
    wanted: Configuration
    plan: Mapping[str, Any]

    def check(self, made: Plan) -> None:
        """Raise ``PlanMoved`` where a plan made now differs, naming the first difference."""
        now = json.loads(json.dumps(made.to_dict()))
        difference = next(_differences(self.plan, now), None)
        if difference is not None:
            moved = f"{self.file}: the state has moved since this plan was made: {difference}"
            raise PlanMoved(f"{moved}; nothing was changed, plan again")


def text(wanted: Configuration, made: Plan) -> str:
    """Return what a saved plan's file holds; it is known by its beginning."""
    data = {_TITLE: FORMAT_VERSION, "wanted": to_data(wanted), "plan": made.to_dict()}
    return json.dumps(data) + "\n"


def write(path: str | os.PathLike[str], wanted: Configuration, made: Plan) -> None:
    """Write a plan to a file, whole or not at all, for its owner alone: it may hold secrets."""
    target = pathlib.Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write(text(wanted, made))
            opened.flush()
            os.fsync(opened.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def is_saved_plan(path: str | os.PathLike[str]) -> bool:
    """Tell by its beginning whether a file is a saved plan, rather than a configuration."""
    with pathlib.Path(path).open("rb") as opened:
        return opened.read(len(_BEGINNING)) == _BEGINNING


def read(path: str | os.PathLike[str]) -> SavedPlan:
    """Read a saved plan; ``ConfigError`` where the file is damaged, or of another version."""
    with pathlib.Path(path).open("rb") as opened:
        return parse(opened.read(MAX_BYTES + 1), os.fspath(path))


def parse(raw: bytes, file: str) -> SavedPlan:
    """Take what a file holds for a saved plan; raises as ``read`` does."""
    if len(raw) > MAX_BYTES:
        raise _error(file, f"more than {MAX_BYTES} bytes")
    try:
        data = json.loads(raw, object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as error:
        raise _error(file, f"not a saved plan: {error}") from None
    _check(file, data)
    return SavedPlan(file, from_data(data["wanted"], file, ("wanted",)), data["plan"])


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _check(file: str, data: Any) -> None:
    """Raise ``ConfigError`` where the frame of a saved plan is not as ``write`` makes it."""
    if not isinstance(data, dict) or data.keys() != _FIELDS.keys():
        raise _error(file, f"not a saved plan: it takes {', '.join(_FIELDS)} and nothing else")
    if data[_TITLE] != FORMAT_VERSION:
        version = (
            f"version {data[_TITLE]!r:.40}, and only {FORMAT_VERSION} can be read: plan again"
        )
        raise _error(file, version)
    _check_types(file, data, _FIELDS)
    _check_types(file, data["plan"], _PARTS)
    if not all(isinstance(one, dict) for one in data["plan"]["operations"]):
        raise _error(file, "not a saved plan: operations are no objects")


def _check_types(file: str, data: dict[str, Any], fields: Mapping[str, type]) -> None:
    for name, kind in fields.items():
        if not isinstance(data.get(name), kind):
            raise _error(file, f"not a saved plan: {name} is no {kind.__name__}")


def _error(file: str, what: str) -> ConfigError:
    return ConfigError([Problem(text=what, file=file)])


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of two plans is not the same."""
    before, after = then["operations"], now["operations"]
    for old, new in zip(before, after, strict=False):
        if any(old.get(name) != new.get(name) for name in _OPERATION):
            yield f"{_step(new)} where it says {_step(old)}"
    longer, word = (after, "also") if len(after) > len(before) else (before, "no longer")
    for one in longer[min(len(before), len(after)) :]:
        yield f"{word} {_step(one)}"
    for name in ("pending", "invalid"):
        for key in sorted(then[name].keys() ^ now[name].keys()):
            yield f"{key} is {name if key in now[name] else f'no longer {name}'}"


def _step(operation: Mapping[str, Any]) -> str:
    return f"{operation.get('kind')} {operation.get('key')}"
