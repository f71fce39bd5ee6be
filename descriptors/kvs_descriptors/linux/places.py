# SPDX-License-Identifier: Apache-2.0
"""Which network namespace is meant: a reference, checked and brought into one word.

The word, a *place*, is "" for the namespace that the process is in, the name of a named one, or
begins with what the reference goes by: ``pid:1234``, ``fd:/proc/1234/ns/net``,
``microservice:web``. No namespace's name has a colon.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kvscheduler import Depends, InvalidValue
from ligato.linux.namespace.namespace_pb2 import NetNamespace

from . import keys, names

__all__ = [
    "OWN",
    "check",
    "is_label",
    "key_of",
    "name_of",
    "needs",
    "place_of",
    "reference",
    "split",
]

OWN = ""

_PREFIXES = {
    NetNamespace.PID: "pid",
    NetNamespace.FD: "fd",
    NetNamespace.MICROSERVICE: "microservice",
}
_TYPES = {prefix: kind for kind, prefix in _PREFIXES.items()}

# The kernel's own limit (PID_MAX_LIMIT of a 64-bit system).
MAX_PID = 1 << 22
MAX_PATH_BYTES = 4095
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}")


def place_of(namespace: NetNamespace) -> str:
    """Return the place that a reference means."""
    if namespace.type == NetNamespace.NSID:
        return namespace.reference
    prefix = _PREFIXES.get(namespace.type)
    return f"{prefix}:{namespace.reference}" if prefix else OWN


def split(place: str) -> tuple[NetNamespace.ReferenceType, str]:
    """Return by what a place is known, and which of these it is."""
    prefix, colon, text = place.partition(":")
    if colon:
        return _TYPES[prefix], text
    return (NetNamespace.NSID, place) if place else (NetNamespace.UNDEFINED, "")


def reference(place: str) -> NetNamespace:
    """Return a reference to a place."""
    kind, text = split(place)
    return NetNamespace(type=kind, reference=text)


def name_of(place: str) -> str:
    """Return the name of the named namespace that a place is, "" for other places."""
    return "" if ":" in place else place


def needs(namespace: NetNamespace) -> Iterator[Depends]:
    """Yield what has to be there before anything can be in a namespace."""
    if namespace.type == NetNamespace.NSID:
        yield Depends(keys.namespace(namespace.reference), "namespace-exists")
    elif namespace.type == NetNamespace.MICROSERVICE:
        yield Depends(keys.microservice(namespace.reference), "microservice-available")


def key_of(place: str) -> str:
    """Return the key of the value that stands for a place, "" where there is none."""
    return next((one.key for one in needs(reference(place))), "")


def is_label(text: str) -> bool:
    """Tell whether a container can go by a label in a reference."""
    return _LABEL.fullmatch(text) is not None


def check(namespace: NetNamespace, *field: str) -> None:
    """Refuse a reference that can mean nothing, or lead where it should not."""
    kind, text = namespace.type, namespace.reference
    where = (*field, "reference")
    if kind == NetNamespace.UNDEFINED:
        if text:
            raise InvalidValue("a reference needs a type: NSID, say", (*field, "type"))
    elif kind == NetNamespace.NSID:
        names.check_namespace(text, *where)
    elif kind == NetNamespace.PID:
        if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= MAX_PID):
            raise InvalidValue(f"not the number of a process: {text!r}", where)
    elif kind == NetNamespace.FD:
        _check_path(text, where)
    elif not is_label(text):
        raise InvalidValue(f"a label is up to 253 of A-Z a-z 0-9 _ . -: {text!r}", where)


def _check_path(text: str, where: tuple[str, ...]) -> None:
    is_path = text.startswith("/") and text.isprintable() and text.isascii()
    if not is_path or len(text) > MAX_PATH_BYTES:
        raise InvalidValue(f"not the path of a namespace's file: {text!r:.80}", where)
