# SPDX-License-Identifier: Apache-2.0
"""The predecessor's resources of Kubernetes, CNFConfiguration: values by their models, as files.

A file that is made for kubectl is read as it is: what else is in it, pods and the like, is passed
over. For which microservice a value is meant is of no account: who reads the file takes it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..models import Model, by_name
from . import yaml_guard
from .problems import ConfigError, Problem

__all__ = ["Item", "is_ours", "is_resource", "items"]

KIND: Final = "CNFConfiguration"

_NEEDED: Final = ("module", "type", "data")
_KNOWN: Final = {*_NEEDED, "version", "name", "microservice"}

Path = tuple[str | int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One value, as plain data, and where it stands."""

    model: Model
    data: Any
    path: Path
    lines: Mapping[Path, int]


def is_resource(document: yaml_guard.Document) -> bool:
    """Tell whether a document is a resource of Kubernetes, of whatever kind."""
    data = document.data
    return isinstance(data, dict) and "apiVersion" in data and "kind" in data


def is_ours(document: yaml_guard.Document) -> bool:
    """Tell whether a resource is one that has values."""
    return bool(document.data["kind"] == KIND)


def items(document: yaml_guard.Document, file: str) -> Iterator[Item | Problem]:
    """Yield the values of a resource, or what is wrong with it; other kinds have none."""
    if not is_ours(document):
        return
    spec = document.data.get("spec")
    ones = spec.get("configItems") if isinstance(spec, dict) else None
    if not isinstance(ones, list):
        text = f"a {KIND} has a list spec.configItems"
        yield Problem(text=text, file=file, line=document.lines.get(("kind",), document.begins))
        return
    for index, one in enumerate(ones):
        path: Path = ("spec", "configItems", index)
        yield _item(one, path, document.lines, file)


def _item(one: Any, path: Path, lines: Mapping[Path, int], file: str) -> Item | Problem:
    line = lines.get(path, 0)
    if fault := _fault(one):
        return Problem(text=fault, file=file, line=line, field=_dotted(path))
    name = f"{one['module']}.{one['type']}"
    model = by_name(name)
    if model is None or one.get("version", model.version) != model.version:
        version = one.get("version", "")
        text = f"there is no model {name} {version}".rstrip()
        return Problem(text=text, file=file, line=line, field=_dotted(path))
    return _inside(one["data"], model, (*path, "data"), lines, file)


def _fault(one: Any) -> str:
    if not isinstance(one, dict):
        return "is no module, type and data"
    missing = [name for name in _NEEDED if not isinstance(one.get(name), str)]
    if missing:
        return f"needs {' and '.join(missing)}"
    unknown = [name for name in one if name not in _KNOWN]
    return f"there is no such field: {unknown[0]}" if unknown else ""


def _inside(
    text: str, model: Model, path: Path, lines: Mapping[Path, int], file: str
) -> Item | Problem:
    """Read the YAML that is written as text in YAML; its lines are those of the file."""
    # Text of several lines begins on the next one.
    before = lines.get(path, 0) - (0 if "\n" in text else 1)
    try:
        document = yaml_guard.parse(text.encode(), file, before=before)
    except ConfigError as error:
        return dataclasses.replace(error.problems[0], field=_dotted(path))
    inner = {(*path, *below): line for below, line in document.lines.items()}
    return Item(model, document.data if document.data is not None else {}, path, inner)


def _dotted(path: Path) -> str:
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(parts).removeprefix(".")
