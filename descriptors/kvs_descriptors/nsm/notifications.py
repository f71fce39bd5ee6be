# SPDX-License-Identifier: Apache-2.0
"""Which labels endpoints advertise, told in a key-value store: one key for each label.

The keys are the predecessor's, below the keys of an agent that is called ``global``. Percent and
slash stand as %25 and %2F in the three parts that others name freely; so each key can be read
again. For names without these it is what the predecessor writes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final

from google.protobuf import json_format

from kvs_proto.cnf.nsm.nsm_pb2 import NetworkServiceEndpoint

from .keys import part, part_of

__all__ = ["AGENT", "PREFIX", "Advertised", "Notifier", "Publish", "key", "parse", "unpublished"]

# The agent that these keys are under: nobody's, so that all look there.
AGENT: Final = "global"
PREFIX: Final = "notification/nsm/endpoint/service/"

_PARTS: Final = 4

# Puts a key, or (None) takes it away. Never waits.
Publish = Callable[[str, bytes | None], None]


def unpublished(_key: str, _data: bytes | None) -> None:
    """Tell nobody."""


@dataclasses.dataclass(frozen=True, slots=True)
class Advertised:
    """A label that some endpoint of a network service has."""

    network_service: str
    label: str
    value: str


def key(told: Advertised) -> str:
    """Return the key that tells of a label, less what all keys of an agent begin with."""
    service, label, value = part(told.network_service), part(told.label), part(told.value)
    return f"{PREFIX}{service}/label/{label}/{value}"


def parse(text: str) -> Advertised | None:
    """Read such a key; None for any other, also for one that is not written as we would.

    The predecessor leaves slashes as they are: with one in a part, nobody can tell which.
    """
    parts = text.removeprefix(PREFIX).split("/")
    if not text.startswith(PREFIX) or len(parts) != _PARTS or parts[1] != "label":
        return None
    found = Advertised(part_of(parts[0]), part_of(parts[2]), part_of(parts[3]))
    is_named = found.network_service and found.label
    return found if is_named and key(found) == text else None


class Notifier:
    """Publishes what endpoints advertise; several of one agent may advertise the same."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._told: dict[str, dict[str, bytes]] = {}

    def tell(self, name: str, value: NetworkServiceEndpoint | None) -> None:
        """Tell what an endpoint advertises from now on; None: nothing."""
        before = self._present()
        self._told[name] = {} if value is None else _keys(value)
        if value is None:
            del self._told[name]
        after = self._present()
        for one in before.keys() - after.keys():
            self._publish(one, None)
        for one, data in after.items():
            if before.get(one) != data:
                self._publish(one, data)

    def _present(self) -> dict[str, bytes]:
        return {one: data for told in self._told.values() for one, data in told.items()}


def _keys(value: NetworkServiceEndpoint) -> dict[str, bytes]:
    told = NetworkServiceEndpoint(
        name=value.name,
        network_service=value.network_service,
        advertised_labels=value.advertised_labels,
    )
    data = json_format.MessageToJson(told, indent=None).encode()
    return {
        key(Advertised(value.network_service, label.key, label.value)): data
        for label in value.advertised_labels
    }
