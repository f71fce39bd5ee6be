# SPDX-License-Identifier: Apache-2.0
"""YAML from strangers as plain data, within bounds: what JSON can say, and the line of each part.

libyaml's parser yields events; data is built from them here, without recursion. PyYAML's own
composer recurses in C: 100,000 opening brackets take the whole process down. Aliases are refused,
since whatever copies the data expands them; so are keys that stand twice, of which others take
the last in silence. Plain words are what they are in JSON: ``no`` is a string, so is 12:30:45.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from .problems import ConfigError, Problem

__all__ = ["Document", "Limits", "parse", "parse_all"]

Path = tuple[str | int, ...]

_Tagged = yaml.ScalarEvent | yaml.CollectionStartEvent

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORDS = {"": None, "null": None, "~": None, "true": True, "false": False}

# More digits than any field holds; converting many takes quadratic time.
MAX_NUMBER_LENGTH = 40


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of a file is taken in before it is refused."""

    max_bytes: int = 16 * 1024 * 1024
    max_events: int = 200_000
    max_depth: int = 64


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """Plain data, and the line, from 1, on which each part of it begins, by its path."""

    data: Any
    lines: dict[Path, int]
    begins: int = 1


def parse(raw: bytes, file: str, limits: Limits | None = None, *, before: int = 0) -> Document:
    """Return the one document of a file; ``ConfigError`` where there is anything else in it.

    ``before`` is how many lines of the file come before what is given.
    """
    documents = parse_all(raw, file, limits, before=before)
    if len(documents) > 1:
        text = "a second document: give each a file of its own"
        raise _error(text, file, documents[1].begins)
    return documents[0]


def parse_all(
    raw: bytes, file: str, limits: Limits | None = None, *, before: int = 0
) -> list[Document]:
    """Return the documents of a file, at least one."""
    limits = limits or Limits()
    if len(raw) > limits.max_bytes:
        raise _error(f"more than {limits.max_bytes} bytes", file, 0)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = before + raw.count(b"\n", 0, error.start) + 1
        raise _error("not UTF-8", file, line) from None
    builder = _Builder(file, limits, before)
    try:
        for event in _events(text):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = error.problem or error.context or "not YAML"
        if mark and _is_tab(text, mark):
            what = "a tab: YAML is indented with blanks"
        raise _error(what, file, before + mark.line + 1 if mark else 0) from None
    except yaml.YAMLError as error:
        raise _error(str(error).partition("\n")[0], file, 0) from None
    return builder.documents()


def _events(text: str) -> Iterator[yaml.Event]:
    loader = yaml.CSafeLoader(text)
    try:
        while loader.check_event():
            event = loader.get_event()
            if event is not None:
                yield event
    finally:
        loader.dispose()


def _is_tab(text: str, mark: yaml.Mark) -> bool:
    """Tell whether a tab stands where a line's first word does."""
    lines = text.split("\n", mark.line + 1)
    return len(lines) > mark.line and lines[mark.line][: mark.column + 1].strip(" ") == "\t"


def _error(text: str, file: str, line: int) -> ConfigError:
    return ConfigError([Problem(text=text, file=file, line=line)])


class _Frame:
    """A mapping or a sequence whose end has not been seen."""

    __slots__ = ("key", "lines", "path", "value")

    def __init__(self, value: dict[str, Any] | list[Any], path: Path) -> None:
        self.value = value
        self.path = path
        self.key: str | None = None
        self.lines: dict[str, int] = {}


class _Builder:
    """Builds data from events."""

    def __init__(self, file: str, limits: Limits, before: int) -> None:
        self._file = file
        self._before = before
        self._limits = limits
        self._events = 0
        self._documents: list[Document] = []
        self._stack: list[_Frame] = []
        self._begin(before + 1)

    def documents(self) -> list[Document]:
        """Return what has been built."""
        self._end()
        return self._documents or [Document(None, {(): 1})]

    def _begin(self, line: int) -> None:
        self._data: Any = None
        self._is_open = False
        self._begins = line
        self._lines: dict[Path, int] = {(): line}

    def _end(self) -> None:
        if self._is_open:
            self._documents.append(Document(self._data, self._lines, self._begins))

    def take(self, event: yaml.Event) -> None:
        """Work one event in."""
        line = self._before + event.start_mark.line + 1 if event.start_mark else 0
        self._events += 1
        if self._events > self._limits.max_events:
            raise self._error(f"more than {self._limits.max_events} parts", line)
        if isinstance(event, yaml.ScalarEvent):
            self._refuse_extras(event, line)
            self._scalar(event, line)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._refuse_extras(event, line)
            self._start({} if isinstance(event, yaml.MappingStartEvent) else [], line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._stack.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise self._error(f"aliases (*{event.anchor}) are not taken: write it out", line)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._end()
            self._begin(line)
            self._is_open = True

    def _refuse_extras(self, event: _Tagged, line: int) -> None:
        if event.anchor is not None:
            raise self._error(f"anchors (&{event.anchor}) are not taken: write it out", line)
        if event.tag is not None:
            raise self._error(f"tags ({event.tag}) are not taken", line)

    def _start(self, value: dict[str, Any] | list[Any], line: int) -> None:
        if len(self._stack) >= self._limits.max_depth:
            raise self._error(f"nested more than {self._limits.max_depth} deep", line)
        path = self._add(value, line)
        self._stack.append(_Frame(value, path))

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.key is None and isinstance(frame.value, dict):
            self._key(frame, event.value, line)
        else:
            is_plain = event.implicit[0]
            self._add(self._plain(event.value, line) if is_plain else event.value, line)

    def _key(self, frame: _Frame, key: str, line: int) -> None:
        earlier = frame.lines.get(key)
        if earlier is not None:
            raise self._error(f"{key!r} is on line {earlier} already", line)
        frame.lines[key] = line
        frame.key = key

    def _add(self, value: Any, line: int) -> Path:
        if not self._stack:
            self._data = value
            return ()
        frame = self._stack[-1]
        if isinstance(frame.value, list):
            path: Path = (*frame.path, len(frame.value))
            frame.value.append(value)
        elif frame.key is None:
            raise self._error("only words can be keys", line)
        else:
            path = (*frame.path, frame.key)
            frame.value[frame.key] = value
            line = frame.lines[frame.key]
            frame.key = None
        self._lines[path] = line
        return path

    def _plain(self, text: str, line: int) -> Any:
        if text in _WORDS:
            return _WORDS[text]
        if not _NUMBER.fullmatch(text):
            return text
        if len(text) > MAX_NUMBER_LENGTH:
            raise self._error(f"a number of more than {MAX_NUMBER_LENGTH} digits", line)
        if _INTEGER.fullmatch(text):
            return int(text)
        number = float(text)
        if not math.isfinite(number):
            raise self._error(f"too large a number: {text}", line)
        return number

    def _error(self, text: str, line: int) -> ConfigError:
        return _error(text, self._file, line)
