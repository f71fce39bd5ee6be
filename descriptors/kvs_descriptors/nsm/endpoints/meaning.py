# SPDX-License-Identifier: Apache-2.0
"""What an endpoint means: how it is registered, who is let in, and what comes of a connection."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from kvs_proto.cnf.nsm.nsm_pb2 import (
    DEFAULT_INTERFACE,
    KERNEL_INTERFACE,
    MEM_INTERFACE,
    ConnectionInterfaceType,
    NetworkServiceEndpoint,
)
from kvs_proto.networkservice import connection_pb2
from kvs_proto.nsm.v1.connection_pb2 import Route
from kvs_proto.nsm.v1.endpoint_pb2 import EndpointConnection
from kvs_proto.registry import registry_pb2
from kvscheduler import InvalidValue

from .. import addressing, checks, keys, mechanisms
from ..errors import BadMechanism
from ..interfaces import InterfaceWish
from ..naming import Naming

__all__ = [
    "Site",
    "check",
    "connection",
    "is_other_endpoint",
    "is_same",
    "kind",
    "label_map",
    "mesh_name",
    "name_of",
    "naming",
    "registration",
    "socket_path",
    "wish",
]

_TYPES = (DEFAULT_INTERFACE, KERNEL_INTERFACE, MEM_INTERFACE)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where endpoints are: our name in the mesh, our network namespace, where our sockets are.

    ``url`` is where others reach our server; without one, where it listens.
    """

    name: str
    namespace: Path
    sockets: Path
    url: str = ""


def name_of(value: NetworkServiceEndpoint) -> str:
    """Return what an endpoint goes by here."""
    return value.name or value.network_service


def mesh_name(value: NetworkServiceEndpoint, site: Site) -> str:
    """Return what an endpoint goes by in the mesh, where others may have the same name."""
    return f"{site.name}-{name_of(value)}"


def kind(value: NetworkServiceEndpoint) -> str:
    """Return the mechanism."""
    return mechanisms.MEMIF if value.interface_type == MEM_INTERFACE else mechanisms.KERNEL


def label_map(value: NetworkServiceEndpoint) -> dict[str, str]:
    """Return the labels that are advertised."""
    return {label.key: label.value for label in value.advertised_labels}


def naming(value: NetworkServiceEndpoint) -> Naming:
    """Return the rules by which interfaces are named."""
    return Naming(
        prefix=value.interface_name_prefix,
        suffix_label=value.interface_name_suffix_from_label,
        is_single_client=value.single_client,
    )


def socket_path(value: NetworkServiceEndpoint, site: Site, interface: str) -> Path:
    """Return where the socket of a memif is: agents may share the folder above."""
    return site.sockets / mesh_name(value, site) / f"{interface}.sock"


# --- what cannot be ------------------------------------------------------------------------------


def check(key: str, value: NetworkServiceEndpoint, site: Site) -> None:
    """Refuse an endpoint that cannot be served."""
    if not value.network_service:
        raise InvalidValue("a network service is needed", ("network_service",))
    name, field = name_of(value), "name" if value.name else "network_service"
    checks.name(name, field)
    if key != keys.endpoint(name):
        raise InvalidValue(f"the key is another's: {key}", (field,))
    checks.labels(value.advertised_labels, "advertised_labels")
    if value.interface_type not in _TYPES:
        names = ", ".join(ConnectionInterfaceType.Name(one) for one in _TYPES)
        raise InvalidValue(f"not one of {names}: {value.interface_type}", ("interface_type",))
    _check_names(value, site)
    _check_settings(value)


def _check_names(value: NetworkServiceEndpoint, site: Site) -> None:
    prefix, suffix_label = value.interface_name_prefix, value.interface_name_suffix_from_label
    if not prefix and not suffix_label:
        raise InvalidValue("interfaces need a name: a prefix", ("interface_name_prefix",))
    try:
        mechanisms.check_interface_name(f"{prefix}0")
        if kind(value) == mechanisms.MEMIF:
            where = socket_path(value, site, f"{prefix}0")
            mechanisms.read_memif(mechanisms.memif(where), site.sockets)
    except BadMechanism as error:
        raise InvalidValue(str(error), ("interface_name_prefix",)) from error


def _check_settings(value: NetworkServiceEndpoint) -> None:
    for field, texts in (
        ("ip_addresses", value.ip_addresses),
        ("phys_address", [value.phys_address] * bool(value.phys_address)),
    ):
        if texts and not naming(value).only:
            needed = "single_client, without interface_name_suffix_from_label"
            text = f"which interface it is for is not known beforehand; needs {needed}"
            raise InvalidValue(text, (field, "single_client"))
    checks.addresses(value.ip_addresses)
    checks.mac(value.phys_address)


# --- what changes --------------------------------------------------------------------------------


def is_same(old: NetworkServiceEndpoint, new: NetworkServiceEndpoint) -> bool:
    """Tell whether two say the same; the order of labels says nothing."""
    rest = (
        list(old.ip_addresses) == list(new.ip_addresses) and old.phys_address == new.phys_address
    )
    return rest and not is_other_endpoint(old, new) and label_map(old) == label_map(new)


def is_other_endpoint(old: NetworkServiceEndpoint, new: NetworkServiceEndpoint) -> bool:
    """Tell whether one can become the other only by another registration, with new connections."""
    return (old.name, old.network_service, kind(old), naming(old)) != (
        new.name,
        new.network_service,
        kind(new),
        naming(new),
    )


# --- what it comes to ----------------------------------------------------------------------------


def wish(value: NetworkServiceEndpoint) -> InterfaceWish | None:
    """Return what is wanted of the one interface, where its name is known beforehand."""
    name = naming(value).only
    if not name:
        return None
    return InterfaceWish(
        name=name,
        made_by=keys.served(name_of(value), name),
        ip_addresses=tuple(value.ip_addresses),
        phys_address=value.phys_address,
        interface_type=value.interface_type,
    )


def registration(
    value: NetworkServiceEndpoint, site: Site, url: str
) -> registry_pb2.NetworkServiceEndpoint:
    """Return how an endpoint is registered."""
    made = registry_pb2.NetworkServiceEndpoint(
        name=mesh_name(value, site), network_service_names=[value.network_service], url=url
    )
    made.network_service_labels[value.network_service].labels.update(label_map(value))
    return made


def connection(
    value: NetworkServiceEndpoint,
    made: connection_pb2.Connection,
    interface: str,
    socket: str,
) -> EndpointConnection:
    """Return what a connection is to us; raise where the mesh tells what cannot be."""
    side = addressing.endpoint_side(made.context)
    segments = made.path.path_segments
    return EndpointConnection(
        endpoint=name_of(value),
        network_service=made.network_service,
        id=made.id,
        client=segments[0].name if segments else "",
        labels=made.labels,
        mechanism=made.mechanism.type,
        interface_name=interface,
        socket=socket,
        ip_addresses=[str(one) for one in side.addresses],
        routes=[
            Route(network=str(way.network), gateway=str(way.gateway or "")) for way in side.ways
        ],
        mtu=side.mtu,
    )
