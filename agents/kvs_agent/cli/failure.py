# SPDX-License-Identifier: Apache-2.0
"""How a failure is told: one line that says what, where, and what to do about it."""

from __future__ import annotations

import errno

__all__ = ["UserError", "lines", "reason_line"]

DENIED_HINT = "; kvsctl changes the kernel's networking and needs root"


class UserError(Exception):
    """What only the person at the keyboard can put right; told as it stands."""


def lines(error: BaseException) -> list[str]:
    """Return a line for each thing that is wrong, of an error that ends the command."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    problems = getattr(error, "problems", ())  # a configuration tells of all at once
    told: list[BaseException] = [UserError(str(problem)) for problem in problems] or [error]
    return [f"error: {_text(each)}{_hint(each)}" for each in told]


def reason_line(key: str, error: BaseException) -> str:
    """Return the line for an error on one key."""
    # A descriptor may name the key too.
    text = _text(error).replace(f"{key}: {key}: ", f"{key}: ")
    told = text if key in text else f"{key}: {text}"
    return f"error: {told}{_hint(error)}"


def _text(error: BaseException) -> str:
    """Return the message on one line; what nobody foresaw is named by its type as well."""
    from kvscheduler.errors import SchedulerError  # noqa: PLC0415 - only when something fails
    from kvscheduler.render import printable  # noqa: PLC0415 - as above

    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return printable(f"{where}{error.strerror}")
    message = printable(" ".join(str(error).split()))
    if isinstance(error, SchedulerError | UserError) or _is_foreseen(error):
        return message or type(error).__name__
    return f"{type(error).__name__}: {message} (--verbose shows where it arose)"


def _is_foreseen(error: BaseException) -> bool:
    """Tell whether the error was raised on purpose by our own code, for people to read."""
    return type(error).__module__.startswith(("kvs_agent.", "kvs_descriptors.", "kvscheduler."))


def _hint(error: BaseException) -> str:
    """Return what helps where the kernel denied something."""
    cause: BaseException | None = error
    while cause is not None:
        number = getattr(cause, "errno", None)
        # Of a file, EACCES speaks about its mode; EPERM is about what the caller may do at all.
        about_file = number == errno.EACCES and getattr(cause, "filename", None) is not None
        if number in {errno.EPERM, errno.EACCES} and not about_file:
            return DENIED_HINT
        cause = getattr(cause, "cause", None) or cause.__cause__
    return ""
