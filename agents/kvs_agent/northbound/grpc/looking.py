# SPDX-License-Identifier: Apache-2.0
"""What our own service tells of values: how they stand, and what they are."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from kvs_agent.core.core import Core
from kvs_agent.northbound.access import Role
from kvs_proto.agent.v1 import agent_pb2 as pb
from kvscheduler import ValueState, ValueStatus

from . import wire
from .errors import NotThere, Wrong, clean
from .serving import Call, Method

__all__ = ["Looking"]

# Of statuses and values in one message of a stream.
CHUNK: Final = 500
MAX_SUGGESTIONS: Final = 3

T = TypeVar("T")


class Looking:
    """Explain, Statuses, Watch, Get, Graph and Info."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.methods = {
            "Explain": Method(role=Role.READ, handler=self.explain),
            "Statuses": Method(role=Role.READ, handler=self.statuses),
            "Watch": Method(role=Role.READ, handler=self.watch, is_watcher=True),
            "Get": Method(role=Role.READ, handler=self.get),
            "Graph": Method(role=Role.READ, handler=self.graph),
            "Info": Method(role=Role.READ, handler=self.info),
        }

    async def explain(self, request: pb.ExplainRequest, _call: Call) -> pb.ExplainResponse:
        """Return how a value stands; ``NotThere`` where nobody knows the key."""
        status = self._core.scheduler.status(request.key)
        if status.state is ValueState.NONEXISTENT:
            raise NotThere(self._unknown(request.key))
        return pb.ExplainResponse(status=self._status(status))

    def _unknown(self, key: str) -> str:
        """Return the text for a key that nobody knows: people remember the end of keys."""
        statuses = self._core.scheduler.statuses()
        meant = [one.key for one in statuses if key and one.key.endswith(f"/{key}")]
        if meant:
            suggested = " or ".join(meant[:MAX_SUGGESTIONS])
            return f"nothing is known of {key}; did you mean {suggested}?"
        return f"nothing is known of {key}"

    async def statuses(
        self, request: pb.StatusesRequest, _call: Call
    ) -> AsyncIterator[pb.StatusesResponse]:
        """Tell how values stand."""
        states = set(request.states)
        found = [
            one
            for one in self._core.scheduler.statuses(request.prefix)
            if not states or wire.STATES[one.state] in states
        ]
        async for some in _chunks(found):
            yield pb.StatusesResponse(statuses=map(self._status, some))

    async def watch(
        self, request: pb.WatchRequest, _call: Call
    ) -> AsyncIterator[pb.WatchResponse]:
        """Tell how values stand, and each change."""
        async for status in self._core.scheduler.watch(request.prefix):
            yield pb.WatchResponse(status=self._status(status))

    def _status(self, status: ValueStatus) -> pb.Status:
        return wire.status_to(status, self._core.orchestrator.holdings.holders(status.key))

    async def get(self, request: pb.GetRequest, _call: Call) -> AsyncIterator[pb.GetResponse]:
        """Tell values."""
        found = await self._values(request)
        async for some in _chunks(sorted(found)):
            yield pb.GetResponse(values=[self._value(key, found[key], request) for key in some])

    async def _values(self, request: pb.GetRequest) -> Mapping[str, object]:
        scheduler, view = self._core.scheduler, request.view
        if view == pb.VIEW_LIVE:
            live = await scheduler.retrieve(request.prefix)
            return {key: one.value for key, one in live.items()}
        if view == pb.VIEW_CONFIGURED:
            return scheduler.values(request.prefix, view="configured")
        if view not in (pb.VIEW_DESIRED, pb.VIEW_UNSPECIFIED):
            raise Wrong("there is no such view", {"view": "unknown"})
        if request.source:
            held = self._core.orchestrator.holdings.of_source(request.source)
            found = {key: item.value for key, item in held.items()}
            return {key: found[key] for key in found if key.startswith(request.prefix)}
        return scheduler.values(request.prefix)

    def _value(self, key: str, value: object, request: pb.GetRequest) -> pb.GetResponse.Value:
        holdings = self._core.orchestrator.holdings
        item = holdings.item(key)
        if request.source:
            item = holdings.of_source(request.source).get(key)
        return pb.GetResponse.Value(
            key=key,
            value=wire.json_text(value),
            sources=holdings.holders(key),
            labels={} if item is None else item.labels,
        )

    async def graph(
        self, request: pb.GraphRequest, _call: Call
    ) -> AsyncIterator[pb.GraphResponse]:
        """Tell values and what they need: first the values, then the needs."""
        whole = self._core.scheduler.graph()
        inside = [key for key in whole if key.startswith(request.prefix)]
        shown = {*inside, *(need for key in inside for need in whole.successors(key))}
        async for some in _chunks(sorted(shown)):
            yield pb.GraphResponse(nodes=[_node(key, whole.nodes[key]) for key in some])
        edges = sorted((key, need) for key in inside for need in whole.successors(key))
        async for pairs in _chunks(edges):
            told = [_edge(key, need, whole.edges[key, need]) for key, need in pairs]
            yield pb.GraphResponse(edges=told)

    async def info(self, _request: pb.InfoRequest, _call: Call) -> pb.InfoResponse:
        """Return which agent this is, and how it is."""
        about, health = self._core.about, self._core.health
        return pb.InfoResponse(
            name=about.name,
            version=about.version,
            label=about.label,
            started=about.started,
            alive=health.is_alive,
            ready=health.is_ready,
            components=[
                pb.InfoResponse.Component(
                    name=one.name,
                    state=_COMPONENT_STATES[one.state.name],
                    error=clean(one.error),
                    needed=one.needed,
                    changed=one.changed,
                )
                for one in health.components.values()
            ],
            sources=self._core.orchestrator.holdings.sources,
            counts={state.name: count for state, count in self._core.feed.counts.items()},
        )


_COMPONENT_STATES: Final = {
    "INIT": pb.InfoResponse.Component.STATE_INIT,
    "OK": pb.InfoResponse.Component.STATE_OK,
    "ERROR": pb.InfoResponse.Component.STATE_ERROR,
}


def _node(key: str, found: Mapping[str, Any]) -> pb.GraphResponse.Node:
    value = found["value"]
    return pb.GraphResponse.Node(
        key=key,
        state=wire.STATES[found["state"]],  # type: ignore[arg-type] # the stubs tell numbers apart
        base=found["base"],
        descriptor=found["descriptor"],
        value=None if value is None else wire.json_text(value),
    )


def _edge(key: str, need: str, found: Mapping[str, Any]) -> pb.GraphResponse.Edge:
    label = clean(str(found.get("label", "")))
    return pb.GraphResponse.Edge(key=key, needs=need, relation=found["relation"], label=label)


async def _chunks(found: Iterable[T]) -> AsyncIterator[Sequence[T]]:
    """Yield some at a time, and let others have their turn in between."""
    rest = iter(found)
    while some := tuple(itertools.islice(rest, CHUNK)):
        yield some
        await asyncio.sleep(0)
