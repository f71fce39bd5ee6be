# SPDX-License-Identifier: Apache-2.0
"""What a request means for the two ends of its cable; pure."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import urllib.parse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from kvs_descriptors.nsm import mechanisms
from kvs_descriptors.nsm.errors import BadMechanism, BadPath
from kvs_proto.networkservice.connection_pb2 import Connection, Mechanism

from .finding import Inode

__all__ = ["End", "check_identity", "end", "of_client", "placeless", "wish"]

_INODE_URL: Final = "inodeURL"
_NAME: Final = "name"
_LOCAL: Final = "LOCAL"
# It begins the names of interfaces and marks, and comes from outside after a restart.
_IDENTITY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}")
# A manager that could pass descriptors, but for the kind of connection, writes it so.
_BY_NUMBER: Final = re.compile(r"inode://([0-9]{1,19})/([0-9]{1,19})")
# These files are another namespace's for each who opens them: ours, for us.
_WHOEVER_ASKS: Final = ("/proc/self/", "/proc/thread-self/")


@dataclasses.dataclass(frozen=True, slots=True)
class End:
    """One end of a cable: its name, in the namespace that a file, or a number, stands for."""

    name: str
    namespace: Path | Inode


def check_identity(connection: Connection) -> None:
    """Refuse an id that could not be part of names."""
    if not _IDENTITY.fullmatch(connection.id):
        raise BadPath(f"not an id that we would have given: {connection.id[:200]!r}")


def of_client(connection: Connection, preferences: Sequence[Mechanism]) -> Mechanism:
    """Return the client's mechanism, with a name for its interface.

    A client that was started anew says in its preferences where it is now; the mechanism is what
    it was told before.
    """
    chosen = mechanisms.chosen(connection, preferences, mechanisms.KERNEL)
    found = Mechanism(cls=_LOCAL, type=mechanisms.KERNEL, parameters=chosen.parameters)
    found.parameters.update(_latest(preferences))
    if not found.parameters.get(_NAME):
        found.parameters[_NAME] = _made_up(connection.id)
    return found


def _latest(preferences: Iterable[Mechanism]) -> dict[str, str]:
    for one in preferences:
        if one.type == mechanisms.KERNEL and one.parameters.get(_INODE_URL):
            return dict(one.parameters)
    return {}


def _made_up(identity: str) -> str:
    return f"nsm{hashlib.blake2b(identity.encode(), digest_size=6).hexdigest()}"


def wish() -> Mechanism:
    """Return what an endpoint is asked for: an interface whose name and place are its own."""
    return Mechanism(cls=_LOCAL, type=mechanisms.KERNEL)


def placeless(mechanism: Mechanism) -> Mechanism:
    """Return an endpoint's mechanism as it is sent back to it: it knows where it is.

    Over a Unix socket it would wait for the descriptor of a namespace that goes by its number.
    """
    found = Mechanism()
    found.CopyFrom(mechanism)
    found.parameters.pop(_INODE_URL, None)
    return found


def end(mechanism: Mechanism) -> End:
    """Read which end a mechanism means."""
    read = mechanisms.read_kernel(mechanism)
    return End(read.name, _namespace(read.namespace))


def _namespace(url: str) -> Path | Inode:
    if found := _BY_NUMBER.fullmatch(url):
        return Inode(int(found[1]), int(found[2]))
    parts = urllib.parse.urlsplit(url)
    path = urllib.parse.unquote(parts.path)
    if parts.scheme != "file" or parts.netloc or not path.startswith("/") or "\0" in path:
        text = "not the URL of a namespace's file (like file:///proc/1234/ns/net)"
        raise BadMechanism(f"{text}: {url[:200]!r}")
    if path.startswith(_WHOEVER_ASKS) or ".." in path.split("/"):
        raise BadMechanism(f"that file is another one for each who opens it: {url[:200]!r}")
    return Path(path)
