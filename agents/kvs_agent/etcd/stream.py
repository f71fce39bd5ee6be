# SPDX-License-Identifier: Apache-2.0
"""One conversation about changes with one server, until it ends or falls silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc

from kvs_descriptors.cancelling import cancellable
from kvs_proto.etcd.v1 import etcd_pb2 as pb
from kvscheduler import Clock

from . import methods
from .entries import prefix_range
from .errors import Compacted, Refused, Unavailable, translate
from .links import Link, Links
from .settings import Settings

__all__ = ["Stream"]

_STILL_THERE = pb.WatchRequest(progress_request=pb.WatchProgressRequest())


class Stream:
    """Responses to one watch. A server that says nothing for too long counts as gone.

    Nothing but a response without news is expected while nothing changes, and it is asked for:
    a dead peer does not close its connection.
    """

    def __init__(self, links: Links, link: Link, settings: Settings, clock: Clock) -> None:
        self._links = links
        self._link = link
        self._settings = settings
        self._clock = clock
        # The server's revision when it accepted the watch.
        self.begun_at = 0
        self._is_reading = False
        self._requests: asyncio.Queue[pb.WatchRequest | None] = asyncio.Queue()
        self._call = link.stream(methods.WATCH, self._asked())
        self._timer = clock.call_later(settings.heartbeat_s, self._ask_for_life)

    @classmethod
    async def open(
        cls, links: Links, settings: Settings, clock: Clock, prefix: bytes, start: int
    ) -> Stream:
        """Ask for all changes below a prefix from a revision on; return once it is accepted."""
        key, end = prefix_range(prefix)
        create = pb.WatchCreateRequest(key=key, range_end=end, start_revision=start, fragment=True)
        stream = cls(links, await links.take(), settings, clock)
        stream._requests.put_nowait(pb.WatchRequest(create_request=create))
        try:
            while not (response := await stream.read()).created:
                continue
        except BaseException:
            stream.close()
            raise
        stream.begun_at = response.header.revision
        return stream

    async def read(self) -> pb.WatchResponse:
        """Wait for the next response; after an error the stream is of no more use."""
        self._is_reading = True
        try:
            with cancellable():
                async with asyncio.timeout(self._settings.silence_s):
                    response = await self._call.read()
        except TimeoutError:
            raise self._broken(f"silent for {self._settings.silence_s:g} s") from None
        except grpc.aio.AioRpcError as error:
            known = translate(error, str(self._link.endpoint))
            if isinstance(known, Unavailable):
                self._links.retire(self._link)
            raise known from error
        finally:
            self._is_reading = False
        if not isinstance(response, pb.WatchResponse):
            raise self._broken("has ended the watch")
        if response.compact_revision:
            raise Compacted(f"history begins at revision {response.compact_revision}")
        if response.canceled:
            raise Refused(f"{self._link.endpoint}: {response.cancel_reason or 'watch refused'}")
        return response

    def close(self) -> None:
        """End the conversation; nothing of it is left running."""
        self._timer.cancel()
        self._requests.put_nowait(None)
        self._call.cancel()
        self._links.give_back(self._link)

    def _broken(self, what: str) -> Unavailable:
        self._links.retire(self._link)
        return Unavailable(f"{self._link.endpoint}: {what}")

    def _ask_for_life(self) -> None:
        if self._is_reading:  # a reader that is busy elsewhere needs no answers that pile up
            self._requests.put_nowait(_STILL_THERE)
        self._timer = self._clock.call_later(self._settings.heartbeat_s, self._ask_for_life)

    async def _asked(self) -> AsyncIterator[pb.WatchRequest]:
        """Yield requests as they come up; gRPC runs this beside the reading."""
        while (request := await self._requests.get()) is not None:
            yield request
