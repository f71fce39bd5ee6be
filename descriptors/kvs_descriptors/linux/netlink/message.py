# SPDX-License-Identifier: Apache-2.0
"""Netlink messages: how requests are packed, and what becomes of their answers."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator

from . import codec

__all__ = ["HEADER", "Answer", "Refused", "pack", "split"]

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP_INTR = 1, 4, 16
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200
NLM_F_DUMP = 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLMSGERR_ATTR_MSG = 1
LAST = frozenset({NLMSG_ERROR, NLMSG_DONE})

HEADER = struct.Struct("=IHHII")
ERROR = struct.Struct("=i")

# Of two names for one number, the one that the kernel's own people use.
NAMES = {**errno.errorcode, errno.EOPNOTSUPP: "EOPNOTSUPP"}

# No answer of the kernel's is larger.
LARGEST_BYTES = 65536
# Requests are numbered with 32 bits.
MAX_NUMBER = 0xFFFFFFFF


class Refused(OSError):
    """The kernel said no: ``errno`` says why, the text also what it was about."""

    # Keeps OSError from turning an instance into FileExistsError and the like.
    def __init__(self, code: int, reason: str, what: str) -> None:
        super().__init__(code, reason)
        self.what = what

    def __str__(self) -> str:
        name = NAMES.get(self.errno or 0, str(self.errno))
        return f"{self.what}: {self.strerror} ({name})"


def pack(number: int, kind: int, flags: int, body: bytes) -> bytes:
    """Return a request, padded so that another one may follow; its answer bears the number."""
    length = HEADER.size + len(body)
    return HEADER.pack(length, kind, flags, number, 0) + body + b"\0" * (-length % 4)


def split(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield number, kind, flags and body of each message in a datagram."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, flags, number, _ = HEADER.unpack_from(data, offset)
        yield number, kind, flags, data[offset + HEADER.size : offset + length]
        offset += max(HEADER.size, (length + 3) & ~3)


class Answer:
    """Collects the parts of one answer, which may come in several messages and datagrams.

    ``is_torn`` says that what a dump tells of changed meanwhile.
    """

    __slots__ = ("bodies", "error", "is_complete", "is_torn", "reason")

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.error = 0
        self.reason = ""
        self.is_complete = False
        self.is_torn = False

    def take(self, kind: int, flags: int, body: bytes) -> None:
        """Take in one message."""
        if flags & NLM_F_DUMP_INTR:
            self.is_torn = True
        if kind in LAST:
            self._end(body, flags, kind)
        else:
            self.bodies.append(body)

    def take_all(self, data: bytes) -> None:
        """Take in one datagram, all of which is of this answer."""
        for _, kind, flags, body in split(data):
            self.take(kind, flags, body)

    def _end(self, body: bytes, flags: int, kind: int) -> None:
        self.is_complete = True
        self.error = -ERROR.unpack_from(body)[0] if len(body) >= ERROR.size else 0
        if not self.error or not flags & NLM_F_ACK_TLVS:
            return
        start = ERROR.size
        if kind == NLMSG_ERROR:
            # The request stands between the code and the words, whole or only its header.
            length = HEADER.unpack_from(body, start)[0]
            start += HEADER.size if flags & NLM_F_CAPPED else (length + 3) & ~3
        words = codec.decode_attributes(body, start).get(NLMSGERR_ATTR_MSG, b"")
        self.reason = words.rstrip(b"\0").decode(errors="replace")

    def refusal(self, what: str) -> Refused:
        """Return the error that the kernel has answered with."""
        return Refused(self.error, self.reason or os.strerror(self.error), what)
