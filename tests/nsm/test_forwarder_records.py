# SPDX-License-Identifier: Apache-2.0
"""What is wanted in the kernel for a connection, and what of it is remembered."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path

import pytest

from kvs_agent.forwarder import records
from kvs_agent.forwarder.kept import Kept
from kvs_descriptors.linux import keys
from kvs_descriptors.nsm import mechanisms, path
from kvs_descriptors.nsm.errors import BadContext
from kvs_proto.networkservice.connection_pb2 import DOWN, Connection
from kvs_proto.networkservice.connectioncontext_pb2 import ConnectionContext, IPContext, Route
from kvs_proto.nsm.v1.forwarded_pb2 import Forwarded
from ligato.linux.interfaces.interface_pb2 import Interface

KEPT = Kept(Path("/run/kept"))
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def connection(name: str, context: ConnectionContext | None = None) -> Connection:
    asked = path.begin(Connection(network_service="ns"), "client", "c-1")
    made = path.enter(asked, "forwarder", lambda: "id-1")
    made.mechanism.CopyFrom(mechanisms.kernel(name, Path("/proc/1/ns/net")))
    if context is not None:
        made.context.CopyFrom(context)
    return made


def record(**context: object) -> Forwarded:
    told = ConnectionContext(ip_context=IPContext(**context), MTU=1400)  # type: ignore[arg-type]
    return Forwarded(
        told=connection("nsm-1", told),
        onward=connection("bay0", told),
        client_namespace="4-1",
        endpoint_namespace="4-2",
    )


def values(**context: object) -> Mapping[str, object]:
    return records.values(record(**context), KEPT)


def test_a_connection_is_a_cable_of_two_ends_and_its_record() -> None:
    found = values(src_ip_addrs=["10.0.0.1/24"], dst_ip_addrs=["10.0.0.2/24"])

    one, other = (found[keys.interface(f"id-1-{end}")] for end in ("client", "endpoint"))
    assert isinstance(one, Interface)
    assert isinstance(other, Interface)
    assert (one.host_if_name, other.host_if_name) == ("nsm-1", "bay0")
    assert (one.veth.peer_if_name, other.veth.peer_if_name) == (other.name, one.name)
    assert (one.namespace.reference, other.namespace.reference) == (
        "/run/kept/4-1",
        "/run/kept/4-2",
    )
    assert (list(one.ip_addresses), list(other.ip_addresses)) == (["10.0.0.1/24"], ["10.0.0.2/24"])
    assert (one.mtu, other.mtu) == (1400, 1400)
    assert len(found) == 3


def test_each_end_has_its_routes_but_for_those_of_its_addresses() -> None:
    found = values(
        src_ip_addrs=["10.0.0.1/24", "fd00::1/128"],
        dst_ip_addrs=["10.0.0.2/24", "fd00::2/128"],
        src_routes=[Route(prefix="10.0.0.0/24"), Route(prefix="10.9.0.0/16")],
        dst_routes=[Route(prefix="10.8.0.0/16", nextHop="10.0.0.1")],
    )

    routes = {key for key in found if key.startswith(keys.ROUTE)}
    assert routes == {
        keys.route("10.9.0.0/16", "id-1-client"),
        keys.route("fd00::2/128", "id-1-client"),
        keys.route("10.8.0.0/16", "id-1-endpoint"),
        keys.route("fd00::1/128", "id-1-endpoint"),
    }


def test_addresses_that_nobody_can_set_are_refused() -> None:
    with pytest.raises(BadContext):
        values(src_ip_addrs=["ten"])


def test_neither_tokens_nor_times_are_remembered() -> None:
    until = NOW + datetime.timedelta(minutes=10)
    made = path.sign(connection("nsm-1"), ("theirs", until), ("ours", until))
    made.state = DOWN

    found = records.bare(made)

    assert found == connection("nsm-1")
    assert "ours" not in str(found)


@pytest.mark.parametrize(("left_s", "life_s"), [(-5, 1), (0.5, 1), (5, 8), (599.9, 1024)])
def test_a_life_is_never_thought_shorter_than_it_is(left_s: float, life_s: int) -> None:
    until = NOW + datetime.timedelta(seconds=left_s)
    made = path.sign(connection("nsm-1"), ("theirs", until), ("ours", NOW))

    assert records.life_s(made, NOW) == life_s
