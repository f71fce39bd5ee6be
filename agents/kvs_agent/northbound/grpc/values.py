# SPDX-License-Identifier: Apache-2.0
"""Between messages of the wire and values under keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

from google.protobuf import any_pb2
from google.protobuf.message import DecodeError, Message

from kvs_agent import models
from kvs_agent.models import Model
from kvscheduler import ValueState, ValueStatus
from kvscheduler.errors import describe
from ligato.configurator.configurator_pb2 import Config
from ligato.generic import manager_pb2 as generic

from .errors import Wrong, clean

__all__ = [
    "config_of",
    "id_of",
    "item_of",
    "key_of_id",
    "keys_of_config",
    "packed",
    "status_of",
    "unpacked",
    "values_of_config",
]

TYPE_PREFIX: Final = "models.ligato.io"

M = TypeVar("M", bound=Message)

_BY_MESSAGE_NAME: Final = {
    str(model.message.DESCRIPTOR.full_name): model for model in models.MODELS
}


def values_of_config(config: Config) -> dict[str, Message]:
    """Return the values of a configuration by key; ``Wrong`` where one has none, or stands twice.

    They are copies, so that one of them does not keep the others' memory.
    """
    values: dict[str, Message] = {}
    faults: dict[str, str] = {}
    for model, place, value in _instances(config):
        fault = model.faults(value)
        key = "" if fault else model.key(value)
        if not fault and key in values:
            fault = f"{key} stands twice"
        if fault:
            faults[place] = fault
            continue
        values[key] = copied(value)
    if faults:
        raise _wrong(faults)
    return values


def keys_of_config(config: Config) -> list[str]:
    """Return the keys of the values of a configuration, of which only that matters."""
    faults = {
        place: fault
        for model, place, value in _instances(config)
        if (fault := model.key_faults(value))
    }
    if faults:
        raise _wrong(faults)
    return list(dict.fromkeys(model.key(value) for model, _, value in _instances(config)))


def config_of(values: Iterable[object]) -> Config:
    """Return a configuration that holds those of the values that have their place in one."""
    config = Config()
    for section in config.DESCRIPTOR.fields_by_name.values():
        getattr(config, section.name).SetInParent()
    for value in values:
        model = models.of_message(value) if isinstance(value, Message) else None
        if model is not None:
            getattr(getattr(config, model.section), model.field).append(value)
    return config


def _instances(config: Config) -> Iterator[tuple[Model, str, Any]]:
    for model in models.MODELS:
        if not config.HasField(model.section):
            continue
        for index, value in enumerate(getattr(getattr(config, model.section), model.field)):
            yield model, f"{model.section}.{model.field}[{index}]", value


def _wrong(faults: Mapping[str, str]) -> Wrong:
    first, text = next(iter(faults.items()))
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return Wrong(f"{first}: {text}{more}", faults)


def copied(message: M) -> M:
    """Return a copy with memory of its own."""
    made = type(message)()
    made.CopyFrom(message)
    return made


# Values that say themselves what they are.


def packed(value: Message) -> any_pb2.Any:
    """Return a value as one that names its type, as the predecessor does."""
    made = any_pb2.Any()
    made.Pack(value, TYPE_PREFIX, deterministic=True)
    return made


def unpacked(item: any_pb2.Any, where: str = "data") -> tuple[str, Message]:
    """Return the key and the value of one that names its type; ``Wrong`` where it has none."""
    name = item.type_url.rpartition("/")[2]
    model = _BY_MESSAGE_NAME.get(name)
    if model is None:
        text = f"{name or 'no type'} is no model that is known here"
        raise Wrong(f"{where}: {text}", {where: text})
    value = model.message()
    try:
        value.MergeFromString(item.value)
    except (DecodeError, RecursionError) as error:
        text = f"not a {name}, or nested too deep"
        raise Wrong(f"{where}: {text}", {where: text}) from error
    if fault := model.faults(value):
        raise Wrong(f"{where}: {fault}", {where: fault})
    return model.key(value), value


# The predecessor's items.


def id_of(key: str) -> generic.Item.ID | None:
    """Return the model and the name that a key is of, None for a key of no model."""
    model = models.of_key(key)
    if model is None:
        return None
    return generic.Item.ID(model=model.name, name=key.removeprefix(model.prefix))


def key_of_id(one: generic.Item.ID, where: str = "id") -> str:
    """Return the key of a model's value by its name; ``Wrong`` for an unknown model."""
    model = models.by_name(one.model)
    if model is None:
        text = f"{one.model or 'no name'} is no model that is known here"
        raise Wrong(f"{where}: {text}", {f"{where}.model": text})
    return model.prefix + one.name


def item_of(key: str, value: object) -> generic.Item:
    """Return what stands under a key; without data where that is no message."""
    item = generic.Item(id=id_of(key))
    if isinstance(value, Message):
        item.data.any.CopyFrom(packed(value))
    return item


def status_of(status: ValueStatus) -> generic.ItemStatus:
    """Return a value's state, and what is wrong with it or with what derives from it."""
    return generic.ItemStatus(status=status.state.name, message=clean(trouble(status)))


def trouble(status: ValueStatus) -> str:
    """Return what is wrong with a value or with what derives from it, "" for nothing."""
    if status.error is not None:
        return describe(status.error)
    if status.unmet:
        return "waits for " + "; ".join(map(str, status.unmet))
    for derived in status.derived:
        if derived.state is not ValueState.CONFIGURED and (told := trouble(derived)):
            return f"{derived.key}: {told}"
    return ""
