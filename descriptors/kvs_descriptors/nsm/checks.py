# SPDX-License-Identifier: Apache-2.0
"""What clients and endpoints have in common that can be wrong: names, labels, addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from kvs_proto.cnf.nsm.nsm_pb2 import ConnectionLabel
from kvscheduler import InvalidValue

__all__ = ["addresses", "labels", "mac", "name"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+@-]{0,199}")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")


def name(text: str, field: str) -> None:
    """Refuse what cannot be the name of a client or an endpoint."""
    if not _NAME.fullmatch(text):
        raise InvalidValue("a name is 1 to 200 of A-Z a-z 0-9 _ . : + @ -", (field,))


def labels(ones: Iterable[ConnectionLabel], field: str) -> None:
    """Refuse labels without a key, and two with the same."""
    found = [label.key for label in ones]
    if "" in found or len(set(found)) < len(found):
        raise InvalidValue("labels have keys, each its own", (field,))


def addresses(texts: Iterable[str]) -> None:
    """Refuse what is no address of an interface."""
    for text in texts:
        try:
            ipaddress.ip_interface(text)
        except ValueError as error:
            what = "not <address>/<prefix length> (like 10.0.0.1/24)"
            raise InvalidValue(f"{what}: {text!r}", ("ip_addresses",)) from error


def mac(text: str) -> None:
    """Refuse what is no MAC address; none is well."""
    if text and not _MAC.fullmatch(text):
        what = "not a MAC address (like 02:00:00:00:00:01)"
        raise InvalidValue(f"{what}: {text!r}", ("phys_address",))
