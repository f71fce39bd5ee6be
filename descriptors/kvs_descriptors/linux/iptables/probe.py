# SPDX-License-Identifier: Apache-2.0
"""Which namespaces hold any rules at all: asked of the kernel, as programs take milliseconds."""

from __future__ import annotations

import contextlib
import os
import pathlib
import socket
import struct

from .. import syscalls
from ..netlink import message

__all__ = ["has_tables"]

NETLINK_NETFILTER = 12
NFNL_SUBSYS_NFTABLES = 10
NFT_MSG_GETTABLE = 1
# struct nfgenmsg: family, version, resource.
NFGENMSG = struct.Struct("=BBH")
NFPROTO_UNSPEC, NFPROTO_IPV4, NFPROTO_IPV6 = 0, 2, 10

_NAMES = {False: "ip_tables_names", True: "ip6_tables_names"}


def has_tables(netns_fd: int, *, is_legacy: bool) -> set[bool]:
    """Return for which families (IPv6?) a namespace has tables: only in a thread of one's own.

    ``OSError`` where the kernel does not know this variant.
    """
    syscalls.enter(netns_fd)
    if is_legacy:
        return {is_ipv6 for is_ipv6, name in _NAMES.items() if _named(name)}
    families = set(_families())
    both = {NFPROTO_IPV4: False, NFPROTO_IPV6: True}
    return {is_ipv6 for family, is_ipv6 in both.items() if family in families}


def _named(name: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return bool(pathlib.Path(f"/proc/thread-self/net/{name}").read_text("ascii"))
    return False


def _families() -> list[int]:
    """Return the family of each table of nf_tables."""
    kind = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE
    body = NFGENMSG.pack(NFPROTO_UNSPEC, 0, 0)
    flags = message.NLM_F_REQUEST | message.NLM_F_DUMP
    answer = message.Answer()
    kinds = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
    with socket.socket(socket.AF_NETLINK, kinds, NETLINK_NETFILTER) as sock:
        sock.send(message.pack(1, kind, flags, body))
        while not answer.is_complete:
            answer.take_all(sock.recv(message.LARGEST_BYTES))
    if answer.error:
        raise OSError(answer.error, os.strerror(answer.error))
    return [one[0] for one in answer.bodies if one]
