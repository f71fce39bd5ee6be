# SPDX-License-Identifier: Apache-2.0
"""Configuration files of the agent itself: YAML below one folder, read into dataclasses.

A settings class is a frozen dataclass whose fields carry ``setting(...)``: the name in the file,
and what it means. The reference for users is made of the same.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from kvs_agent.sources import yaml_guard
from kvs_agent.sources.problems import ConfigError, Problem

__all__ = ["Setting", "read", "seconds", "setting", "settings_of"]

S = TypeVar("S")

_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|ms|s|m|h)")
_UNITS_S: Final = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
# A bare number is nanoseconds, as Go has it; whoever writes 5 means something else.
_LEAST_BARE_NS: Final = 1_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One setting as users meet it."""

    key: str
    field: str
    help: str
    type: Any
    default: Any
    is_duration: bool


def setting(key: str, help: str, *, default: Any, is_duration: bool = False) -> Any:  # noqa: A002
    """Return a dataclass field that is read from ``key`` of the class's file.

    ``is_duration``: seconds as a float, written as in Go ("500ms", "2s"; bare: nanoseconds).
    """
    metadata = {"key": key, "help": help, "is_duration": is_duration}
    if isinstance(default, dict | list):
        return dataclasses.field(default_factory=lambda: default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def settings_of(kind: type[Any]) -> list[Setting]:
    """Return the settings of a class, in the order in which it has them."""
    hints = typing.get_type_hints(kind)
    return [
        Setting(
            field.metadata["key"],
            field.name,
            field.metadata["help"],
            hints[field.name],
            _default(field),
            field.metadata["is_duration"],
        )
        for field in dataclasses.fields(kind)
        if "key" in field.metadata
    ]


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def read(path: Path, kind: type[S], ignored: Mapping[str, str] | None = None) -> S:
    """Return what a file says; a file that is not there says nothing.

    ``ignored`` are settings of the predecessor that mean nothing here, and why. Paths are
    relative to the file's folder. ``ConfigError`` names file, line and setting of all that is
    wrong.
    """
    if not path.exists():
        return kind()
    document = yaml_guard.parse(path.read_bytes(), str(path))
    data = document.data if document.data is not None else {}
    if not isinstance(data, dict):
        raise ConfigError([Problem(text="is not settings with their values", file=str(path))])
    known = {one.key: one for one in settings_of(kind)}
    given: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in data.items():
        try:
            if key not in (ignored or {}):
                one = _known(key, known)
                given[one.field] = _placed(_converted(value, one), path.parent)
        except ValueError as error:
            line = document.lines.get((key,), 0)
            problems.append(Problem(text=str(error), file=str(path), line=line, field=key))
    if problems:
        raise ConfigError(problems)
    return kind(**given)


def _known(key: str, known: Mapping[str, Setting]) -> Setting:
    if key in known:
        return known[key]
    close = difflib.get_close_matches(key, known, n=1)
    raise ValueError(f"there is no such setting{f': did you mean {close[0]}?' if close else ''}")


def _converted(value: Any, one: Setting) -> Any:
    if one.is_duration:
        return seconds(value)
    wanted = _bare(one.type)
    origin = typing.get_origin(wanted)
    if origin is tuple:
        (item, *_) = typing.get_args(wanted)
        values = value if isinstance(value, list) else [value]
        return tuple(_scalar(each, item) for each in values)
    if origin is Mapping:
        if not isinstance(value, dict):
            raise ValueError("is not names with their values")
        return {name: _scalar(each, typing.get_args(wanted)[1]) for name, each in value.items()}
    return _scalar(value, wanted)


def _placed(value: Any, folder: Path) -> Any:
    """Return a value whose paths begin at a folder, if they begin nowhere else."""
    if isinstance(value, tuple):
        return tuple(_placed(one, folder) for one in value)
    return folder / value if isinstance(value, Path) else value


def _bare(kind: Any) -> Any:
    """Return a type without its None."""
    if isinstance(kind, types.UnionType):
        return next(one for one in typing.get_args(kind) if one is not type(None))
    return kind


_CHECKS: Final[Mapping[Any, tuple[Callable[[Any], bool], str]]] = {
    bool: (lambda value: isinstance(value, bool), "true or false"),
    int: (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"),
    float: (
        lambda value: isinstance(value, int | float) and not isinstance(value, bool),
        "a number",
    ),
    str: (lambda value: isinstance(value, str), "text"),
    Path: (lambda value: isinstance(value, str) and value != "", "a path"),
}


def _scalar(value: Any, kind: Any) -> Any:
    check, what = _CHECKS[kind]
    if not check(value):
        raise ValueError(f"{value!r} is not {what}")
    return Path(value) if kind is Path else value


def seconds(value: Any) -> float:
    """Return how long a duration is, as Go writes it; ``ValueError`` for what is none."""
    if isinstance(value, str) and (found := _DURATION.fullmatch(value)):
        return float(found[1]) * _UNITS_S[found[2]]
    if isinstance(value, int) and not isinstance(value, bool):
        if value == 0 or value >= _LEAST_BARE_NS:
            return value * 1e-9
        raise ValueError(f"{value} would be nanoseconds: write {value}s or {value}ms")
    raise ValueError(f"{value!r} is not a duration such as 500ms, 2s or 1m")
