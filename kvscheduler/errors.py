# SPDX-License-Identifier: Apache-2.0
"""Everything the scheduler raises on purpose; ``SchedulerError`` is the one base to catch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .model import Retrieved

__all__ = [
    "ClaimConflict",
    "DeadlineExceeded",
    "InvalidValue",
    "JournalError",
    "JournalLocked",
    "OperationError",
    "PartialRetrieve",
    "PlanStale",
    "RegistrationError",
    "SchedulerClosed",
    "SchedulerError",
    "TransactionError",
]


class SchedulerError(Exception):
    """Base of every error that this package raises on purpose."""


class InvalidValue(SchedulerError):
    """A value that cannot be wanted as it stands; correct it and set it again.

    ``fields`` names the offending fields, outermost first, for status and user interfaces.
    """

    def __init__(self, message: str, fields: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.fields = tuple(fields)

    def __str__(self) -> str:
        return f"{', '.join(self.fields)}: {self.message}" if self.fields else self.message


class ClaimConflict(SchedulerError):
    """Two wanted values exclude each other; drop one of ``keys``. Nothing was touched."""

    def __init__(self, claim: str, keys: Sequence[str]) -> None:
        first, second = keys[0], keys[1]
        what = f"key {claim} is" if claim in keys or first == second else f"claim {claim} is"
        super().__init__(f"{what} wanted twice: by {first} and by {second}")
        self.claim = claim
        self.keys = tuple(keys)


class OperationError(SchedulerError):
    """The southbound refused, or broke, one operation on one key; ``cause`` says why."""

    def __init__(self, key: str, kind: str, cause: BaseException) -> None:
        super().__init__(f"{kind} {key}: {describe(cause)}")
        self.key = key
        self.kind = kind
        self.cause = cause


class DeadlineExceeded(SchedulerError, TimeoutError):
    """A southbound call gave no answer in time: the ``cause`` of an ``OperationError``.

    Whether it had its effect is not known; the key is left alone until the call has ended.
    """


class TransactionError(SchedulerError):
    """A transaction ended with errors; ``errors`` maps each key to what went wrong on it."""

    def __init__(self, number: int, errors: Mapping[str, Exception]) -> None:
        shown = [f"{key}: {describe(error)}" for key, error in list(errors.items())[:_SHOWN]]
        more = f" (and {len(errors) - _SHOWN} more)" if len(errors) > _SHOWN else ""
        super().__init__(f"transaction {number} failed: {'; '.join(shown)}{more}")
        self.number = number
        self.errors = dict(errors)


class PlanStale(SchedulerError):
    """The state has moved since the plan was made; plan again and look at it before committing."""


class PartialRetrieve(SchedulerError):
    """Raised by ``Descriptor.retrieve`` where a part of the southbound cannot be read.

    ``found`` is what could be read; of keys below a prefix in ``unknown`` nothing is concluded.
    """

    def __init__(self, found: Iterable[Retrieved], unknown: Iterable[str]) -> None:
        self.found = tuple(found)
        self.unknown = (unknown,) if isinstance(unknown, str) else tuple(unknown)
        super().__init__(f"not readable: {', '.join(self.unknown)}")


class RegistrationError(SchedulerError, ValueError):
    """A descriptor that cannot be registered: a name or prefix is taken, or a name unknown."""


class SchedulerClosed(SchedulerError):
    """The scheduler is not running: start it, or it has been closed already."""


class JournalError(SchedulerError):
    """The journal cannot be used: damaged, of an unknown version, or not writable."""


class JournalLocked(JournalError):
    """Another engine holds this journal; two engines must never drive one southbound."""


_SHOWN = 3


def describe(error: BaseException) -> str:
    """Return the text of an error, or its type where it has none."""
    return str(error) or type(error).__name__
