# SPDX-License-Identifier: Apache-2.0
"""What a transaction does, and under which conditions."""

from __future__ import annotations

from kvs_proto.etcd.v1 import etcd_pb2 as pb

__all__ = ["delete_op", "get_op", "put_op", "when_created", "when_leased", "when_modified"]


def put_op(key: bytes, value: bytes, lease: int = 0) -> pb.RequestOp:
    """Set a key."""
    return pb.RequestOp(request_put=pb.PutRequest(key=key, value=value, lease=lease))


def delete_op(key: bytes) -> pb.RequestOp:
    """Delete a key."""
    return pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=key))


def get_op(key: bytes) -> pb.RequestOp:
    """Read a key, without what it holds."""
    return pb.RequestOp(request_range=pb.RangeRequest(key=key, keys_only=True))


def when_leased(key: bytes, lease: int) -> pb.Compare:
    """Hold if the key is there and hangs on a lease."""
    return pb.Compare(key=key, target=pb.Compare.LEASE, lease=lease)


def when_modified(key: bytes, revision: int) -> pb.Compare:
    """Hold if the key was last changed at a revision; 0: if it is not there."""
    return pb.Compare(key=key, target=pb.Compare.MOD, mod_revision=revision)


def when_created(key: bytes, revision: int) -> pb.Compare:
    """Hold if the key was made at a revision; 0: if it is not there."""
    return pb.Compare(key=key, target=pb.Compare.CREATE, create_revision=revision)
