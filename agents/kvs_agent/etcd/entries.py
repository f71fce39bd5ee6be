# SPDX-License-Identifier: Apache-2.0
"""What etcd holds, as data."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from kvs_proto.etcd.v1 import etcd_pb2 as pb

__all__ = ["Entry", "Listing", "prefix_range"]


class Entry(NamedTuple):
    """A key and its value, as they stood at one revision; thousands are made at once."""

    key: bytes
    value: bytes
    mod_revision: int
    create_revision: int
    version: int
    lease: int

    @classmethod
    def of(cls, kv: pb.KeyValue) -> Entry:
        """Take over a message."""
        return cls(kv.key, kv.value, kv.mod_revision, kv.create_revision, kv.version, kv.lease)


@dataclasses.dataclass(frozen=True, slots=True)
class Listing:
    """All that stood below a prefix at one revision of one cluster, sorted by key."""

    cluster: int
    revision: int
    entries: Sequence[Entry]


def prefix_range(prefix: bytes) -> tuple[bytes, bytes]:
    r"""Return the first key that begins with a prefix, and the first behind all that do.

    ``\0`` for the latter means that there is none.
    """
    stem = prefix.rstrip(b"\xff")
    end = stem[:-1] + bytes([stem[-1] + 1]) if stem else b"\0"
    return prefix or b"\0", end
