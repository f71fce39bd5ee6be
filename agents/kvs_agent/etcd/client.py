# SPDX-License-Identifier: Apache-2.0
"""A thin client of etcd v3: keys, transactions, leases, and the way to a watch."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Self, TypeVar

import grpc
from google.protobuf.message import Message

from kvs_descriptors.cancelling import cancellable
from kvs_proto.etcd.v1 import etcd_pb2 as pb
from kvscheduler import Clock, SystemClock

from . import methods
from .entries import Entry, Listing, prefix_range
from .errors import LeaseGone, TooLarge, Unavailable, translate
from .links import Links
from .pacing import Backoff
from .settings import Settings
from .watch import Report, Watch

__all__ = ["Client"]

R = TypeVar("R", bound=Message)
Key = str | bytes


class Client:
    """Talks to one cluster; close it, or use it as a context manager.

    Reads are repeated on every server in turn before ``Unavailable`` is raised. A write is sent
    once: it goes to the next server only where nothing can have been sent yet, and otherwise the
    error says ``maybe_done``.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.links = Links(settings)
        self._rng = rng or random.Random()  # noqa: S311 - spreads clients, protects nothing

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; calls and watches under way end."""
        await self.links.close()

    def backoff(self) -> Backoff:
        """Return pauses between attempts, as the settings have them."""
        settings = self.settings
        return Backoff(
            self.clock,
            self._rng,
            first_s=settings.retry_first_s,
            longest_s=settings.retry_max_s,
        )

    def watch(self, prefix: Key, report: Report | None = None) -> Watch:
        """Return all that is below a prefix, and all that becomes of it."""
        return Watch(self, _bytes(prefix), report)

    # --- reading ---------------------------------------------------------------------------------

    async def get(self, key: Key) -> Entry | None:
        """Return what stands under a key."""
        answer = await self.read(pb.RangeRequest(key=_bytes(key)))
        return Entry.of(answer.kvs[0]) if answer.kvs else None

    async def get_prefix(
        self, prefix: Key, *, revision: int = 0, keys_only: bool = False
    ) -> Listing:
        """Return all that stands below a prefix, at one revision, however much it is.

        A past revision raises ``Compacted`` where it is no longer kept, one that has not been yet
        ``Rewound``.
        """
        start, end = prefix_range(_bytes(prefix))
        limit, cluster = self.settings.page, 0
        entries: list[Entry] = []
        while True:
            request = pb.RangeRequest(
                key=start, range_end=end, limit=limit, revision=revision, keys_only=keys_only
            )
            try:
                answer = await self.read(request)
            except TooLarge:
                if limit == 1:
                    raise
                limit //= 2
                continue
            revision = revision or answer.header.revision
            cluster = answer.header.cluster_id
            entries.extend(map(Entry.of, answer.kvs))
            if not answer.more:
                return Listing(cluster, revision, entries)
            start = entries[-1].key + b"\0"

    async def read(self, request: pb.RangeRequest) -> pb.RangeResponse:
        """Ask until a server answers, each of them once and one more time."""
        for _ in self.settings.endpoints:
            try:
                return await self._once(methods.RANGE, request)
            except Unavailable as error:
                if not error.maybe_done:
                    raise  # none could be reached, and all were tried
        return await self._once(methods.RANGE, request)

    # --- writing ---------------------------------------------------------------------------------

    async def put(self, key: Key, value: bytes, *, lease: int = 0) -> int:
        """Set a key, as long as its lease lives; return the revision that did."""
        request = pb.PutRequest(key=_bytes(key), value=value, lease=lease)
        return (await self._once(methods.PUT, request)).header.revision

    async def delete(self, key: Key) -> bool:
        """Delete a key; tell whether it was there."""
        request = pb.DeleteRangeRequest(key=_bytes(key))
        return (await self._once(methods.DELETE, request)).deleted > 0

    async def delete_prefix(self, prefix: Key) -> int:
        """Delete all that is below a prefix, in one transaction; return how many keys."""
        start, end = prefix_range(_bytes(prefix))
        request = pb.DeleteRangeRequest(key=start, range_end=end)
        return (await self._once(methods.DELETE, request)).deleted

    async def txn(
        self,
        success: Sequence[pb.RequestOp],
        *,
        when: Iterable[pb.Compare] = (),
        otherwise: Sequence[pb.RequestOp] = (),
    ) -> pb.TxnResponse:
        """Do all of it in one transaction, if all that is compared holds."""
        request = pb.TxnRequest(compare=when, success=success, failure=otherwise)
        return await self._once(methods.TXN, request)

    async def compact(self, revision: int) -> None:
        """Forget the history before a revision."""
        request = pb.CompactionRequest(revision=revision, physical=True)
        await self._once(methods.COMPACT, request)

    # --- leases ----------------------------------------------------------------------------------

    async def grant(self, ttl_s: int) -> int:
        """Return a new lease, which ends so many seconds after it was last kept alive."""
        return (await self._once(methods.GRANT, pb.LeaseGrantRequest(TTL=ttl_s))).ID

    async def revoke(self, lease: int) -> None:
        """End a lease, and the keys that hang on it; harmless where it has ended already."""
        try:
            await self._once(methods.REVOKE, pb.LeaseRevokeRequest(ID=lease))
        except LeaseGone:
            return

    async def keep_alive(self, lease: int) -> int:
        """Have a lease begin anew; return the seconds it has now. Raises ``LeaseGone``."""

        async def ask() -> AsyncIterator[pb.LeaseKeepAliveRequest]:
            yield pb.LeaseKeepAliveRequest(ID=lease)

        async with self.links.link() as link:
            call = link.stream(methods.KEEP_ALIVE, ask(), self.settings.operation_timeout_s)
            try:
                with cancellable():
                    answer = await call.read()
            except grpc.aio.AioRpcError as error:
                raise translate(error, str(link.endpoint)) from error
            finally:
                call.cancel()
        if not isinstance(answer, pb.LeaseKeepAliveResponse):
            raise Unavailable(f"{link.endpoint}: no answer about the lease")
        if answer.TTL <= 0:
            raise LeaseGone(f"{link.endpoint}: lease {lease:x} has ended")
        return answer.TTL

    async def _once(self, method: methods.Method[R], request: Message) -> R:
        async with self.links.link() as link:
            return await link.call(method, request, self.settings.operation_timeout_s)


def _bytes(key: Key) -> bytes:
    return key.encode() if isinstance(key, str) else key
