# SPDX-License-Identifier: Apache-2.0
"""Records in the predecessor's JSON: the names that its tools read, in the order they have."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from kvs_agent.models import MODELS
from kvs_agent.recording import Entry, Record, Revision
from kvs_agent.recording.statistics import KINDS
from kvscheduler import Origin, ValueState
from kvscheduler.jsonable import jsonable
from ligato.linux.iptables.iptables_pb2 import RuleChain

__all__ = [
    "COMPILED_IN",
    "NO_TIME",
    "ORIGINS",
    "flags",
    "metadata_of",
    "node",
    "recorded_value",
    "resync_type",
    "timestamp",
    "transaction",
]

NO_TIME: Final = "0001-01-01T00:00:00Z"
ORIGINS: Final = {Origin.UNKNOWN: 0, Origin.NORTHBOUND: 1, Origin.SOUTHBOUND: 2}
_NS: Final = 10**9

# Messages that the predecessor's tools can read; with any other they refuse the whole answer.
_EMPTY_NAME: Final = Empty.DESCRIPTOR.full_name
_KNOWN: Final = {_EMPTY_NAME, *(model.message.DESCRIPTOR.full_name for model in MODELS)}
# What they can read without having asked for the models first.
COMPILED_IN: Final = _KNOWN - {RuleChain.DESCRIPTOR.full_name}
_STRUCT: Final = "google.protobuf.Struct"
_EMPTY: Final = {"ProtoMsgName": _EMPTY_NAME, "ProtoMsgData": {}}


def timestamp(seconds: float) -> str:
    """Return a time of the epoch as RFC 3339 has it."""
    whole, nanoseconds = divmod(round(seconds * _NS), _NS)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{nanoseconds:09d}Z"


def recorded_value(value: object, known: Collection[str] = _KNOWN) -> dict[str, Any]:
    """Return a value with the name of its message; what is secret in it is not shown.

    One of a message that is not ``known`` becomes an object without a type of its own.
    """
    if not isinstance(value, Message):
        return _EMPTY
    name, shown = value.DESCRIPTOR.full_name, jsonable(value)
    if name in known:
        return {"ProtoMsgName": name, "ProtoMsgData": shown}
    fields = shown if isinstance(shown, dict) else {}
    return {"ProtoMsgName": _STRUCT, "ProtoMsgData": {"@message": name, **fields}}


def metadata_of(metadata: object) -> Any:
    """Return a descriptor's metadata; of an interface under the predecessor's names."""
    if hasattr(metadata, "host_if_name") and hasattr(metadata, "namespace"):
        place = str(metadata.namespace)
        return {
            "LinuxIfIndex": getattr(metadata, "index", 0),
            "VPPTapName": "",
            "Namespace": {"reference": place} if place else None,
            "HostIfName": str(metadata.host_if_name),
            "VrfMasterIf": "",
            "VrfDevRT": 0,
        }
    return jsonable(metadata)


# Transactions.


def resync_type(record: Record) -> str:
    """Return which resync a transaction was, "" for none."""
    result = record.result
    if result.kind != "resync":
        return ""
    if result.description.startswith(("downstream", "resync asked for")):
        return "DownstreamResync"
    is_upstream = result.description.startswith("upstream")
    return "UpstreamResync" if is_upstream else "FullResync"


def transaction(record: Record, known: Collection[str] = _KNOWN) -> dict[str, Any]:
    """Return a finished transaction; ``known`` as for ``recorded_value``."""
    result = record.result
    data = {
        "Start": timestamp(record.started),
        "Stop": timestamp(record.stopped),
        "SeqNum": record.number,
        "TxnType": KINDS[result.kind],
        "ResyncType": resync_type(record),
        "Description": result.description,
        "RetryForTxn": record.retries,
        "RetryAttempt": record.attempt,
        "Values": _values(record, known),
        "Executed": [_operation(entry, known) for entry in record.entries],
    }
    needed = ("SeqNum",)
    return {name: value for name, value in data.items() if value or name in needed}


def _values(record: Record, known: Collection[str]) -> list[dict[str, Any]]:
    """Return what was asked for, as far as it came to anything."""
    wanted: dict[str, Any] = {}
    for entry in record.entries:
        if entry.base is None and not entry.is_revert:
            wanted[entry.key] = entry.new
    return [
        {
            "Key": key,
            "Value": _maybe(value, known),
            "Origin": ORIGINS[Origin.NORTHBOUND],
        }
        for key, value in wanted.items()
    ]


def _operation(entry: Entry, known: Collection[str]) -> dict[str, Any]:
    data = {
        "Operation": entry.operation.upper(),
        "Key": entry.key,
        "NewState": _state(entry.after),
        "NewValue": _maybe(entry.new, known),
        "NewErrMsg": entry.error,
        "PrevState": _state(entry.before),
        "PrevValue": _maybe(entry.old, known),
        "PrevErrMsg": entry.error_before,
        "NOOP": entry.is_noop,
        "IsDerived": entry.base is not None,
        "IsRevert": entry.is_revert,
        "IsRetry": entry.is_retry,
        "IsRecreate": entry.is_recreate,
    }
    return {name: value for name, value in data.items() if value}


def _maybe(value: object, known: Collection[str]) -> dict[str, Any] | None:
    return None if value is None else recorded_value(value, known)


def _state(state: ValueState) -> str:
    """Return a state's name, "" for that which stands for nothing."""
    return "" if state is ValueState.NONEXISTENT else state.name


# How values stood.


def flags(revision: Revision) -> dict[str, str]:
    """Return what is known of a value beside itself."""
    found = {"last-update": f"TXN-{revision.touched}"} if revision.touched else {}
    if revision.error:
        found["error"] = revision.error
    found["value-state"] = revision.state.name
    if revision.state in _UNAVAILABLE:
        found["unavailable"] = ""
    if revision.descriptor:
        found["descriptor"] = revision.descriptor
    if revision.base is not None:
        found["derived"] = revision.base
    return found


_UNAVAILABLE: Final = (
    ValueState.PENDING,
    ValueState.INVALID,
    ValueState.UNIMPLEMENTED,
    ValueState.MISSING,
    ValueState.REMOVED,
    ValueState.NONEXISTENT,
)


def node(
    revision: Revision,
    label: str,
    targets: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return how a value stood, for a time."""
    return {
        "Since": timestamp(revision.since),
        "Until": NO_TIME if revision.until is None else timestamp(revision.until),
        "Key": revision.key,
        "Label": label,
        "Value": recorded_value(revision.value),
        "Flags": flags(revision),
        "MetadataFields": None,
        "Targets": list(targets),
        "TargetUpdateOnly": False,
    }
