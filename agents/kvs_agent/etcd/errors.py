# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with etcd; every class says what to do next."""

from __future__ import annotations

import grpc

from kvscheduler import SchedulerError

__all__ = [
    "Compacted",
    "EtcdError",
    "LeaseGone",
    "Refused",
    "Rewound",
    "TooLarge",
    "Unavailable",
    "translate",
]


class EtcdError(SchedulerError):
    """Base of every error of this package."""


class Unavailable(EtcdError):
    """No endpoint could be reached, or none answered in time; try again later.

    ``maybe_done``: the request had been sent, and may have had its effect.
    """

    def __init__(self, message: str, *, maybe_done: bool = False) -> None:
        super().__init__(message)
        self.maybe_done = maybe_done


class Compacted(EtcdError):
    """The revision that was asked for is no longer kept; list anew."""


class Rewound(EtcdError):
    """The store is not the one that was read before: restored or emptied; list anew."""


class LeaseGone(EtcdError):
    """The lease has ended, and its keys with it; grant another."""


class TooLarge(EtcdError):
    """A request or an answer larger than the other side takes; ask for less, or in parts."""


class Refused(EtcdError):
    """The server understood and said no: rights, space, or a request that is not valid."""


_AWAY = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,  # what a stream that breaks off may say
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
    }
)
_TOO_MUCH = ("larger than max", "request is too large", "too many operations")


def translate(error: grpc.aio.AioRpcError, endpoint: str) -> EtcdError:
    """Return what an error of a call means."""
    code, details = error.code(), error.details() or error.code().name
    message = f"{endpoint}: {details}"
    if code is grpc.StatusCode.OUT_OF_RANGE:
        return Rewound(message) if "future revision" in details else Compacted(message)
    if code is grpc.StatusCode.NOT_FOUND and "lease" in details:
        return LeaseGone(message)
    if any(words in details for words in _TOO_MUCH):
        return TooLarge(message)
    if code in _AWAY:
        return Unavailable(message, maybe_done=True)
    return Refused(message)
