# SPDX-License-Identifier: Apache-2.0
"""Configuration files as values: YAML or JSON in, keys and messages out, each with its place."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from kvs_agent import shape
from kvs_descriptors.linux import with_namespaces
from ligato.configurator.configurator_pb2 import Config

from ..models import MODELS, Model
from . import resources, yaml_guard
from .problems import ConfigError, Problem

__all__ = ["Configuration", "Place", "from_data", "load", "load_raw", "load_text", "to_data"]

_STEP = re.compile(r"([^\[\]]+)|\[([0-9]+)\]")


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: its path in a file, whose lines are known; and what message it is."""

    file: str
    path: tuple[str | int, ...]
    lines: Mapping[tuple[str | int, ...], int] = dataclasses.field(repr=False)
    message: Any = dataclasses.field(repr=False)

    def line(self, fields: Iterable[str] = ()) -> int:
        """Return the line of a field of the value, or of what of its path is written out."""
        path, message = self.path, self.message
        for step in _steps(fields):
            names: tuple[str | int, ...] = (step,)
            if isinstance(step, str) and message is not None:
                names = _spellings(message, step)
                field = message.fields_by_name.get(step)
                message = field and field.message_type
            known = next((name for name in names if (*path, name) in self.lines), None)
            if known is None:
                break
            path = (*path, known)
        return self.lines.get(path, 0)

    def __str__(self) -> str:
        line = self.line()
        return f"{self.file}:{line}" if line else f"{self.file}: {_dotted(self.path)}"


class Configuration(Mapping[str, Message]):
    """Values by key, as ``Transaction.set`` takes them, with the place that each comes from.

    The namespaces that interfaces name are among them, at the place of the first such interface.
    """

    def __init__(self, values: Mapping[str, Message], places: Mapping[str, Place]) -> None:
        self._values = with_namespaces(values)
        self.places = dict(places)

    def __getitem__(self, key: str) -> Message:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def problem(self, key: str, error: Exception) -> Problem | None:
        """Return what is wrong with a value, as a descriptor found it, at its file and line."""
        place = self.places.get(key)
        if place is None:
            return None
        fields = tuple(getattr(error, "fields", ()))
        text = getattr(error, "message", str(error))
        line = place.line(fields)
        return Problem(text=text, file=place.file, line=line, key=key, field=".".join(fields))


def load(
    paths: Sequence[str | os.PathLike[str]], limits: yaml_guard.Limits | None = None
) -> Configuration:
    """Read files and merge them; ``ConfigError`` names all that is wrong in them.

    The order of files makes no difference: a key that stands twice is an error. So is silence:
    a file that was cut off, or never written, must not read as the wish to have nothing.
    """
    limits = limits or yaml_guard.Limits()
    twice = sorted({os.fspath(path) for path in paths if paths.count(path) > 1})
    if twice:
        raise ConfigError([Problem(text="is given twice", file=file) for file in twice])
    return _heard([(os.fspath(path), _read(path, limits)) for path in paths], limits)


def load_text(text: str, file: str = "<text>") -> Configuration:
    """Read a configuration that is no file."""
    return _merge([(file, text.encode())], yaml_guard.Limits()).configuration()


def load_raw(raw: bytes, file: str, limits: yaml_guard.Limits | None = None) -> Configuration:
    """Read a configuration that has come in by other ways than a file; silence is an error too."""
    return _heard([(file, raw)], limits or yaml_guard.Limits())


def from_data(data: Any, file: str, path: tuple[str | int, ...] = ()) -> Configuration:
    """Take in plain data that no lines are known of, found at a path in a file."""
    reader = _Reader()
    reader.take(file, yaml_guard.Document(data, {}), path)
    return reader.configuration()


def to_data(wanted: Mapping[str, Message]) -> dict[str, Any]:
    """Return values as plain data in the shape of a file; ``from_data`` reads it."""
    data: dict[str, Any] = {}
    for model in MODELS:
        for key in sorted(wanted):
            if isinstance(wanted[key], model.message):
                ones = data.setdefault(model.section, {}).setdefault(model.field, [])
                ones.append(
                    json_format.MessageToDict(wanted[key], preserving_proto_field_name=True)
                )
    return data


def _read(path: str | os.PathLike[str], limits: yaml_guard.Limits) -> bytes:
    with pathlib.Path(path).open("rb") as opened:
        # One byte more shows that there is too much, however much it is.
        return opened.read(limits.max_bytes + 1)


def _heard(files: Sequence[tuple[str, bytes]], limits: yaml_guard.Limits) -> Configuration:
    """Return what files say; ``ConfigError`` where they say nothing at all."""
    reader = _merge(files, limits)
    if reader.is_silent:
        silence = "says nothing at all; to have nothing, write linuxConfig: {}"
        reader.problems += [Problem(text=silence, file=file) for file, _ in files]
    return reader.configuration()


