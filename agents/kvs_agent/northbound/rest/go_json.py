# SPDX-License-Identifier: Apache-2.0
"""Messages as Go's own encoder shows them, which knows nothing of protobuf's JSON.

The predecessor's dumps are made by it: names as in the file, numbers for enums, and each choice
an object of its own under the choice's name.
"""

from __future__ import annotations

from typing import Any

from kvscheduler.jsonable import HIDDEN

__all__ = ["go_json"]


def go_json(message: Any) -> dict[str, Any]:
    """Return a message, less what has no value; of what is secret no more than that it is set."""
    data: dict[str, Any] = {}
    for field, value in message.ListFields():
        shown = HIDDEN if field.GetOptions().debug_redact else _field(field, value)
        choice = field.containing_oneof
        if choice is None:
            data[field.name] = shown
        else:
            data[_camel(choice.name)] = {_camel(field.name): shown}
    return data


def _field(field: Any, value: Any) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {str(key): _one(one) for key, one in value.items()}
    return [_one(one) for one in value] if field.is_repeated else _one(value)


def _one(value: Any) -> Any:
    if hasattr(value, "ListFields"):
        return go_json(value)
    return value.hex() if isinstance(value, bytes) else value


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
