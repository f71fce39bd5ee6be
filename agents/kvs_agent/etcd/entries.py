# SPDX-License-Identifier: Apache-2.0
"""What etcd holds, as data."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from kvs_proto.etcd.v1 import etcd_pb2 as pb

__all__ = ["Entry", "Listing", "prefix_end"]


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


def prefix_end(prefix: bytes) -> bytes:
    r"""Return the first key behind all that begin with a prefix; ``\0`` where there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else b"\0"
