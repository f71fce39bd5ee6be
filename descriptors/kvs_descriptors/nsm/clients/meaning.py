# SPDX-License-Identifier: Apache-2.0
"""What a client means: what is asked of the mesh for it, and what the answer comes to."""

from __future__ import annotations

from pathlib import Path

from kvs_proto.cnf.nsm.nsm_pb2 import (
    KERNEL_INTERFACE,
    MEM_INTERFACE,
    ConnectionInterfaceType,
    ConnectionLabel,
    NetworkServiceClient,
)
from kvs_proto.networkservice import connection_pb2
from kvs_proto.nsm.v1.connection_pb2 import Connection, Route
from kvscheduler import InvalidValue

from .. import addressing, checks, keys, mechanisms
from ..errors import BadMechanism
from ..interfaces import InterfaceWish

__all__ = [
    "check",
    "established",
    "interface",
    "is_other_connection",
    "is_same",
    "leaving",
    "preferences",
    "wanted",
]

# No label that anybody can want.
_LEAVING = ConnectionLabel(key="", value="leaving")


def check(key: str, value: NetworkServiceClient) -> None:
    """Refuse a client that cannot be asked for."""
    checks.name(value.name, "name")
    if key != keys.client(value.name):
        raise InvalidValue(f"the key is another's: {key}", ("name",))
    if not value.network_service:
        raise InvalidValue("a network service is needed", ("network_service",))
    _check_interface(value)
    checks.labels(value.outgoing_labels, "outgoing_labels")


def _check_interface(value: NetworkServiceClient) -> None:
    try:
        mechanisms.check_interface_name(value.interface_name)
    except BadMechanism as error:
        raise InvalidValue(str(error), ("interface_name",)) from error
    checks.addresses(value.ip_addresses)
    checks.mac(value.phys_address)


def labels(value: NetworkServiceClient) -> dict[str, str]:
    """Return what is sent along."""
    return {label.key: label.value for label in value.outgoing_labels if label.key}


def leaving(value: NetworkServiceClient) -> NetworkServiceClient:
    """Return a client that is to go and still stands: whoever wants it again has to say so."""
    marked = NetworkServiceClient()
    marked.CopyFrom(value)
    if not any(label.key == _LEAVING.key for label in value.outgoing_labels):
        marked.outgoing_labels.append(_LEAVING)
    return marked


def kind(value: NetworkServiceClient) -> ConnectionInterfaceType:
    """Return what the connection is to reach us by."""
    return value.interface_type or KERNEL_INTERFACE


def is_other_connection(old: NetworkServiceClient, new: NetworkServiceClient) -> bool:
    """Tell whether a client wants something that its connection cannot become."""
    return (
        old.network_service != new.network_service
        or old.interface_name != new.interface_name
        or kind(old) != kind(new)
    )


def is_same(old: NetworkServiceClient, new: NetworkServiceClient) -> bool:
    """Tell whether the mesh is asked for the same; addresses are the interface's."""
    return not is_other_connection(old, new) and _labelled(old) == _labelled(new)


def _labelled(value: NetworkServiceClient) -> dict[str, str]:
    return {label.key: label.value for label in value.outgoing_labels}


def interface(value: NetworkServiceClient) -> InterfaceWish:
    """Return what is to be configured on the interface that the connection comes with."""
    return InterfaceWish(
        name=value.interface_name,
        made_by=keys.connection(value.name, value.network_service),
        ip_addresses=tuple(value.ip_addresses),
        phys_address=value.phys_address,
        interface_type=kind(value),
    )


def wanted(value: NetworkServiceClient) -> connection_pb2.Connection:
    """Return the connection that is asked for.

    Addresses of ours are not told: whoever makes the interface would set them.
    """
    return connection_pb2.Connection(network_service=value.network_service, labels=labels(value))


def preferences(value: NetworkServiceClient, namespace: Path) -> connection_pb2.Mechanism:
    """Return how the connection has to reach us."""
    if value.interface_type == MEM_INTERFACE:
        return mechanisms.memif()
    return mechanisms.kernel(value.interface_name, namespace)


def established(
    value: NetworkServiceClient, made: connection_pb2.Connection, sockets: Path
) -> Connection:
    """Return what has come of a client; raise where the mesh tells what cannot be."""
    side = addressing.client_side(made.context)
    found = Connection(
        client=value.name,
        network_service=made.network_service,
        endpoint=made.network_service_endpoint_name,
        mechanism=made.mechanism.type,
        ip_addresses=[str(one) for one in side.addresses],
        routes=[
            Route(network=str(way.network), gateway=str(way.gateway or "")) for way in side.ways
        ],
        mtu=side.mtu,
    )
    if value.interface_type == MEM_INTERFACE:
        found.socket = mechanisms.read_memif(made.mechanism, sockets).socket
    else:
        found.interface_name = mechanisms.read_kernel(made.mechanism).name
    return found
