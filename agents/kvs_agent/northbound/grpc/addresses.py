# SPDX-License-Identifier: Apache-2.0
"""Where a server listens, and for whom that is open."""

from __future__ import annotations

import contextlib
import dataclasses
import grp
import ipaddress
import os
import re
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .settings import GrpcSettings, Unsafe

__all__ = ["Address", "addresses", "prepared", "shared", "umask"]

_UNIX: Final = "unix:"
_TCP: Final = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})")
MAX_PORT: Final = 0xFFFF
FOLDER_MODE: Final = 0o700
SHARED_FOLDER_MODE: Final = 0o750
SOCKET_UMASK: Final = 0o177
_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


@dataclasses.dataclass(frozen=True, slots=True)
class Address:
    """One place to listen at: a path, or a host and a port."""

    path: Path | None = None
    host: str = ""
    port: int = 0

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can get there."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        if self.path is not None:
            return f"{_UNIX}{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def addresses(settings: GrpcSettings) -> list[Address]:
    """Return where to listen; ``Unsafe`` where the network could come in unencrypted."""
    found = [_address(one, settings.network) for one in settings.endpoints]
    for address in found:
        if address.path is None and not address.is_loopback and not settings.is_secure:
            raise Unsafe(
                f"{address} is open to the network, and there is no cert-file: name a certificate"
                " and its key, or listen at loopback or at a unix socket"
            )
    return found


def _address(text: str, network: str) -> Address:
    if text.startswith(_UNIX):
        return Address(Path(text.removeprefix(_UNIX)).absolute())
    if network.startswith("unix") or text.startswith("/"):
        return Address(Path(text).absolute())
    found = _TCP.fullmatch(text)
    if found is None or int(found["port"]) > MAX_PORT:
        raise Unsafe(f"{text!r} is no place to listen at: neither host:port nor unix:/path")
    host = found["six"] or found["host"] or "0.0.0.0"  # noqa: S104 - what no host means
    return Address(host=host, port=int(found["port"]))


# Unix sockets.


def prepared(path: Path, group: str) -> None:
    """Make a socket's folder, and room for the socket; ``Unsafe`` where others could meddle."""
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    found = path.parent.stat()
    if found.st_uid not in (os.geteuid(), 0) or found.st_mode & _OTHERS:
        raise Unsafe(f"{path.parent}: others may write there, so it is no place for our socket")
    if group and found.st_uid == os.geteuid():
        os.chown(path.parent, -1, _group(group))
        path.parent.chmod(SHARED_FOLDER_MODE)
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise Unsafe(f"{path}: there is something that is no socket")
        if _answers(path):
            raise Unsafe(f"{path}: somebody listens there already")
        path.unlink()


def shared(path: Path, group: str) -> None:
    """Let a group use a socket as well."""
    if group:
        os.chown(path, -1, _group(group))
        path.chmod(0o660)


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise Unsafe(f"there is no group {name}") from None


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
        try:
            tried.connect(str(path))
        except OSError:
            return False
        return True


@contextlib.contextmanager
def umask(mask: int = SOCKET_UMASK) -> Iterator[None]:
    """Have what is made meanwhile be for its owner alone."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
