# SPDX-License-Identifier: Apache-2.0
"""The path of a connection: whom a request goes through, and how each knows the connection.

Each takes its turn: on the way in ``enter`` moves the index to its own segment, on the way back
``leave`` gives the turn to who asked. The connection's id is always that of the segment whose turn
it is.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable

from kvs_proto.networkservice.connection_pb2 import UP, Connection, Path, PathSegment

from .errors import BadPath

__all__ = [
    "begin",
    "enter",
    "is_mine",
    "joined",
    "kept",
    "leave",
    "previous",
    "resume",
    "sign",
]

# Real ones have four segments. Who sends more is up to something.
MAX_SEGMENTS = 64


def begin(connection: Connection, name: str, identity: str) -> Connection:
    """Return a connection as its client asks for it first."""
    asked = _copy(connection)
    asked.id = identity
    asked.ClearField("path")
    asked.path.path_segments.append(PathSegment(name=name, id=identity))
    return asked


def resume(connection: Connection) -> Connection:
    """Return a connection as its client asks for it again, whoever has told us of it."""
    segments = connection.path.path_segments
    if not segments:
        raise BadPath("the connection has no path")
    asked = _copy(connection)
    asked.path.index = 0
    asked.id = segments[0].id
    return asked


def kept(connection: Connection) -> Connection:
    """Return what is worth remembering of a connection: all but proofs, which are anew each time.

    With this its client can ask for it again, as long as those before and after remember it too.
    """
    found = resume(connection)
    del found.path.path_segments[:]
    found.path.path_segments.extend(
        PathSegment(name=one.name, id=one.id) for one in connection.path.path_segments
    )
    return found


def enter(connection: Connection, name: str, new_id: Callable[[], str]) -> Connection:
    """Return a connection with the turn at the server that is called by the name."""
    _check(connection)
    entered = _copy(connection)
    path, segments = entered.path, entered.path.path_segments
    if segments[path.index].name != name:
        if segments[path.index].id != entered.id:
            here, text = segments[path.index].id, "the segment whose turn it is has the id"
            raise BadPath(f"{text} {here!r}, the connection {entered.id!r}")
        path.index += 1
        if path.index == len(segments):
            segments.append(PathSegment(name=name, id=new_id()))
        elif segments[path.index].name != name:
            # Another endpoint was there before. What follows it is not ours to keep either.
            segments[path.index].CopyFrom(PathSegment(name=name, id=new_id()))
    entered.id = segments[path.index].id
    return entered


def sign(
    connection: Connection,
    theirs: tuple[str, datetime.datetime] | None,
    ours: tuple[str, datetime.datetime],
) -> Connection:
    """Return a connection with the tokens of a call: the caller's and our own."""
    signed = _copy(connection)
    segments, index = signed.path.path_segments, signed.path.index
    if theirs is not None and index > 0:
        # Always: what stands there may be meant for somebody before us.
        _stamp(segments[index - 1], *theirs)
    _stamp(segments[index], *ours)
    return signed


def joined(before: Connection, beyond: Connection) -> Path:
    """Return a path that is one connection's up to whose turn it is, and another's from there."""
    path = Path(index=before.path.index)
    path.path_segments.extend(before.path.path_segments[: path.index + 1])
    path.path_segments.extend(beyond.path.path_segments[path.index + 1 :])
    return path


def leave(connection: Connection, *, is_last: bool = True) -> Connection:
    """Return the answer to who asked, from the last of the path, or from one before it."""
    _check(connection)
    left = _copy(connection)
    path = left.path
    if path.index == 0:
        raise BadPath("nobody has asked: the turn is at the first of the path")
    if is_last:
        del path.path_segments[path.index + 1 :]
    path.index -= 1
    left.id = path.path_segments[path.index].id
    left.state = UP
    return left


def previous(connection: Connection) -> PathSegment:
    """Return the segment of who asked; an empty one where there is none."""
    index, segments = connection.path.index, connection.path.path_segments
    return segments[index - 1] if 0 < index <= len(segments) else PathSegment()


def is_mine(connection: Connection, index: int, identity: str) -> bool:
    """Tell whether what a server says about a connection is about ours.

    ``index`` is our place in the path. The server has the turn at us or at itself.
    """
    segments = connection.path.path_segments
    if index >= len(segments) or segments[index].id != identity:
        return False
    return connection.path.index in {index, index + 1}


def _check(connection: Connection) -> None:
    count, index = len(connection.path.path_segments), connection.path.index
    if index >= count:
        raise BadPath(f"the turn is at {index}, of {count} in the path")
    if count > MAX_SEGMENTS:
        raise BadPath(f"more than {MAX_SEGMENTS} in the path: {count}")


def _stamp(segment: PathSegment, token: str, expires: datetime.datetime) -> None:
    segment.token = token
    segment.expires.FromDatetime(expires)


def _copy(connection: Connection) -> Connection:
    copied = Connection()
    copied.CopyFrom(connection)
    return copied
