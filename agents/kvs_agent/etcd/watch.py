# SPDX-License-Identifier: Apache-2.0
"""All that is below a prefix, then every change to it, whatever becomes of the servers."""

from __future__ import annotations

import collections
import dataclasses
import enum
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self

from .assembly import Assembly
from .entries import Entry
from .errors import Compacted, EtcdError, Rewound
from .mark import Change, Mark
from .stream import Stream

if TYPE_CHECKING:
    from .client import Client

__all__ = ["Health", "Reason", "Report", "Snapshot", "Watch"]

logger = logging.getLogger(__name__)


class Reason(enum.Enum):
    """Why everything is listed."""

    FIRST = "first"
    COMPACTED = "compacted"
    REWOUND = "rewound"
    ASKED = "asked for"


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """All that stood below the prefix at a revision; what is not among it is gone."""

    revision: int
    entries: Sequence[Entry]
    reason: Reason


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether changes are being heard of, and up to which revision.

    ``since`` is in seconds of the wall clock; ``error`` is the last one, also after it is over.
    """

    connected: bool
    since: float
    error: str = ""
    revision: int = 0


Report = Callable[[Health], object]


class Watch:
    """Iterate over it: first a ``Snapshot``, then a ``Change`` for each etcd transaction.

    Each revision comes once and in order, over disconnects, elections and restarts of etcd, for
    as long as etcd still has the history; where it has not, another ``Snapshot`` takes its place.
    Never ends by itself. Waiting may be cancelled at any time: nothing is lost by it. ``report``
    is told each turn of its health, and each new error.
    """

    def __init__(self, client: Client, prefix: bytes, report: Report | None = None) -> None:
        self._client = client
        self._prefix = prefix
        self._report = report
        self._backoff = client.backoff()
        self._reason = Reason.FIRST
        self._mark: Mark | None = None
        self._stream: Stream | None = None
        self._assembly = Assembly(0)
        self._is_doubtful = False
        self._ready: collections.deque[Snapshot | Change] = collections.deque()
        self._health = Health(connected=False, since=client.clock.now())

    @property
    def health(self) -> Health:
        """Return how it stands, for readiness and people."""
        revision = 0 if self._mark is None else self._mark.revision
        return dataclasses.replace(self._health, revision=revision)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop watching; iterating again goes on where it was."""
        self._hang_up()
        self._note(connected=False)

    def list_anew(self) -> None:
        """Have everything listed next: the reader could not use what it was given."""
        self._forget(Reason.ASKED)
        self._ready.clear()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Snapshot | Change:
        while not self._ready:
            try:
                await self._step()
            except (Compacted, Rewound) as error:
                logger.warning("etcd: everything is listed anew: %s", error)
                compacted = isinstance(error, Compacted)
                self._forget(Reason.COMPACTED if compacted else Reason.REWOUND)
            except EtcdError as error:
                self._hang_up()
                self._note(connected=False, error=str(error))
                await self._backoff.pause()
            except BaseException:
                # A read that is cancelled takes its call with it.
                self._hang_up()
                raise
        return self._ready.popleft()

    async def _step(self) -> None:
        """Do the next thing on the way to the next piece of news."""
        if self._mark is None:
            await self._list()
        elif self._stream is None:
            await self._go_on(self._mark)
        else:
            response = await self._stream.read()
            if response.events:
                self._take(self._assembly.add(response), self._mark)
            elif self._is_doubtful:
                await self._check(self._mark)
                self._is_doubtful = False

    async def _list(self) -> None:
        listing = await self._client.get_prefix(self._prefix)
        self._mark = Mark(listing)
        self._ready.append(Snapshot(listing.revision, listing.entries, self._reason))

    async def _go_on(self, mark: Mark) -> None:
        """Have the server tell what came after the mark, if it still knows what was before."""
        client = self._client
        self._stream = await Stream.open(
            client.links, client.settings, client.clock, self._prefix, mark.revision + 1
        )
        # Asked once the watch stands, so that no compaction or restore can come in between: a
        # server that has compacted just the first revision that is missing here would say nothing.
        await self._check(mark)
        # And what came before the watch is told a little later, until when it can happen still.
        self._is_doubtful = self._stream.begun_at > mark.revision
        self._assembly = Assembly(mark.revision)
        self._backoff.reset()
        self._note(connected=True)

    async def _check(self, mark: Mark) -> None:
        """Raise ``Compacted`` or ``Rewound`` where the server cannot tell what came after."""
        mark.check(await self._client.get_prefix(self._prefix, revision=mark.revision))

    def _take(self, changes: Sequence[Change], mark: Mark) -> None:
        for change in changes:
            mark.advance(change)
        self._ready.extend(changes)

    def _forget(self, reason: Reason) -> None:
        self._hang_up()
        self._mark = None
        self._reason = reason

    def _hang_up(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _note(self, *, connected: bool, error: str | None = None) -> None:
        """Note how it stands; ``since`` is of the last turn from one to the other."""
        before = self._health
        if connected != before.connected:
            if error:
                logger.warning("etcd: not connected: %s", error)
            else:
                logger.info("etcd: %s", "connected" if connected else "closed")
            since = self._client.clock.now()
            before = dataclasses.replace(before, connected=connected, since=since)
        after = before if error is None else dataclasses.replace(before, error=error)
        if after != self._health:
            self._health = after
            if self._report is not None:
                self._report(self.health)
