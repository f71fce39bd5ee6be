# SPDX-License-Identifier: Apache-2.0
"""Why survivors may live, as somebody has written it down after looking into them."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable
from pathlib import Path

from tests.mutation.mutants import Mutant

__all__ = ["Reason", "Reasons", "short_name"]


@dataclasses.dataclass(frozen=True, slots=True)
class Reason:
    """Why mutants may live; ``is_alike``: they do the same as the code does, whoever looks."""

    text: str
    is_alike: bool


class Reasons:
    """Why mutants may live, from a file: by module, function and change."""

    def __init__(self, path: Path | None = None) -> None:
        self._found: dict[tuple[str, str, str], Reason] = {}
        text = path.read_text() if path is not None and path.exists() else ""
        for group in tomllib.loads(text).get("group", ()):
            reason = Reason(group["reason"], group["alike"])
            for module, function, change in group["survivors"]:
                self._found[module, function, change] = reason

    def modules(self) -> set[str]:
        """Return the modules of mutants that may live."""
        return {module for module, _, _ in self._found}

    def of(self, module: str, mutant: Mutant) -> Reason | None:
        """Return why a mutant may live, None where nobody has said."""
        return self._found.get((short_name(module), mutant.function, mutant.change))

    def idle(self, module: str, mutants: Iterable[Mutant]) -> set[tuple[str, str]]:
        """Return the reasons for what is no mutant: the code has changed since."""
        named = {(function, change) for name, function, change in self._found if name == module}
        return named - {(one.function, one.change) for one in mutants}


def short_name(module: str) -> str:
    """Return the name of a module as tables have it."""
    return module.removeprefix("kvscheduler.")
