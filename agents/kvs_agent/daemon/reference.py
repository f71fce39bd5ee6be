# SPDX-License-Identifier: Apache-2.0
"""The reference of an agent's settings, made of the settings themselves.

``python -m kvs_agent.daemon.reference FILE`` writes it.
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from kvs_agent.core import conf

from .loading import FILES

__all__ = ["reference"]

_TITLE: Final = """\
# Settings of an agent

Made by `make reference` from what the agent reads. Each file is YAML, lies in the folder that
`--config-dir` names, and may be missing: everything has a default. A setting that does not exist
is an error, with its line; `nsm-agent-linux --check` tells of all of them. Durations are written
as in Go: `500ms`, `2s`, `1m`; a bare number is nanoseconds. The names are those of the
predecessor's files where they mean the same.
"""
_NAMES: Final[Mapping[Any, str]] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
}


def reference() -> str:
    """Return the reference as Markdown."""
    return "\n".join([_TITLE, *_sections()])


def _sections() -> Iterator[str]:
    for file, (kind, ignored) in FILES.items():
        doc = (kind.__doc__ or "").strip()
        yield f"## {file}\n"
        yield from (line.strip() for line in doc.splitlines())
        yield ""
        yield "| setting | what | default | meaning |"
        yield "| --- | --- | --- | --- |"
        for one in conf.settings_of(kind):
            yield f"| `{one.key}` | {_type(one)} | {_default(one)} | {one.help} |"
        yield ""
        if ignored:
            yield "Passed over, since they mean nothing here:"
            yield ""
            yield from (f"- `{key}`: {why}" for key, why in ignored.items())
            yield ""


def _type(one: conf.Setting) -> str:
    if one.is_duration:
        return "duration"
    kind = one.type
    if isinstance(kind, types.UnionType):
        kind = next(each for each in typing.get_args(kind) if each is not type(None))
    origin = typing.get_origin(kind)
    if origin is tuple:
        return "list"
    return "names with values" if origin is not None else _NAMES[kind]


def _default(one: conf.Setting) -> str:
    if one.default in (None, "", (), {}):
        return "none"
    if isinstance(one.default, bool):
        return f"`{str(one.default).lower()}`"
    return f"`{_duration(one.default)}`" if one.is_duration else f"`{one.default}`"


def _duration(seconds: float) -> str:
    return f"{seconds:g}s" if seconds >= 1 or not seconds else f"{seconds * 1000:g}ms"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
