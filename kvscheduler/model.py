# SPDX-License-Identifier: Apache-2.0
"""The words of the engine as data: dependencies, derived values, states and policies."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = [
    "Depends",
    "DependsOnAny",
    "Derived",
    "Origin",
    "Retrieved",
    "RetryPolicy",
    "Unmet",
    "Unreadable",
    "ValueState",
    "ValueStatus",
]

Where = Callable[[str], bool]


class Depends(NamedTuple):
    """Need the value under ``key`` to be present, before and for as long as this one is.

    A named tuple, since one is made for every dependency of every value on the hot path.
    """

    key: str
    label: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class DependsOnAny:
    """Need at least one present value whose key starts with a prefix and satisfies ``where``.

    A prefix is a plain string prefix. Costs more than ``Depends``: ``where`` is asked for
    every key below a touched prefix. ``label`` is what people read in a status.
    """

    prefixes: tuple[str, ...] = ("",)
    where: Where | None = None
    label: str = ""

    def __post_init__(self) -> None:
        """Accept any iterable of prefixes, and one bare prefix."""
        prefixes = self.prefixes
        if isinstance(prefixes, str):
            prefixes = (prefixes,)
        object.__setattr__(self, "prefixes", tuple(prefixes))

    def matches(self, key: str) -> bool:
        """Tell whether a value under this key would meet the dependency.

        A ``where`` that raises selects nothing.
        """
        if not key.startswith(self.prefixes):
            return False
        if self.where is None:
            return True
        try:
            return bool(self.where(key))
        except Exception:  # noqa: BLE001 - it is a descriptor's, and may raise anything
            return False


class Derived(NamedTuple):
    """A value that a descriptor computes from another one; it lives and dies with its base."""

    key: str
    value: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a wanted value that could not be read: INVALID, with this reason.

    As with every invalid value, the last valid one under the key goes on standing. No descriptor
    is shown it. Under a key that no descriptor selects it is UNIMPLEMENTED, as any value is.
    """

    reason: str


class Origin(enum.Enum):
    """Who made a value that the southbound holds."""

    NORTHBOUND = "northbound"
    SOUTHBOUND = "southbound"
    UNKNOWN = "unknown"


class Retrieved(NamedTuple):
    """One value as the southbound holds it now.

    ``origin`` is NORTHBOUND where the value bears our mark, SOUTHBOUND where it certainly is
    another's; UNKNOWN lets the engine judge by what it knows and by its journal.
    """

    key: str
    value: Any
    metadata: Any = None
    origin: Origin = Origin.UNKNOWN


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, and after how many seconds, a failed operation is tried again."""

    first_delay: float = 1.0
    factor: float = 2.0
    max_delay: float = 60.0
    max_attempts: int | None = None

    def __post_init__(self) -> None:
        """Refuse what would retry without a pause, or never, with ``ValueError``."""
        if not 0 < self.first_delay < math.inf:
            raise ValueError(f"first_delay: {self.first_delay!r} is no number of seconds above 0")
        if not self.max_delay > 0:
            raise ValueError(f"max_delay: {self.max_delay!r} is no number of seconds above 0")
        if not 1 <= self.factor < math.inf:
            raise ValueError(f"factor: {self.factor!r} is not a number from 1")
        if self.max_attempts is not None and self.max_attempts < 0:
            raise ValueError(f"max_attempts: {self.max_attempts!r} is less than none")

    def delay_s(self, attempt: int) -> float | None:
        """Return the seconds to wait before retry number ``attempt`` (from 1), None to give up."""
        if self.max_attempts is not None and attempt > self.max_attempts:
            return None
        try:
            return min(self.max_delay, self.first_delay * self.factor ** (attempt - 1))
        except OverflowError:
            return self.max_delay


class ValueState(enum.Enum):
    """Where a value stands; the names are the predecessor's."""

    NONEXISTENT = "nonexistent"
    MISSING = "missing"
    UNIMPLEMENTED = "unimplemented"
    REMOVED = "removed"
    CONFIGURED = "configured"
    OBTAINED = "obtained"
    DISCOVERED = "discovered"
    PENDING = "pending"
    INVALID = "invalid"
    FAILED = "failed"
    RETRYING = "retrying"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Unmet:
    """A dependency that a pending value waits for, and why that one is not there.

    ``key`` is the awaited key ("" for an any-of dependency). ``state`` is the awaited value's
    own state, NONEXISTENT where nobody wants it. ``path`` leads from the awaited key to the
    root cause, which ``cause`` states in words; a ring of waiting values ends where it closes.
    """

    label: str
    key: str
    state: ValueState
    path: tuple[str, ...]
    cause: str

    def __str__(self) -> str:
        via = f" (via {' -> '.join(self.path[1:])})" if len(self.path) > 1 else ""
        return f"{self.label}: {self.cause}{via}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ValueStatus:
    """What is to be known about one value.

    ``since`` is in seconds of the scheduler's wall clock. ``operation`` is the last one tried:
    "create", "update", "delete" or "". ``derived`` holds the statuses of derived values,
    sorted by key. ``adopted`` says that others made the value before it was wanted.
    """

    key: str
    base: str | None
    state: ValueState
    origin: Origin
    adopted: bool = False
    since: float = 0.0
    error: Exception | None = None
    operation: str = ""
    unmet: tuple[Unmet, ...] = ()
    derived: tuple[ValueStatus, ...] = ()
