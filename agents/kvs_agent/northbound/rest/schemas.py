# SPDX-License-Identifier: Apache-2.0
"""The schemas of what goes in and out, by name; those of values come from their messages."""

from __future__ import annotations

from typing import Any, Final

from kvscheduler import ValueState

__all__ = ["ANY", "NULL", "OBJECT", "STRING", "components", "either", "listed", "ref"]

ANY: Final[dict[str, Any]] = {}
NULL: Final[dict[str, Any]] = {"type": "null"}
STRING: Final[dict[str, Any]] = {"type": "string"}
OBJECT: Final[dict[str, Any]] = {"type": "object"}
_INTEGER: Final[dict[str, Any]] = {"type": "integer"}
_BOOLEAN: Final[dict[str, Any]] = {"type": "boolean"}
_NUMBER: Final[dict[str, Any]] = {"type": "number"}
_TIME: Final[dict[str, Any]] = {"type": "string", "format": "date-time"}


def ref(name: str) -> dict[str, Any]:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def listed(name: str) -> dict[str, Any]:
    """Return the schema of a list."""
    return {"type": "array", "items": ref(name)}


def either(*schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of what fits any of several."""
    return {"anyOf": list(schemas)}


def _object(needed: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(needed), "properties": {**needed, **more}}


def _map(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": item}


def _array(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


_STATE: Final = {"type": "string", "enum": [state.name for state in ValueState]}
_OPERATION: Final = {"type": "string", "enum": ["CREATE", "UPDATE", "DELETE", "VALIDATE"]}
_VALUE: Final = either(
    _object({"ProtoMsgName": STRING, "ProtoMsgData": OBJECT}),
    NULL,
)
_ENTRY: Final = _object(
    {"Operation": _OPERATION, "Key": STRING},
    NewState=_STATE,
    NewValue=_VALUE,
    NewErrMsg=STRING,
    PrevState=_STATE,
    PrevValue=_VALUE,
    PrevErrMsg=STRING,
    NOOP=_BOOLEAN,
    IsDerived=_BOOLEAN,
    IsProperty=_BOOLEAN,
    IsRevert=_BOOLEAN,
    IsRetry=_BOOLEAN,
    IsRecreate=_BOOLEAN,
)
_STATUS: Final = _object(
    {"key": STRING},
    state=_STATE,
    error=STRING,
    last_operation=_OPERATION,
    details=_array(STRING),
)


def components() -> dict[str, Any]:
    """Return all schemas by name, but that of a configuration."""
    return {
        "Error": _object({"Error": STRING}, Problems=_array(ref("Problem")), Errors=_map(STRING)),
        "Problem": _object({"path": STRING, "error": STRING}, line=_INTEGER, key=STRING),
        "Fault": _object(
            {"path": STRING, "error": STRING},
            line=_INTEGER,
            error_config_part=STRING,
            error_derived_config_part=STRING,
        ),
        "Transaction": _transaction(),
        "Node": _node(),
        "FlagStats": _object({"TotalCount": _INTEGER, "PerValueCount": _map(_INTEGER)}),
        "KeyValue": _object({"Key": STRING, "Value": _VALUE, "Origin": _INTEGER, "Metadata": ANY}),
        "DumpIndex": _object(
            {
                "Descriptors": _array(STRING),
                "KeyPrefixes": _array(STRING),
                "Views": _array(STRING),
            }
        ),
        "Status": _object({"value": _STATUS}, derived_values=_array(_STATUS)),
        "Stats": _object(
            {
                "TxnStats": OBJECT,
                "GraphMethods": _array(ref("Count")),
                "AllDescriptors": _array(ref("Count")),
                "Descriptors": _map(_array(ref("Count"))),
            }
        ),
        "Count": _object(
            {"name": STRING, "count": _INTEGER},
            total=_NUMBER,
            avg=_NUMBER,
            min=_NUMBER,
            max=_NUMBER,
        ),
        "Logger": _object({"logger": STRING, "level": STRING}),
        "Version": _version(),
        "Health": _health(),
        "Applied": _object({}, SeqNum=_INTEGER),
        **_own(),
    }


def _transaction() -> dict[str, Any]:
    return _object(
        {"Start": _TIME, "Stop": _TIME, "SeqNum": _INTEGER, "TxnType": STRING},
        ResyncType=STRING,
        Description=STRING,
        RetryForTxn=_INTEGER,
        RetryAttempt=_INTEGER,
        Values=_array(_object({"Key": STRING, "Value": _VALUE, "Origin": _INTEGER})),
        Executed=_array(_ENTRY),
    )


def _node() -> dict[str, Any]:
    target = _object(
        {
            "Relation": STRING,
            "Label": STRING,
            "ExpectedKey": STRING,
            "MatchingKeys": _array(STRING),
        }
    )
    return _object(
        {
            "Since": _TIME,
            "Until": _TIME,
            "Key": STRING,
            "Label": STRING,
            "Value": _VALUE,
            "Flags": _map(STRING),
            "Targets": _array(target),
            "TargetUpdateOnly": _BOOLEAN,
        },
        MetadataFields=either(OBJECT, NULL),
    )


def _version() -> dict[str, Any]:
    built = ("GitCommit", "GitBranch", "BuildUser", "BuildHost", "GoVersion")
    needed = dict.fromkeys(("App", "Version", *built, "OS", "Arch"), STRING)
    return _object({**needed, "BuildTime": _INTEGER}, APIVersion=STRING, OSType=STRING)


def _health() -> dict[str, Any]:
    part = _object({"name": STRING, "state": _INTEGER}, error=STRING)
    status = _object(
        {"state": _INTEGER, "last_change": _INTEGER, "last_update": _INTEGER}, error=STRING
    )
    return _object(
        {
            "build_version": STRING,
            "state": _INTEGER,
            "start_time": _INTEGER,
            "last_change": _INTEGER,
            "last_update": _INTEGER,
            "plugins": _array(part),
            "PluginStatus": _map(status),
        },
        build_date=STRING,
        commit_hash=STRING,
        interface_stats=OBJECT,
        NonFatalPlugins=either(_array(STRING), NULL),
    )


def _own() -> dict[str, Any]:
    """Return the schemas of what the predecessor does not have."""
    return {
        "Plan": _plan(),
        "Explanation": _explanation(),
        "History": _object({"transactions": _array(ref("Past")), "next": either(_INTEGER, NULL)}),
        "Past": _past(),
        "Sources": _object(
            {"sources": _array(_object({"name": STRING, "keys": _INTEGER}))},
            keys=_map(_array(STRING)),
        ),
    }


def _plan() -> dict[str, Any]:
    operation = _object(
        {"kind": STRING, "key": STRING, "reason": STRING},
        base=either(STRING, NULL),
        descriptor=STRING,
        old=ANY,
        new=ANY,
        recreate=_BOOLEAN,
        after=_array(_INTEGER),
    )
    return _object(
        {
            "format_version": STRING,
            "operations": _array(operation),
            "pending": _map(STRING),
            "invalid": _map(STRING),
            "summary": _map(_INTEGER),
        }
    )


def _explanation() -> dict[str, Any]:
    unmet = _object(
        {
            "label": STRING,
            "key": STRING,
            "state": _STATE,
            "path": _array(STRING),
            "cause": STRING,
        }
    )
    return _object(
        {
            "key": STRING,
            "state": _STATE,
            "origin": STRING,
            "waits_for": _array(unmet),
            "derived": _array(ref("Explanation")),
            "sources": _array(STRING),
        },
        base=either(STRING, NULL),
        adopted=_BOOLEAN,
        since=_NUMBER,
        error=either(STRING, NULL),
        operation=STRING,
        value=ANY,
    )


def _past() -> dict[str, Any]:
    return _object(
        {
            "number": _INTEGER,
            "started": _NUMBER,
            "duration_s": _NUMBER,
            "kind": STRING,
            "description": STRING,
            "reverted": _BOOLEAN,
            "errors": _map(STRING),
            "operations": _array(OBJECT),
        }
    )
