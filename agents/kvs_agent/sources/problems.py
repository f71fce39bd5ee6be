# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a configuration, and where: file, line, key and field."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from kvscheduler import SchedulerError

__all__ = ["ConfigError", "Problem"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong; ``line`` counts from 1, and is 0 where none can be named."""

    text: str
    file: str
    line: int = 0
    key: str = ""
    field: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.key, self.field, self.text) if part)


class ConfigError(SchedulerError):
    """A configuration that cannot be used as it stands; ``problems`` are in the files' order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        first, *others = map(str, self.problems)
        return f"{first} (and {len(others)} more)" if others else first
