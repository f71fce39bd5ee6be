# SPDX-License-Identifier: Apache-2.0
"""The connections through a forwarder, as it knows them."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import Final

from kvs_descriptors.nsm.errors import Declined
from kvs_proto.networkservice.connection_pb2 import RESELECT_REQUESTED, Connection, Mechanism
from kvs_proto.nsm.v1.forwarded_pb2 import Forwarded
from kvs_proto.registry.registry_pb2 import NetworkServiceEndpoint

from .following import Followers
from .kept import Kept

__all__ = ["Asked", "Known", "Standing", "copy_of", "with_tokens_of"]

# Of the time that the caller waits, so long is for endpoints.
_OF_HOPS: Final = 0.6


class Asked:
    """One request, and until when endpoints may take for it."""

    def __init__(
        self, connection: Connection, preferences: Sequence[Mechanism], within_s: float
    ) -> None:
        self.connection = connection
        self.preferences = preferences
        self.until = asyncio.get_running_loop().time() + within_s * _OF_HOPS

    @property
    def left_s(self) -> float:
        """Return how long endpoints may take from now."""
        return max(0.0, self.until - asyncio.get_running_loop().time())


@dataclasses.dataclass(slots=True)
class Standing:
    """A connection that stands.

    ``onward`` is as the endpoint has it, with the latest tokens. ``first`` is the request that
    has made it, until another one has been answered.
    """

    record: Forwarded
    onward: Connection
    first: Asked | None = None

    @property
    def end(self) -> tuple[str, str]:
        """Return the client's end: a namespace, and a name in it."""
        return _end_of(self.record)

    @property
    def namespaces(self) -> tuple[str, str]:
        """Return the names of the namespaces that are kept for it."""
        return self.record.client_namespace, self.record.endpoint_namespace

    def is_by(self, endpoint: NetworkServiceEndpoint) -> bool:
        """Tell whether it is that endpoint's."""
        return (self.onward.network_service_endpoint_name, self.record.url) == (
            endpoint.name,
            endpoint.url,
        )

    def is_same_there(self, url: str, onward: Connection) -> bool:
        """Tell whether the endpoint holds one and the same connection for both."""
        return self.record.url == url and _beyond(self.onward) == _beyond(onward)

    def is_refreshed_by(self, connection: Connection) -> bool:
        """Tell whether it is asked for as it stands, and not for another endpoint."""
        name = connection.network_service_endpoint_name
        if connection.state == RESELECT_REQUESTED or not name:
            return False
        return name == self.onward.network_service_endpoint_name


class Known:
    """All of them, by their ids and by their clients' ends; whoever is known is followed."""

    def __init__(self, kept: Kept, followers: Followers) -> None:
        self._kept = kept
        self._followers = followers
        self._standing: dict[str, Standing] = {}
        self._by_end: dict[tuple[str, str], str] = {}

    def __len__(self) -> int:
        return len(self._standing)

    def get(self, identity: str) -> Standing | None:
        """Return a connection, if it stands."""
        return self._standing.get(identity)

    def enter(self, new: Standing) -> None:
        """Know a connection, or know it as it is now."""
        identity, before = new.record.told.id, self._standing.get(new.record.told.id)
        self._standing[identity] = new
        if before is not None and before.end != new.end:
            self._by_end.pop(before.end, None)
        self._by_end[new.end] = identity
        for name in new.namespaces:
            self._kept.again(name)
        self._followers.follow(new.record.url, identity)
        if before is not None:
            self._release(before)
            if before.record.url != new.record.url:
                self._followers.leave(before.record.url, identity)

    def leave(self, standing: Standing) -> None:
        """Know a connection no more."""
        identity = standing.record.told.id
        del self._standing[identity]
        self._by_end.pop(standing.end, None)
        self._release(standing)
        self._followers.leave(standing.record.url, identity)

    def in_the_way(self, asked: Connection, end: tuple[str, str]) -> Standing | None:
        """Return the other connection that has a client's end; refuse another client's."""
        identity = self._by_end.get(end, asked.id)
        if identity == asked.id:
            return None
        older = self._standing[identity]
        if _asker(older.record.told) != _asker(asked):
            raise Declined(f"another client's interface is called {end[1]} already")
        return older

    def _release(self, standing: Standing) -> None:
        for name in standing.namespaces:
            self._kept.leave(name)


def _end_of(record: Forwarded) -> tuple[str, str]:
    return record.client_namespace, record.told.mechanism.parameters["name"]


def _asker(connection: Connection) -> tuple[str, str]:
    """Return what the client calls itself and its connection."""
    first = connection.path.path_segments[0]
    return first.name, first.id


def _beyond(connection: Connection) -> tuple[str, str]:
    """Return how the endpoint knows a connection."""
    segments, index = connection.path.path_segments, connection.path.index + 1
    return (segments[index].name, segments[index].id) if index < len(segments) else ("", "")


def with_tokens_of(asked: Connection, connection: Connection) -> Connection:
    """Return a connection with the tokens of a newer request, which goes through the same hands.

    Those of its own may have expired, or, since a restart, not be known.
    """
    found = copy_of(connection)
    segments = found.path.path_segments[: found.path.index + 1]
    for known, newer in zip(segments, asked.path.path_segments, strict=False):
        if known.name == newer.name and newer.token:
            known.token = newer.token
            known.expires.CopyFrom(newer.expires)
    return found


def copy_of(connection: Connection) -> Connection:
    """Return a copy, which is ours to change."""
    copied = Connection()
    copied.CopyFrom(connection)
    return copied