def _merge(files: Iterable[tuple[str, bytes]], limits: yaml_guard.Limits) -> _Reader:
    reader = _Reader()
    for file, raw in files:
        try:
            reader.take_all(file, yaml_guard.parse_all(raw, file, limits))
        except ConfigError as error:
            reader.problems += error.problems
            reader.is_silent = False
    return reader


class _Reader:
    """Collects values from documents, and what is wrong with them."""

    def __init__(self) -> None:
        self.values: dict[str, Message] = {}
        self.places: dict[str, Place] = {}
        self.problems: list[Problem] = []
        self.is_silent = True

    def configuration(self) -> Configuration:
        """Return what was taken in; ``ConfigError`` names all that is wrong with it."""
        if self.problems:
            raise ConfigError(self.problems)
        return Configuration(self.values, self.places)

    def take_all(self, file: str, documents: Sequence[yaml_guard.Document]) -> None:
        """Take in a file: one document, or the predecessor's resources, one after another."""
        if all(map(resources.is_resource, documents)):
            for document in documents:
                self._take_resource(file, document)
            return
        for document in documents[1:]:
            text = "a second document: give each a file of its own"
            self.problems.append(Problem(text=text, file=file, line=document.begins))
        self.take(file, documents[0])

    def _take_resource(self, file: str, document: yaml_guard.Document) -> None:
        self.is_silent = self.is_silent and not resources.is_ours(document)
        for found in resources.items(document, file):
            if isinstance(found, Problem):
                self.problems.append(found)
                continue
            message: Any = found.model.message.DESCRIPTOR
            place = Place(file, found.path, found.lines, message)
            faults = list(shape.faults(found.data, message, found.path))
            for path, text in faults:
                line = _nearest(found.lines, path)
                problem = Problem(text=text, file=file, line=line, field=_dotted(path))
                self.problems.append(problem)
            if not faults:
                self._add(found.model, found.data, place)

    def take(
        self, file: str, document: yaml_guard.Document, above: tuple[str | int, ...] = ()
    ) -> None:
        """Take in one document, or what stands at a path in it."""
        data = document.data if document.data is not None else {}
        self.is_silent = self.is_silent and document.data is None
        # The stubs of generated code say either of two classes, which are the same at run time.
        root: Any = Config.DESCRIPTOR
        found = list(shape.faults(data, root))
        for path, text in found:
            line = _nearest(document.lines, path)
            field = _dotted((*above, *path))
            self.problems.append(Problem(text=text, file=file, line=line, field=field))
        if found:
            return
        for model in MODELS:
            for path, one in _instances(data, model):
                message: Any = model.message.DESCRIPTOR
                self._add(model, one, Place(file, (*above, *path), document.lines, message))

    def _add(self, model: Model, data: Mapping[str, Any], place: Place) -> None:
        value = model.message()
        try:
            json_format.ParseDict(dict(data), value)
        except json_format.ParseError as error:
            # Not expected after the shape was found right; told rather than raised all the same.
            self._complain(place, str(error))
            return
        missing = [name for name in model.needed if not getattr(value, name)]
        if missing:
            self._complain(place, f"needs {' and '.join(missing)}")
            return
        key = model.key(value)
        if key in self.places:
            self._complain(place, f"is at {self.places[key]} already", key)
            return
        self.values[key] = value
        self.places[key] = place

    def _complain(self, place: Place, text: str, key: str = "") -> None:
        field = "" if key else _dotted(place.path)
        line = place.line()
        self.problems.append(Problem(text=text, file=place.file, line=line, key=key, field=field))


def _instances(
    data: Mapping[str, Any], model: Model
) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    root: Any = Config.DESCRIPTOR
    section, below = _either(data, root, model.section)
    inside = root.fields_by_name[model.section].message_type
    field, ones = _either(below or {}, inside, model.field)
    for index, one in enumerate(ones or ()):
        yield (section, field, index), one


def _either(data: Mapping[str, Any], message: Any, name: str) -> tuple[str, Any]:
    """Return a field as it is written, in either of its two ways, and its value."""
    written = next((one for one in _spellings(message, name) if one in data), name)
    return written, data.get(written)


def _spellings(message: Any, name: str) -> tuple[str, ...]:
    """Return the two ways in which a field of a message may be written."""
    field = message.fields_by_name.get(name)
    return (name, field.json_name) if field is not None else (name,)


def _steps(fields: Iterable[str]) -> Iterator[str | int]:
    for field in fields:
        for name, index in _STEP.findall(field):
            yield name or int(index)


def _dotted(path: Iterable[str | int]) -> str:
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(parts).removeprefix(".")


def _nearest(lines: Mapping[tuple[str | int, ...], int], path: tuple[str | int, ...]) -> int:
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 0)
