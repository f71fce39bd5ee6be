# SPDX-License-Identifier: Apache-2.0
"""When something has to be said again: connections and registrations end by themselves."""

from __future__ import annotations

import datetime

from kvs_proto.networkservice.connection_pb2 import Connection

__all__ = ["call_timeout_s", "expires", "refresh_after_s", "register_after_s"]

# Who is nearer to the client asks sooner, so that the others need not ask of themselves.
_FIRST, _FURTHER, _ALONE = 0.2, 0.2, 1 / 3
_OF_REGISTRATION = 2 / 3
# A server ends a connection as long before its token expires as the call might have taken.
_OF_TOKEN = 1 / 4


def expires(connection: Connection) -> datetime.datetime | None:
    """Return when the first token of the path expires."""
    segments = connection.path.path_segments
    return min(
        (one.expires.ToDatetime(datetime.UTC) for one in segments if one.HasField("expires")),
        default=None,
    )


def refresh_after_s(connection: Connection, now: datetime.datetime) -> float:
    """Return in how long a connection has to be asked for again by who has the turn."""
    end = expires(connection)
    if end is None:
        return 0.0
    path = connection.path
    count = len(path.path_segments)
    share = _FIRST + _FURTHER * path.index / count if count > 1 else _ALONE
    return max(0.0, (end - now).total_seconds() * share)


def register_after_s(end: datetime.datetime, now: datetime.datetime) -> float:
    """Return in how long an endpoint has to be registered again, which is known until ``end``."""
    return max(0.0, (end - now).total_seconds() * _OF_REGISTRATION)


def call_timeout_s(wanted_s: float, token_life_s: float) -> float:
    """Return how long a call may take, so that it does not eat up the connection's life."""
    return min(wanted_s, token_life_s * _OF_TOKEN)
