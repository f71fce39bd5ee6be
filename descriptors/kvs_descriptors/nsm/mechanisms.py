# SPDX-License-Identifier: Apache-2.0
"""How a connection reaches us: an interface of the kernel, or shared memory behind a socket."""

from __future__ import annotations

import dataclasses
import urllib.parse
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from kvs_proto.networkservice.connection_pb2 import Connection, Mechanism

from .errors import BadMechanism

__all__ = [
    "KERNEL",
    "MEMIF",
    "Kernel",
    "Memif",
    "check_interface_name",
    "chosen",
    "kernel",
    "memif",
    "read_kernel",
    "read_memif",
]

KERNEL: Final = "KERNEL"
MEMIF: Final = "MEMIF"

_LOCAL: Final = "LOCAL"
_INODE_URL: Final = "inodeURL"
_NAME: Final = "name"
_SOCKET_FILE: Final = "socketfile"

_MAX_NAME_BYTES: Final = 15
# sun_path of a Unix socket, with the byte that ends it or begins an abstract one.
_MAX_SOCKET_BYTES: Final = 107


@dataclasses.dataclass(frozen=True, slots=True)
class Kernel:
    """An interface by its name, in the namespace that a URL says."""

    name: str
    namespace: str


@dataclasses.dataclass(frozen=True, slots=True)
class Memif:
    """A socket below our folder; or an abstract one ("@..."), in the namespace that a URL says."""

    socket: str
    namespace: str = ""

    @property
    def is_abstract(self) -> bool:
        """Tell whether the socket is a name only, no file."""
        return self.socket.startswith("@")


def kernel(name: str, namespace: Path) -> Mechanism:
    """Offer, or answer with, an interface of the kernel."""
    check_interface_name(name)
    return _local(KERNEL, {_NAME: name, _INODE_URL: _file_url(namespace)})


def memif(socket: Path | None = None) -> Mechanism:
    """Offer a memif, or answer with its socket, which is the endpoint's to choose."""
    return _local(MEMIF, {} if socket is None else {_INODE_URL: _file_url(socket)})


def chosen(connection: Connection, preferences: Iterable[Mechanism], kind: str) -> Mechanism:
    """Return what a connection has, or the first of its preferences that is of the kind."""
    wanted = [connection.mechanism] if connection.HasField("mechanism") else list(preferences)
    for one in wanted:
        if one.type == kind and one.cls in {"", _LOCAL}:
            return one
    offered = ", ".join(one.type for one in wanted) or "none"
    raise BadMechanism(f"the mechanism here is {kind}; offered: {offered}")


def read_kernel(mechanism: Mechanism) -> Kernel:
    """Read which interface it is."""
    _expect(mechanism, KERNEL)
    name = mechanism.parameters.get(_NAME, "")
    check_interface_name(name)
    return Kernel(name, mechanism.parameters.get(_INODE_URL, ""))


def read_memif(mechanism: Mechanism, folder: Path) -> Memif:
    """Read where the socket is; refuse those of others, outside the folder."""
    _expect(mechanism, MEMIF)
    url = mechanism.parameters.get(_INODE_URL, "")
    file = mechanism.parameters.get(_SOCKET_FILE, "")
    if file.startswith("@"):
        _check_length(file)
        return Memif(file, url)
    return Memif(_below(folder, file or _path(url)))


def check_interface_name(name: str) -> None:
    """Refuse what cannot be the name of an interface of the kernel."""
    length = len(name.encode(errors="surrogatepass"))
    if not 0 < length <= _MAX_NAME_BYTES:
        text = f"an interface's name has 1 to {_MAX_NAME_BYTES} bytes"
        raise BadMechanism(f"{text}, this has {length}: {name[:64]!r}")
    if name in {".", ".."} or any(
        letter in "/:%" or letter.isspace() or not letter.isprintable() for letter in name
    ):
        text = "an interface's name is printable, without space / : %, and not . or .."
        raise BadMechanism(f"{text}: {name!r}")


def _below(folder: Path, file: str) -> str:
    # Both resolved: a link that somebody has put into the folder must not lead out of it.
    top = folder.resolve()
    try:
        found = (top / file).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise BadMechanism(f"the socket has no path: {file[:200]!r}") from error
    if found == top or not found.is_relative_to(top):
        raise BadMechanism(f"the socket is not below {folder}: {file[:200]!r}")
    _check_length(str(found))
    return str(found)


def _check_length(socket: str) -> None:
    if len(socket.encode(errors="surrogateescape")) > _MAX_SOCKET_BYTES or "\0" in socket:
        raise BadMechanism(f"the path of a socket has up to {_MAX_SOCKET_BYTES} bytes: {socket!r}")


def _path(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "file" or parts.netloc or not parts.path.startswith("/"):
        raise BadMechanism(f"not a file's URL (like file:///run/memif.sock): {url[:200]!r}")
    return urllib.parse.unquote(parts.path)


def _file_url(path: Path) -> str:
    return path.absolute().as_uri()


def _local(kind: str, parameters: dict[str, str]) -> Mechanism:
    return Mechanism(cls=_LOCAL, type=kind, parameters=parameters)


def _expect(mechanism: Mechanism, kind: str) -> None:
    if mechanism.type != kind:
        raise BadMechanism(f"the mechanism is {mechanism.type or 'not set'}, not {kind}")
