# SPDX-License-Identifier: Apache-2.0
"""From a request's address to an endpoint and its parameters, each as its type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from .endpoint import Endpoint, Fault, Parameter

__all__ = ["Routes", "parameters"]

_INTEGER: Final = re.compile(r"[0-9]{1,19}")
_BOOLEANS: Final = {"1": True, "true": True, "0": False, "false": False}
_PART: Final = re.compile(r"\{([^}]+)\}")


class Routes:
    """Finds endpoints; plain paths by one look, those with parts in braces by trying each."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._plain: dict[str, dict[str, Endpoint]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Endpoint]]] = []
        by_path: dict[str, dict[str, Endpoint]] = {}
        for endpoint in endpoints:
            by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
        for path, methods in by_path.items():
            if "{" in path:
                self._patterns.append((_pattern(path), methods))
            else:
                self._plain[path] = methods

    def find(self, method: str, path: str) -> tuple[Endpoint, Mapping[str, str]]:
        """Return the endpoint of a path, and the parts of that; ``Fault`` where there is none."""
        methods, parts = self._methods(path)
        if methods is None:
            raise Fault(404, f"there is no {path}: see /")
        # A HEAD is a GET whose body is not sent.
        endpoint = methods.get("GET" if method == "HEAD" else method)
        if endpoint is None:
            allowed = ", ".join(sorted(methods))
            raise Fault(405, f"{path} takes {allowed}", headers={"Allow": allowed})
        return endpoint, parts

    def _methods(self, path: str) -> tuple[dict[str, Endpoint] | None, Mapping[str, str]]:
        plain = self._plain.get(path)
        if plain is not None:
            return plain, {}
        for pattern, methods in self._patterns:
            found = pattern.fullmatch(path)
            if found is not None:
                return methods, _named(found)
        return None, {}


def _pattern(path: str) -> re.Pattern[str]:
    parts = _PART.split(path)
    shown = [
        re.escape(one) if at % 2 == 0 else f"(?P<{one}>[^/]+)" for at, one in enumerate(parts)
    ]
    return re.compile("".join(shown))


def _named(found: re.Match[str]) -> dict[str, str]:
    return {name: str(value) for name, value in found.groupdict().items()}


def parameters(
    endpoint: Endpoint, parts: Mapping[str, str], query: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Return what is given; a ``Fault`` names what is missing or cannot be read.

    What the endpoint does not know is ignored, as the predecessor does.
    """
    given: dict[str, Any] = dict(parts)
    for parameter in endpoint.parameters:
        if parameter.place == "path":
            continue
        values = list(query.get(parameter.name, ()))
        if not parameter.keeps_empty and parameter.kind == "string":
            values = [value for value in values if value]
        if not values:
            if parameter.is_required:
                raise Fault(400, f"missing {parameter.name} argument")
            continue
        given[parameter.name] = _value(parameter, values)
    return given


def _value(parameter: Parameter, values: list[str]) -> Any:
    if parameter.is_repeated:
        return [_converted(parameter, one) for one in values]
    if len(values) > 1:
        raise Fault(400, f"{parameter.name} argument listed more than once")
    return _converted(parameter, values[0])


def _converted(parameter: Parameter, text: str) -> Any:
    if parameter.choices and text not in parameter.choices:
        known = ", ".join(parameter.choices)
        raise Fault(400, f"{parameter.name}: {text!r} is none of {known}")
    if parameter.kind == "flag":
        return _BOOLEANS.get(text.lower(), True)
    if parameter.kind == "boolean":
        if text.lower() not in _BOOLEANS:
            raise Fault(400, f"{parameter.name}: {text!r} is neither true nor false")
        return _BOOLEANS[text.lower()]
    if parameter.kind == "integer":
        return _integer(parameter, text)
    return text


def _integer(parameter: Parameter, text: str) -> int:
    least, most = parameter.least, parameter.most
    if not _INTEGER.fullmatch(text) or not least <= int(text) <= most:
        raise Fault(
            400, f"{parameter.name}: {text[:40]!r} is no whole number from {least} to {most}"
        )
    return int(text)
