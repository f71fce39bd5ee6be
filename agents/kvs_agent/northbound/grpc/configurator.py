# SPDX-License-Identifier: Apache-2.0
"""The predecessor's service that takes whole configurations in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Final

from kvs_agent.core.core import Core
from kvs_agent.northbound.access import Role
from kvs_agent.orchestrator import Item, Wish
from kvs_agent.recording.calls import Calls
from kvscheduler import TransactionResult, ValueState, ValueStatus
from kvscheduler.errors import describe
from ligato.configurator import configurator_pb2 as pb

from . import values
from .errors import Refused, Unsettled, Wrong, summary
from .notifications import MAX_FILTERS, Row, agrees
from .serving import Call, Method

__all__ = ["Configurator", "settle"]

SEQNUM: Final = "seqnum"
_BAD: Final = (ValueState.FAILED, ValueState.INVALID)


class Configurator:
    """``ligato.configurator.ConfiguratorService``; ``operations`` counts what it is asked for."""

    def __init__(self, core: Core, row: Row, operations: Calls) -> None:
        self._core = core
        self._row = row
        self._operations = operations
        self.methods = {
            "Get": Method(role=Role.READ, handler=self.get),
            "Update": Method(role=Role.WRITE, handler=self.update),
            "Delete": Method(role=Role.WRITE, handler=self.delete),
            "Dump": Method(role=Role.READ, handler=self.dump),
            "Notify": Method(role=Role.READ, handler=self.notify, is_watcher=True),
        }

    async def get(self, _request: pb.GetRequest, _call: Call) -> pb.GetResponse:
        """Return what is wanted; of each value the one that counts."""
        with self._operations.timed("Get"):
            wanted = sorted(self._core.orchestrator.holdings.items(), key=lambda one: one[0])
            return pb.GetResponse(config=values.config_of(item.value for _, item in wanted))

    async def update(self, request: pb.UpdateRequest, call: Call) -> pb.UpdateResponse:
        """Want values; with ``full_resync`` nothing else."""
        items = values.values_of_config(request.update)
        changes = {key: Item(value) for key, value in items.items()}
        replace = request.full_resync
        with self._operations.timed("Update"):
            await self._change(call, changes, replace=replace, wait=request.wait_done)
        return pb.UpdateResponse()

    async def delete(self, request: pb.DeleteRequest, call: Call) -> pb.DeleteResponse:
        """Want values no more."""
        gone = dict.fromkeys(values.keys_of_config(request.delete))
        with self._operations.timed("Delete"):
            await self._change(call, gone, replace=False, wait=request.wait_done)
        return pb.DeleteResponse()

    async def dump(self, _request: pb.DumpRequest, _call: Call) -> pb.DumpResponse:
        """Return what the system says this moment."""
        with self._operations.timed("Dump"):
            found = await self._core.scheduler.retrieve()
        return pb.DumpResponse(dump=values.config_of(one.value for one in found.values()))

    async def notify(
        self, request: pb.NotifyRequest, _call: Call
    ) -> AsyncIterator[pb.NotifyResponse]:
        """Tell what has happened since, and what happens."""
        if len(request.filters) > MAX_FILTERS:
            raise Wrong(f"more than {MAX_FILTERS} filters", {"filters": "too many"})
        async for following, notification in self._row.read(request.idx):
            if agrees(notification, request.filters):
                yield pb.NotifyResponse(next_idx=following, notification=notification)

    async def _change(
        self, call: Call, changes: Mapping[str, Item | None], *, replace: bool, wait: bool
    ) -> None:
        source = call.source
        held = self._core.orchestrator.holdings.of_source(source) if replace else ()
        touched = dict.fromkeys((*changes, *held))
        wish = Wish(source=source, changes=changes, replace=replace, resync=replace)
        result = await self._core.orchestrator.apply(wish)
        await call.head(SEQNUM, str(number_of(self._core, result)))
        if wait:
            statuses, is_settled = await settle(self._core, touched, call.patience_s)
            _check_settled(statuses, is_settled=is_settled)
        elif result is not None and result.errors:
            raise failed({key: describe(error) for key, error in result.errors.items()})


def number_of(core: Core, result: TransactionResult | None) -> int:
    """Return the number of a transaction; where there was none, that of the last one."""
    if result is not None:
        return result.number
    history = core.scheduler.history
    return history[-1].number if history else 0


async def settle(
    core: Core, keys: Collection[str], patience_s: float
) -> tuple[dict[str, ValueStatus], bool]:
    """Wait until values are where they will stay; return their statuses, and whether they are."""
    try:
        async with asyncio.timeout(patience_s):
            return await core.feed.settled(keys), True
    except TimeoutError:
        return {key: core.scheduler.status(key) for key in keys}, False


def failed(errors: Mapping[str, str]) -> Refused:
    """Return the error for values that went wrong."""
    return Refused(f"not all went well: {summary(errors)}", errors)


def _check_settled(statuses: Mapping[str, ValueStatus], *, is_settled: bool) -> None:
    bad = {
        one.key: values.trouble(one) or one.state.name
        for status in statuses.values()
        for one in (status, *status.derived)
        if one.state in _BAD
    }
    if is_settled and bad:
        raise failed(bad)
    if not is_settled:
        waiting = {
            key: values.trouble(status) or status.state.name
            for key, status in statuses.items()
            if values.trouble(status)
        }
        raise Unsettled(f"not yet where they will stay: {summary({**bad, **waiting})}", waiting)
