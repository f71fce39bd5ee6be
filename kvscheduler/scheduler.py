# SPDX-License-Identifier: Apache-2.0
"""The scheduler: descriptors in, transactions through, statuses out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from .clock import Clock, SystemClock
from .descriptor import Descriptor
from .engine import Engine, Work
from .errors import RegistrationError, SchedulerClosed
from .history import History
from .model import Retrieved, RetryPolicy, ValueStatus
from .plan import TransactionResult
from .planner import Change
from .status import Statuses
from .supervisor import Supervisor
from .transaction import RESYNCS, Transaction

if TYPE_CHECKING:
    import networkx

    from .journal import Journal

__all__ = ["Scheduler"]


class Scheduler:
    """A transactional scheduler of keyed values over the descriptors' southbounds.

    ``max_parallel`` southbound calls are under way at once, each for at most ``deadline_s``
    seconds; ``retry`` is the policy of transactions that name none; ``history`` is how many
    finished transactions are kept. ``journal`` is a path, or a Journal: with it what is wanted
    and what was made survive a crash, and ``start()`` brings the southbound back to what is
    wanted, unless ``recover`` is False. Not thread-safe but for what ``Southbound`` offers:
    use it on one event loop.
    """

    def __init__(
        self,
        descriptors: Iterable[Descriptor[Any, Any]] = (),
        *,
        max_parallel: int = 32,
        deadline_s: float | None = 30.0,
        retry: RetryPolicy | None = None,
        journal: Journal | str | os.PathLike[str] | None = None,
        history: int = 1000,
        clock: Clock | None = None,
        recover: bool = True,
    ) -> None:
        if max_parallel < 1:
            raise ValueError(f"max_parallel: {max_parallel} is less than one call at once")
        if deadline_s is not None and deadline_s <= 0:
            raise ValueError(f"deadline_s: {deadline_s} is not a number of seconds above 0")
        self._engine = Engine(
            clock=clock if clock is not None else SystemClock(),
            max_parallel=max_parallel,
            deadline_s=deadline_s,
            retry=retry,
            history=history,
        )
        self._supervisor = Supervisor(self._engine, journal, recover=recover)
        self._engine.registry.add(descriptors)

    def register(self, descriptor: Descriptor[Any, Any]) -> None:
        """Add a descriptor; on a running scheduler its values are taken up at once.

        Raises ``RegistrationError`` where its name or its prefix is taken.
        """
        if self._supervisor.is_closed:
            raise RegistrationError(f"{descriptor.name}: the scheduler is closed")
        added = self._engine.registry.add([descriptor])
        self._supervisor.registered(added)

    async def start(self) -> None:
        """Attach the descriptors, open the journal, begin to watch.

        Raises ``JournalLocked`` where another engine drives the same southbound.
        """
        await self._supervisor.start()

    async def close(self) -> None:
        """Finish the transaction under way, stop watching and leave the southbound as it is."""
        await self._supervisor.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    # Changing.

    def transaction(
        self,
        description: str = "",
        resync: str | None = None,
        retry: RetryPolicy | None = None,
        revert: bool = False,  # noqa: FBT001, FBT002 - fixed by the design
        labels: Mapping[str, str] | None = None,
    ) -> Transaction:
        """Begin a change. ``resync``: the values are all that is wanted ("full" reads the
        southbound first, "upstream" trusts what is known), or none are given and drift is
        repaired ("downstream"). ``revert``: all or nothing. ``retry``: for what fails.
        """  # noqa: D205 - the options belong to the one sentence
        return Transaction(
            self._engine,
            self._supervisor.submit,
            description=description,
            resync=resync,
            retry=retry if retry is not None else self._engine.retry,
            revert=revert,
            labels=labels,
        )

    async def notify(self, key: str, value: Any, metadata: Any = None) -> None:
        """Report a property, or drift (None: gone), and wait until it is worked in."""
        self._running()
        self._engine.inbox.notify({key: value}, {} if metadata is None else {key: metadata})
        await self._engine.inbox.read_receipt()

    async def resync(self, kind: str = "full") -> TransactionResult:
        """Bring the southbound back to what is wanted, trying failed values again.

        "full" and "downstream" read the southbound first, "upstream" trusts what is known.
        """
        if kind not in RESYNCS:
            raise ValueError(f"resync: {kind!r} is none of {', '.join(RESYNCS)}")
        change = Change(unblock=None, purge=True, lenient=True)
        refresh = None if kind == "upstream" else ""
        description = f"{kind} resync"
        work = Work(kind="resync", change=change, description=description, refresh=refresh)
        return await self._supervisor.submit(work)

    async def refresh(self, prefix: str = "", wanted: Mapping[str, Any] | None = None) -> None:
        """Read the southbound below a prefix: what is known becomes what is.

        ``wanted`` are values about to be wanted: descriptors that recognise things by what is
        expected of them find these too, be they others'.
        """
        await self._supervisor.refresh(prefix, wanted)

    async def settle(self) -> None:
        """Wait until nothing is queued or under way; retries that wait for their time apart."""
        await self._supervisor.settle()

    # Looking.

    async def retrieve(self, prefix: str = "") -> dict[str, Retrieved]:
        """Read the southbound below a prefix, live, and change nothing that is known.

        Raises what a descriptor raised, ``PartialRetrieve`` among others.
        """
        self._running()
        values: dict[str, Retrieved] = {}
        for found in await self._engine.refresher.retrieve(prefix):
            if found.error is not None:
                raise found.error
            values.update(found.values)
        return dict(sorted(values.items()))

    def status(self, key: str) -> ValueStatus:
        """Return what is to be known about one key."""
        return Statuses(self._engine.graph, self._engine.registry).status(key)

    def statuses(self, prefix: str = "") -> list[ValueStatus]:
        """Return the statuses of all known keys below a prefix, sorted; derived values too."""
        statuses = Statuses(self._engine.graph, self._engine.registry)
        return [statuses.status(key) for key in sorted(self._engine.graph.below(prefix))]

    def values(self, prefix: str = "", view: str = "desired") -> dict[str, Any]:
        """Return values by key, sorted: those the northbound set ("desired"), invalid ones
        among them, or all that stand by what is known ("configured"), derived ones too.
        """  # noqa: D205 - one sentence
        graph = self._engine.graph
        found = {}
        if view not in ("desired", "configured"):
            raise ValueError(f"view: {view!r} is neither 'desired' nor 'configured'")
        for key in sorted(graph.below(prefix)):
            node = graph.nodes[key]
            if view == "configured":
                if node.have is not None:
                    found[key] = node.have.value
            elif node.rejected is not None and node.rejected[1] is None:
                found[key] = node.rejected[0]
            elif node.want is not None and node.want.base is None:
                found[key] = node.want.value
        return found

    def metadata(self, descriptor: str) -> Mapping[str, Any]:
        """Return a read-only live mapping from label to metadata; KeyError for unknown names."""
        return MappingProxyType(self._engine.registry.bindings[descriptor].metadata)

    @property
    def descriptors(self) -> tuple[Descriptor[Any, Any], ...]:
        """The registered descriptors, in the order of their registration."""
        return tuple(binding.descriptor for binding in self._engine.registry)

    def graph(self) -> networkx.DiGraph[str]:
        """Return a snapshot of all values and what they need, for people and for analysis."""
        from .snapshot import snapshot  # noqa: PLC0415 - networkx costs 200 ms to import

        return snapshot(self._engine.graph)

    @property
    def history(self) -> History:
        """Finished transactions, newest last."""
        return self._engine.history

    def watch(self, prefix: str = "") -> AsyncIterator[ValueStatus]:
        """Yield the present statuses below a prefix, then changes, until the scheduler closes.

        A slow reader skips to the latest state of each value; nothing is lost.
        """
        return self._engine.watchers.watch(prefix)

    def _running(self) -> None:
        if not self._supervisor.is_running:
            raise SchedulerClosed("the scheduler is not running: start it first")
        asyncio.get_running_loop()
