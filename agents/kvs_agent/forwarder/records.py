# SPDX-License-Identifier: Apache-2.0
"""Connections as values: what of them is wanted in the kernel, and what is known after a restart.

The record stands in the journal together with the interfaces that it is about: whatever kills the
forwarder, there is never one without the other.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Final

from google.protobuf.message import Message

from kvs_descriptors.linux import keys
from kvs_descriptors.nsm.addressing import Addressing, client_side, endpoint_side
from kvs_descriptors.nsm.mechanisms import read_kernel
from kvs_descriptors.nsm.path import previous
from kvs_proto.networkservice.connection_pb2 import Connection, State
from kvs_proto.nsm.v1.forwarded_pb2 import Forwarded
from kvscheduler import Descriptor, Origin, Retrieved
from ligato.linux.interfaces.interface_pb2 import Interface, VethLink
from ligato.linux.l3.route_pb2 import Route
from ligato.linux.namespace.namespace_pb2 import NetNamespace

from .kept import Kept

__all__ = ["PREFIX", "RecordDescriptor", "bare", "key", "life_s", "values"]

PREFIX: Final = "nsm/forwarded/"


class RecordDescriptor(Descriptor[Forwarded, None]):
    """The records; there is nothing to be done for them, they are to be known again."""

    name = "nsm-forwarded"
    key_prefix = PREFIX

    def create(self, key: str, value: Forwarded) -> None:
        """Have it known."""

    def update(self, key: str, old: Forwarded, new: Forwarded, metadata: None) -> None:
        """Have it known as it is now."""

    def delete(self, key: str, value: Forwarded, metadata: None) -> None:
        """Have it forgotten."""

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return what is expected: the journal is where it is."""
        for one in expected:
            if keys is None or one.key in keys:
                yield Retrieved(one.key, one.value, None, Origin.NORTHBOUND)


def key(identity: str) -> str:
    """Return the key of a connection's record."""
    return f"{PREFIX}{identity}"


def bare(connection: Connection) -> Connection:
    """Return a connection without tokens, and without what is another each time."""
    found = Connection()
    found.CopyFrom(connection)
    found.state = State.UP
    for segment in found.path.path_segments:
        segment.ClearField("token")
        segment.ClearField("expires")
        segment.ClearField("metrics")
    return found


def life_s(connection: Connection, moment: datetime.datetime) -> int:
    """Return for how long a connection lasts from now, at least.

    Rounded up to a power of two: each request has another one, which is no change.
    """
    end = previous(connection).expires.ToDatetime(datetime.UTC)
    return 1 << max(0, int((end - moment).total_seconds())).bit_length()


def values(record: Forwarded, kept: Kept) -> dict[str, Message]:
    """Return all that is wanted for a connection, by key."""
    identity = record.told.id
    names = f"{identity}-client", f"{identity}-endpoint"
    ends = (
        (names, record.told, record.client_namespace, client_side(record.told.context)),
        (
            names[::-1],
            record.onward,
            record.endpoint_namespace,
            endpoint_side(record.told.context),
        ),
    )
    found: dict[str, Message] = {key(identity): record}
    for (name, peer), connection, namespace, side in ends:
        host_name = read_kernel(connection.mechanism).name
        reference = NetNamespace(type=NetNamespace.FD, reference=kept.path(namespace))
        found[keys.interface(name)] = Interface(
            name=name,
            type=Interface.VETH,
            host_if_name=host_name,
            namespace=reference,
            enabled=True,
            mtu=side.mtu,
            ip_addresses=[str(one) for one in side.addresses],
            veth=VethLink(peer_if_name=peer),
        )
        for route in _routes(name, side):
            found[keys.route(route.dst_network, name)] = route
    return found


def _routes(name: str, side: Addressing) -> Iterable[Route]:
    """Yield the routes of one end, but for those that come with its addresses."""
    own = {one.network for one in side.addresses}
    for way in side.ways:
        if way.network not in own:
            gateway = str(way.gateway) if way.gateway is not None else ""
            yield Route(outgoing_interface=name, dst_network=str(way.network), gw_addr=gateway)
