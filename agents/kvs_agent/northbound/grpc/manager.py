# SPDX-License-Identifier: Apache-2.0
"""The predecessor's service that takes values of any model in, one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

from kvs_agent import models
from kvs_agent.core.core import Core
from kvs_agent.northbound.access import Role
from kvs_agent.orchestrator import Item, Wish
from kvs_descriptors.linux import keys
from kvscheduler.errors import describe
from kvscheduler.jsonable import jsonable
from ligato.generic import manager_pb2 as pb

from . import values
from .configurator import SEQNUM, failed, number_of
from .errors import Wrong, clean
from .notifications import LINKS, metadata_of
from .serving import Call, Method

__all__ = ["Manager"]

_GONE = ("NONEXISTENT", "REMOVED")


class Manager:
    """``ligato.generic.ManagerService``."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.methods = {
            "SetConfig": Method(role=Role.WRITE, handler=self.set_config),
            "GetConfig": Method(role=Role.READ, handler=self.get_config),
            "DumpState": Method(role=Role.READ, handler=self.dump_state),
            "Subscribe": Method(role=Role.READ, handler=self.subscribe, is_watcher=True),
        }

    async def set_config(self, request: pb.SetConfigRequest, call: Call) -> pb.SetConfigResponse:
        """Want values, or want them no more; with ``overwrite_all`` nothing else."""
        changes = _changes(request.updates)
        holdings = self._core.orchestrator.holdings
        known = {key for key in changes if holdings.item(key) is not None}
        replace = request.overwrite_all
        wish = Wish(source=call.source, changes=changes, replace=replace, resync=replace)
        result = await self._core.orchestrator.apply(wish)
        if result is not None and result.errors:
            raise failed({key: describe(error) for key, error in result.errors.items()})
        number = pb.ItemStatus(status="NONEXISTENT", message=str(number_of(self._core, result)))
        answer = pb.SetConfigResponse(results=[pb.UpdateResult(key=SEQNUM, status=number)])
        for key, item in changes.items():
            answer.results.append(self._result(key, item, is_known=key in known))
        return answer

    def _result(self, key: str, item: Item | None, *, is_known: bool) -> pb.UpdateResult:
        operation = pb.UpdateResult.UPDATE if is_known else pb.UpdateResult.CREATE
        if item is None:
            operation = pb.UpdateResult.DELETE
        status = values.status_of(self._core.scheduler.status(key))
        return pb.UpdateResult(key=key, id=values.id_of(key), op=operation, status=status)

    async def get_config(self, request: pb.GetConfigRequest, _call: Call) -> pb.GetConfigResponse:
        """Return what is wanted, by name, by labels, or all of it."""
        if request.ids and request.labels:
            raise Wrong("by names or by labels, not by both", {"labels": "ids are given as well"})
        answer = pb.GetConfigResponse()
        for key, item in self._chosen(request):
            status = values.status_of(self._core.scheduler.status(key))
            shown = values.item_of(key, item.value)
            answer.items.append(pb.ConfigItem(item=shown, status=status, labels=item.labels))
        return answer

    def _chosen(self, request: pb.GetConfigRequest) -> Iterator[tuple[str, Item]]:
        holdings = self._core.orchestrator.holdings
        if request.ids:
            for key in _keys(request.ids):
                if (item := holdings.item(key)) is not None:
                    yield key, item
            return
        for key, item in sorted(holdings.items(), key=lambda one: one[0]):
            if models.of_key(key) is not None and _bears(item.labels, request.labels):
                yield key, item

    async def dump_state(self, request: pb.DumpStateRequest, _call: Call) -> pb.DumpStateResponse:
        """Return what is known to be there."""
        chosen = _chooser(request.ids)
        answer = pb.DumpStateResponse()
        for key, value in self._core.scheduler.values(view="configured").items():
            if isinstance(value, Message) and models.of_key(key) is not None and chosen(key):
                shown = values.item_of(key, value)
                answer.items.append(pb.StateItem(item=shown, metadata=self._metadata(key)))
        return answer

    def _metadata(self, key: str) -> dict[str, str]:
        """Return what the southbound calls a value, field by field."""
        if not key.startswith(keys.INTERFACE):
            return {}
        label = key.removeprefix(keys.INTERFACE)
        found = metadata_of(self._core.scheduler, LINKS, label)
        shown: Any = jsonable(found) if dataclasses.is_dataclass(found) else {}
        return {field: clean(str(value)) for field, value in shown.items()}

    async def subscribe(
        self, request: pb.SubscribeRequest, _call: Call
    ) -> AsyncIterator[pb.SubscribeResponse]:
        """Tell how values are, and each change; a slow reader of the latest of each."""
        ids = [one.id for one in request.subscriptions if one.HasField("id")]
        chosen = _chooser(ids)
        prefix = _common([values.key_of_id(one) for one in ids])
        async for status in self._core.scheduler.watch(prefix):
            key = status.key
            if models.of_key(key) is None or not chosen(key):
                continue
            shown = values.item_of(key, self._value(key, status.state.name))
            told = pb.Notification(item=shown, status=values.status_of(status))
            yield pb.SubscribeResponse(notifications=[told])

    def _value(self, key: str, state: str) -> object:
        if state in _GONE:
            return None
        for view in ("configured", "desired"):
            found = self._core.scheduler.values(key, view=view)
            if key in found:
                return found[key]
        return None


def _changes(updates: Iterable[pb.UpdateItem]) -> dict[str, Item | None]:
    changes: dict[str, Item | None] = {}
    for index, update in enumerate(updates):
        where = f"updates[{index}].item"
        key, item = _change(update, where)
        if key in changes:
            raise Wrong(f"{where}: {key} stands twice", {where: f"{key} stands twice"})
        changes[key] = item
    return changes


def _change(update: pb.UpdateItem, where: str) -> tuple[str, Item | None]:
    item = update.item
    if item.data.WhichOneof("union") is None:
        if not item.HasField("id"):
            raise Wrong(f"{where}: there is neither a value nor a name", {where: "empty"})
        return values.key_of_id(item.id, f"{where}.id"), None
    if item.HasField("id"):
        values.key_of_id(item.id, f"{where}.id")
    key, value = values.unpacked(item.data.any, f"{where}.data")
    model = models.of_key(key)
    if item.id.model and model is not None and model.name != item.id.model:
        text = f"is a {model.name}, and named a {item.id.model}"
        raise Wrong(f"{where}: {text}", {where: text})
    return key, Item(value, dict(update.labels))


def _bears(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Tell whether labels are as wanted: "" is any value, and "!" before a name means without."""
    for name, value in wanted.items():
        label = name.removeprefix("!")
        has = label in labels and value in ("", labels[label])
        if has is name.startswith("!"):
            return False
    return True


def _keys(ids: Iterable[pb.Item.ID]) -> list[str]:
    return list(dict.fromkeys(values.key_of_id(one) for one in ids))


def _chooser(ids: Iterable[pb.Item.ID]) -> Callable[[str], bool]:
    """Return what tells whether a key is one of these; one without a name is a whole model."""
    named = {values.key_of_id(one) for one in ids if one.name}
    whole = tuple(values.key_of_id(one) for one in ids if not one.name)
    if not named and not whole:
        return lambda _key: True
    return lambda key: key in named or key.startswith(whole)


def _common(found: Sequence[str]) -> str:
    """Return what all of these start with."""
    if not found:
        return ""
    first, last = min(found), max(found)
    same = next((place for place, char in enumerate(first) if last[place] != char), len(first))
    return first[:same]
