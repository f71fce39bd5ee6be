# SPDX-License-Identifier: Apache-2.0
"""etcd's methods, named by hand: the messages are in a package of our own."""

from __future__ import annotations

import dataclasses
from typing import Final, Generic, TypeVar

from google.protobuf.message import Message

from kvs_proto.etcd.v1 import etcd_pb2 as pb

__all__ = [
    "COMPACT",
    "DELETE",
    "GRANT",
    "KEEP_ALIVE",
    "PUT",
    "RANGE",
    "REVOKE",
    "TXN",
    "WATCH",
    "Method",
]

R = TypeVar("R", bound=Message)


@dataclasses.dataclass(frozen=True, slots=True)
class Method(Generic[R]):
    """The path of a method, and the message that it answers with."""

    path: str
    answer: type[R]


RANGE: Final = Method("/etcdserverpb.KV/Range", pb.RangeResponse)
PUT: Final = Method("/etcdserverpb.KV/Put", pb.PutResponse)
DELETE: Final = Method("/etcdserverpb.KV/DeleteRange", pb.DeleteRangeResponse)
TXN: Final = Method("/etcdserverpb.KV/Txn", pb.TxnResponse)
COMPACT: Final = Method("/etcdserverpb.KV/Compact", pb.CompactionResponse)
WATCH: Final = Method("/etcdserverpb.Watch/Watch", pb.WatchResponse)
GRANT: Final = Method("/etcdserverpb.Lease/LeaseGrant", pb.LeaseGrantResponse)
REVOKE: Final = Method("/etcdserverpb.Lease/LeaseRevoke", pb.LeaseRevokeResponse)
KEEP_ALIVE: Final = Method("/etcdserverpb.Lease/LeaseKeepAlive", pb.LeaseKeepAliveResponse)
