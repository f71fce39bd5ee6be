# SPDX-License-Identifier: Apache-2.0
"""An agent as commands work on it: each question is a call of its service."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.protobuf.message import Message

from kvs_agent.past import Step, Transaction
from kvs_proto.agent.v1 import agent_pb2 as pb
from kvs_proto.agent.v1 import agent_pb2_grpc
from kvscheduler import Plan, TransactionResult, ValueStatus

from ..settings import Named
from ..target import Change, Held
from . import channel, reading
from .errors import NotThere, translated
from .events import Events
from .trial import Attempt

if TYPE_CHECKING:
    from kvs_agent.evidence import Part

    from ..target import Graph, Told

__all__ = ["Agent", "Prepared", "connected"]

logger = logging.getLogger(__name__)

# Whose name changes are made in unless they say so.
DEFAULT_SOURCE: Final = "grpc"
PAGE: Final = 1000
# Of the history, for what a shell offers.
OFFERED: Final = 100
VIEWS: Final = {
    "desired": pb.VIEW_DESIRED,
    "configured": pb.VIEW_CONFIGURED,
    "live": pb.VIEW_LIVE,
}


@contextlib.asynccontextmanager
async def connected(named: Named) -> AsyncIterator[Agent]:
    """Give an agent; the first call finds out whether it is there."""
    async with channel.opened(named) as way:
        logger.debug("asks the agent at %s", named.address)
        yield Agent(named, way)


class Agent:
    """A running agent. Every method raises ``AgentError`` where it cannot be asked."""

    maker = "the agent"

    def __init__(self, named: Named, way: grpc.aio.Channel) -> None:
        self._named = named
        self.deadline_s = named.deadline_s
        # The stubs of generated code are untyped.
        self.calls: Any = agent_pb2_grpc.AgentServiceStub(way)  # type: ignore[no-untyped-call]

    def translated(self, *, changes: bool = False) -> contextlib.AbstractContextManager[None]:
        """Have what goes wrong inside be told in our words."""
        return translated(self._named, changes=changes)

    # Changes.

    async def prepare(self, change: Change) -> Prepared:
        """Plan a change, by what is there: the agent looks first."""
        asked = pb.PlanRequest(
            change=_change(change), revert=change.revert, resync=_resync(change), refresh=True
        )
        told = await self._planned(asked)
        if change.wanted is not None and (told.invalid or told.pending):
            others = await self.of_others(change.source)
            for reasons in (told.invalid, told.pending):
                mine = [one for one in reasons if one.key not in others]
                del reasons[:]
                reasons.extend(mine)
        return Prepared(self, change, told)

    async def of_others(self, source: str) -> frozenset[str]:
        """Return what others want and this source does not, and what derives from that."""
        mine, others, derived = source or DEFAULT_SOURCE, set(), {}
        async for some in self._stream(self.calls.Statuses, pb.StatusesRequest()):
            for one in some.statuses:
                if one.sources and mine not in one.sources:
                    others.add(one.key)
                if one.base:
                    derived[one.key] = one.base
        return frozenset(others | {key for key, base in derived.items() if base in others})

    async def judged(self, wanted: Mapping[str, object]) -> Plan:
        """Return what values come to, by what the agent knows already."""
        asked = pb.PlanRequest(change=_change(Change(what="", wanted=wanted)))
        return reading.plan(await self._planned(asked))

    async def _planned(self, asked: pb.PlanRequest) -> pb.Plan:
        with self.translated():
            answer: pb.PlanResponse = await self.calls.Plan(asked, timeout=self.deadline_s)
        return answer.plan

    def refuse_if_lost(self, made: Plan) -> None:
        """Do nothing: an agent remembers what is wanted, or it does not start."""

    # How values stand.

    async def status(self, key: str) -> ValueStatus | None:
        """Return how a value stands; None where nothing is known of it."""
        asked = pb.ExplainRequest(key=key)
        try:
            with self.translated():
                answer: pb.ExplainResponse = await self.calls.Explain(
                    asked, timeout=self.deadline_s
                )
        except NotThere:
            return None
        return reading.status(answer.status)

    async def keys(self) -> Sequence[str]:
        """Return all keys of which anything is known."""
        stream = self._stream(self.calls.Statuses, pb.StatusesRequest())
        return [one.key async for some in stream for one in some.statuses]

    async def values(self, prefix: str, view: str, source: str) -> Mapping[str, Held]:
        """Return values below a prefix; of one ``source`` alone, unless it is ""."""
        asked = pb.GetRequest(prefix=prefix, view=VIEWS[view], source=source)
        stream = self._stream(self.calls.Get, asked)
        return {
            one.key: Held(reading.shown(one.value), tuple(one.sources))
            async for some in stream
            for one in some.values
        }

    async def graph(self, prefix: str) -> Graph:
        """Return the values below a prefix, and what they need."""
        import networkx  # noqa: PLC0415 - costs 200 ms, and only people ask for it

        found: Graph = networkx.DiGraph()
        async for some in self._stream(self.calls.Graph, pb.GraphRequest(prefix=prefix)):
            for node in some.nodes:
                found.add_node(node.key, **_node(node))
            for edge in some.edges:
                more = {"label": edge.label} if edge.label else {}
                found.add_edge(edge.key, edge.needs, relation=edge.relation, **more)
        return found

    async def about(self) -> reading.About:
        """Return which agent it is, and how it is."""
        with self.translated():
            return reading.about(await self.calls.Info(pb.InfoRequest(), timeout=self.deadline_s))

    async def sources(self) -> Sequence[str]:
        """Return whose wishes the agent has."""
        return (await self.about()).sources

    async def evidence(self) -> Sequence[Part]:
        """Return what a bug report takes, file by file, as the agent's machine has it."""
        files: dict[str, bytearray] = {}
        async for part in self._stream(self.calls.Report, pb.ReportRequest()):
            files.setdefault(part.name, bytearray()).extend(part.data)
        return [(name, data.decode(errors="replace")) for name, data in files.items()]

    # What was done.

    async def transactions(self, most: int) -> Sequence[Told]:
        """Return the newest, oldest of these first."""
        found: list[Told] = []
        before = 0
        while len(found) < most:
            page, before = await self.page(min(most - len(found), PAGE), before)
            found = [*page, *found]
            if not before:
                break
        return found

    async def page(self, size: int, before: int = 0) -> tuple[list[Told], int]:
        """Return a page of the history, and where the next one begins, 0 after the last one."""
        asked = pb.HistoryRequest(page_size=size, before=before, operations=True)
        with self.translated():
            answer: pb.HistoryResponse = await self.calls.History(asked, timeout=self.deadline_s)
        return [reading.recorded(one) for one in answer.transactions], answer.before

    async def transaction(self, number: int) -> Told | None:
        """Return one of them."""
        try:
            asked = pb.TransactionRequest(number=max(number, 0))
            with self.translated():
                answer: pb.TransactionResponse = await self.calls.Transaction(
                    asked, timeout=self.deadline_s
                )
        except NotThere:
            return None
        return reading.recorded(answer.transaction)

    async def of_key(self, key: str) -> Sequence[tuple[Step, Transaction | None]]:
        """Return what was done to a key, oldest first, and in which transaction."""
        asked = pb.TimelineRequest(key=key)
        try:
            with self.translated():
                answer: pb.TimelineResponse = await self.calls.Timeline(
                    asked, timeout=self.deadline_s
                )
        except NotThere:
            return []
        told = (reading.recorded(one)[0] for one in answer.transactions)
        by_number = {one.number: one for one in told}
        return [(step, by_number.get(step.number)) for step in reading.steps(answer.steps)]

    async def past_keys(self) -> Sequence[str]:
        """Return keys to which something was done of late."""
        told = await self.transactions(OFFERED)
        return sorted({step.key for _, steps in told for step in steps})

    # What happens.

    async def statuses(self) -> AsyncIterator[ValueStatus]:
        """Yield how all values stand, and then each change."""
        with self.translated():
            async for answer in self.calls.Watch(pb.WatchRequest()):
                yield reading.status(answer.status)

    async def mend(self) -> Sequence[Told]:
        """Do nothing: the agent mends what has drifted by itself."""
        return ()

    async def events(self) -> AsyncIterator[Told | ValueStatus]:
        """Yield what is done from now on, and ``statuses``."""
        async for event in Events(self).all():
            yield event

    async def _stream(self, call: Any, request: Message) -> AsyncIterator[Any]:
        with self.translated():
            async for answer in call(request, timeout=self.deadline_s):
                yield answer


class Prepared:
    """A change, and the plan that the agent has shown."""

    def __init__(self, agent: Agent, change: Change, told: pb.Plan) -> None:
        self._agent = agent
        self._change = change
        self._told = told
        self.plan = reading.plan(told)

    def check(self) -> None:
        """Raise ``Protected`` where the plan takes away what is not to be taken away."""
        reading.check(self._told)

    def attempt(self, timeout_s: float) -> contextlib.AbstractAsyncContextManager[Attempt]:
        """Have it on trial: when the stream ends, so does the trial."""
        return Attempt(self._agent, self._request(), self.plan, timeout_s)

    def _request(self) -> pb.ApplyRequest:
        """Return what has this plan carried out, and no other."""
        return pb.ApplyRequest(
            change=_change(self._change),
            revert=self._change.revert,
            resync=_resync(self._change),
            expect=self._told.mark,
            description=self._change.what,
        )

    async def commit(self) -> TransactionResult:
        """Carry it out; ``PlanStale`` with nothing done."""
        with self._agent.translated(changes=True):
            answer: pb.ApplyResponse = await self._agent.calls.Apply(
                self._request(), timeout=self._agent.deadline_s
            )
        result = reading.result(answer.result, self.plan)
        if not result.errors or self._change.wanted is None:
            return result
        others = await self._agent.of_others(self._change.source)
        errors = {key: error for key, error in result.errors.items() if key not in others}
        return result._replace(errors=errors)


def _change(change: Change) -> pb.Change:
    """Return what a source is to want: all of it, unless nothing is said of that."""
    if change.wanted is None:
        return pb.Change(source=change.source)
    made = pb.Change(source=change.source, replace=True)
    for value in _values(change.wanted):
        made.items.add().Pack(value, "models.ligato.io", deterministic=True)
    return made


def _values(wanted: Mapping[str, object]) -> Iterator[Message]:
    """Yield the values that have a model: what these imply the agent finds out itself."""
    from kvs_agent import models  # noqa: PLC0415 - the descriptors: only for who has values

    for value in wanted.values():
        if isinstance(value, Message) and models.of_message(value) is not None:
            yield value


def _resync(change: Change) -> pb.ResyncKind:
    """Return whether drift is mended as well: not by who wants nothing, or may want it undone."""
    if change.revert or (change.wanted is not None and not change.wanted):
        return pb.RESYNC_KIND_UNSPECIFIED
    return pb.RESYNC_KIND_FULL


def _node(told: pb.GraphResponse.Node) -> dict[str, Any]:
    return {
        "state": reading.state(told.state),
        "base": told.base if told.HasField("base") else None,
        "descriptor": told.descriptor if told.HasField("descriptor") else None,
        "value": reading.shown(told.value) if told.HasField("value") else None,
    }
