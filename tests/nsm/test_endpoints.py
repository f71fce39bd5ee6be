# SPDX-License-Identifier: Apache-2.0
"""Endpoints in an engine, against the real mesh: served, registered, changed, removed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from kvs_descriptors.nsm import keys, mechanisms
from kvs_descriptors.nsm.endpoints import meaning
from kvs_descriptors.nsm.endpoints.meaning import Site
from kvs_descriptors.nsm.interfaces import InterfaceWish
from kvs_descriptors.nsm.registry import find_endpoints
from kvs_proto.cnf.nsm.nsm_pb2 import (
    DEFAULT_INTERFACE,
    MEM_INTERFACE,
    ConnectionLabel,
    NetworkServiceEndpoint,
)
from kvs_proto.networkservice import connection_pb2
from kvs_proto.networkservice.connection_pb2 import MonitorScopeSelector
from kvs_proto.registry import registry_pb2
from kvscheduler import InvalidValue, ValueState
from tests.nsm.hosting import (
    ENDPOINT,
    Host,
    Hosted,
    Interfaces,
    ask,
    end,
    endpoint,
    labels,
    refused,
)
from tests.nsm.mesh import Mesh
from tests.nsm.serving import NS, OURS, until

Story = Callable[[Hosted], Awaitable[None]]


@pytest.fixture
def host(mesh: Mesh, tmp_path: Path) -> Host:
    return Host.at(mesh, tmp_path)


def play(host: Host, story: Story) -> None:
    async def whole() -> None:
        async with host.running() as hosted:
            await story(hosted)

    asyncio.run(whole())


async def known(hosted: Hosted) -> registry_pb2.NetworkServiceEndpoint | None:
    """Return the endpoint as the mesh knows it."""
    wanted = registry_pb2.NetworkServiceEndpoint(name="agent-web")
    found = [one for one in await find_endpoints(hosted.links, wanted) if one.name == wanted.name]
    return found[0] if found else None


async def advertised(hosted: Hosted) -> dict[str, str] | None:
    """Return what the mesh knows that the endpoint advertises; None where it knows none."""
    found = await known(hosted)
    return dict(found.network_service_labels[NS].labels) if found is not None else None


def test_an_endpoint_is_wanted_at_once_registered_and_then_serves(mesh: Mesh, host: Host) -> None:
    async def story(hosted: Hosted) -> None:
        await hosted.put(endpoint(advertised_labels=labels(app="web")))
        assert hosted.scheduler.status(ENDPOINT).state is ValueState.CONFIGURED
        await hosted.until_registered()
        assert hosted.registration().url == str(hosted.server.address)
        assert await advertised(hosted) == {"app": "web"}

        made = await ask(mesh, role="probe")
        await until(lambda: bool(hosted.served()))

        (found,) = hosted.served().values()
        assert (found.interface_name, found.client) == ("nsm0", "client")
        assert found.labels["role"] == "probe"
        assert made.mechanism.parameters["name"] == "nsm0"
        assert made.mechanism.parameters["inodeURL"] == OURS.as_uri()
        await end(mesh, made)
        await until(lambda: not hosted.served())

    play(host, story)


def test_an_endpoint_goes_by_its_network_service_where_it_has_no_name(
    mesh: Mesh, host: Host
) -> None:
    async def story(hosted: Hosted) -> None:
        await hosted.put(endpoint(name=""))
        await hosted.until_registered(NS)

        await ask(mesh, to=f"agent-{NS}")
        await until(lambda: bool(hosted.served(NS)))

        assert hosted.scheduler.status(keys.endpoint(NS)).state is ValueState.CONFIGURED

    play(host, story)


def test_to_ask_again_refreshes_the_same_connection(mesh: Mesh, host: Host) -> None:
    async def story(hosted: Hosted) -> None:
        await hosted.put(endpoint(single_client=True))
        await hosted.until_registered()
        first = await ask(mesh)
        await until(lambda: bool(hosted.served()))
        before = hosted.served()
        told = len(hosted.scheduler.history)

        await ask(mesh, again=first)
        await hosted.scheduler.settle()

        assert hosted.served() == before
        assert len(hosted.server.book.connections) == 1
        assert len(hosted.scheduler.history) == told

    play(host, story)


def test_endpoints_of_one_service_are_told_apart_and_share_no_interface(
    mesh: Mesh, host: Host
) -> None:
    async def story(hosted: Hosted) -> None:
        await hosted.put(endpoint(), endpoint(name="other"))
        await hosted.until_registered("web", "other")

        await ask(mesh, "c-1")
        await ask(mesh, "c-2", to="agent-other")
        await ask(mesh, "c-3")
        await until(lambda: len(hosted.served()) == 2 and len(hosted.served("other")) == 1)

        assert sorted(hosted.served()) == ["nsm0", "nsm2"]
        assert sorted(hosted.served("other")) == ["nsm1"]

    play(host, story)


def test_other_labels_are_registered_and_connections_stay(mesh: Mesh, host: Host) -> None:
    async def story(hosted: Hosted) -> None:
        await hosted.put(endpoint(advertised_labels=labels(app="web")))
        await hosted.until_registered()
        await ask(mesh)
        held, before = list(hosted.server.book.connections), await known(hosted)

        await hosted.put(endpoint(advertised_labels=labels(app="db", tier="1")))

        (done,) = hosted.scheduler.history[-1].operations
        assert done.operation.kind == "update"
        while await advertised(hosted) != {"app": "db", "tier": "1"}:
            pass
        assert list(hosted.server.book.connections) == held
        after = await known(hosted)
        assert before is not None
        assert after is not None
        assert after.initial_registration_time == before.initial_registration_time
        assert after.initial_registration_time.seconds > 0

    play(host, story)


def test_the_order_of_labels_is_no_change() -> None:
    one = endpoint(advertised_labels=labels(a="1", b="2"))
    other = endpoint(advertised_labels=labels(b="2", a="1"))

    assert meaning.is_same(one, other)
    assert not meaning.is_same(one, endpoint())


def test_another_network_service_is_another_endpoint(mesh: Mesh, host: Host) -> None:
    async def story(hosted: Hosted) -> None:
        await hosted.put(endpoint())
        await hosted.until_registered()
        await ask(mesh)

        await hosted.put(endpoint(network_service="ns-other"))

        kinds = [done.operation.kind for done in hosted.scheduler.history[-1].operations]
        await until(lambda: hosted.registration().network_service == "ns-other")
        await hosted.until_registered()
        assert {"delete", "create"} <= set(kinds)
        assert hosted.server.book.connections == {}
        wanted = registry_pb2.NetworkServiceEndpoint(name="agent-web")
        (found,) = await find_endpoints(hosted.links, wanted)
        assert list(found.network_service_names) == ["ns-other"]

    play(host, story)


def test_a_removed_endpoint_says_goodbye_to_its_clients_and_to_the_mesh(
    mesh: Mesh, host: Host
) -> None:
    async def story(hosted: Hosted) -> None:
        await hosted.put(endpoint())
        await hosted.until_registered()
        await ask(mesh)
        events = hosted.server.book.watchers.follow(
            MonitorScopeSelector(), hosted.server.book.connections
        )
        await anext(events)

        assert await hosted.drop() == {}

        assert (await anext(events)).type == connection_pb2.DELETE
        await events.aclose()
        assert await advertised(hosted) is None
        await hosted.scheduler.settle()
        assert hosted.registration().failure == "not there"
        assert hosted.served() == {}
        assert hosted.scheduler.status(ENDPOINT).state in {
            ValueState.NONEXISTENT,
            ValueState.REMOVED,
        }

    play(host, story)


def test_what_cannot_be_withdrawn_is_once_the_manager_is_back(mesh: Mesh, host: Host) -> None:
    async def story(hosted: Hosted) -> None:
        await hosted.put(endpoint())
        await hosted.until_registered()
        await ask(mesh)
        mesh.manager.kill()

        failed = await hosted.drop()
        await until(lambda: not hosted.served())

        assert list(failed) == [ENDPOINT]
        assert "cannot be withdrawn" in hosted.registration().failure
        mesh.manager.start()
        await until(lambda: hosted.registration().failure == "not there")
        assert await advertised(hosted) is None

    play(host, story)


def test_a_manager_that_was_away_registers_again(mesh: Mesh, host: Host) -> None:
    async def story(hosted: Hosted) -> None:
        mesh.manager.kill()
        await hosted.put(endpoint())
        await hosted.until_failed()
        assert not hosted.registration().HasField("until")

        mesh.manager.start()
        mesh.forwarder.restart()
        await hosted.until_registered()

        assert (await ask(mesh)).network_service_endpoint_name == "agent-web"

    play(host, story)


# --- the one interface ---------------------------------------------------------------------------


def test_the_interface_of_a_single_client_is_derived_and_waits_for_the_client(
    mesh: Mesh, host: Host
) -> None:
    async def whole() -> None:
        interfaces = Interfaces()
        async with host.running(interfaces.derived_for, [interfaces]) as hosted:
            await hosted.put(endpoint(single_client=True, ip_addresses=["10.1.0.1/24"]))
            await hosted.until_registered()
            status = hosted.scheduler.status("interface/nsm0")
            assert status.state is ValueState.PENDING
            assert status.unmet[0].key == keys.served("web", "nsm0")
            assert "no client is connected" in status.unmet[0].cause

            made = await ask(mesh)
            await until(lambda: bool(interfaces.there))
            assert interfaces.there == {"interface/nsm0": ("10.1.0.1/24",)}

            await end(mesh, made)
            await until(lambda: not interfaces.there)

    asyncio.run(whole())


def test_interfaces_that_are_not_known_beforehand_are_not_derived() -> None:
    assert meaning.wish(endpoint()) is None
    by_label = endpoint(single_client=True, interface_name_suffix_from_label="app")
    assert meaning.wish(by_label) is None
    assert meaning.wish(endpoint(single_client=True)) == InterfaceWish(
        name="nsm0",
        made_by="nsm/endpoint/web/connection/nsm0",
        ip_addresses=(),
        phys_address="",
        interface_type=DEFAULT_INTERFACE,
    )


# --- memif ---------------------------------------------------------------------------------------


def test_a_client_and_an_endpoint_agree_on_a_socket(mesh: Mesh, host: Host) -> None:
    async def story(hosted: Hosted) -> None:
        await hosted.put(endpoint(interface_type=MEM_INTERFACE, single_client=True))
        await hosted.until_registered()

        made = await ask(mesh, offered=[mechanisms.memif()])
        await until(lambda: bool(hosted.served()))

        (found,) = hosted.served().values()
        theirs = mechanisms.read_memif(made.mechanism, host.site.sockets).socket
        assert found.socket == theirs
        assert Path(theirs).parent.is_dir()
        assert Path(theirs).relative_to(host.site.sockets) == Path("agent-web/nsm0.sock")

    play(host, story)


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "told", "words"),
    [
        ({}, {}, "a client needs the label 'app' here"),
        ({}, {"app": "x" * 20}, "1 to 15 bytes, this has 23"),
        ({}, {"app": "a/b"}, "without space / : %"),
        ({}, {"app": "taken"}, "another client's interface is called nsmtaken already"),
    ],
)
def test_a_client_that_cannot_be_named_is_told_why(
    mesh: Mesh, host: Host, rules: dict[str, object], told: dict[str, str], words: str
) -> None:
    async def story(hosted: Hosted) -> None:
        await hosted.put(endpoint(interface_name_suffix_from_label="app", **rules))
        await hosted.until_registered()
        await ask(mesh, "first", app="taken")

        why = await refused(mesh, "c-2", **told)

        assert words in why
        seen = hosted.server.refusals.of("agent-web")
        assert seen.count >= 1
        assert words in seen.last
        key = keys.served("web", "nsmother")
        assert words in hosted.descriptor.why_not_connected(key)
        assert len(hosted.server.book.connections) == 1

    play(host, story)


def test_a_single_client_keeps_others_out_until_it_goes(mesh: Mesh, host: Host) -> None:
    async def story(hosted: Hosted) -> None:
        await hosted.put(endpoint(single_client=True))
        await hosted.until_registered()
        first = await ask(mesh, "c-1")

        assert "has its one client already" in await refused(mesh, "c-2")

        await end(mesh, first)
        await ask(mesh, "c-2")
        assert hosted.descriptor.why_not_connected("nsm/connection/x") == ""

    play(host, story)


def test_another_mechanism_is_refused(mesh: Mesh, host: Host) -> None:
    async def story(hosted: Hosted) -> None:
        await hosted.put(endpoint(interface_type=MEM_INTERFACE))
        await hosted.until_registered()

        assert "the mechanism here is MEMIF; offered: KERNEL" in await refused(mesh)

    play(host, story)


def test_a_name_that_another_endpoint_needs_is_not_given_away(mesh: Mesh, host: Host) -> None:
    async def story(hosted: Hosted) -> None:
        await hosted.put(endpoint(), endpoint(name="one", single_client=True))
        await hosted.until_registered("web", "one")

        await ask(mesh, "c-1")
        await ask(mesh, "c-2", to="agent-one")
        await until(lambda: bool(hosted.served()) and bool(hosted.served("one")))

        assert (list(hosted.served()), list(hosted.served("one"))) == (["nsm1"], ["nsm0"])

    play(host, story)


def test_two_endpoints_with_one_interface_are_refused_together(mesh: Mesh, host: Host) -> None:
    async def story(hosted: Hosted) -> None:
        with pytest.raises(Exception, match="nsm-interface:nsm0"):
            await hosted.put(
                endpoint(single_client=True), endpoint(name="other", single_client=True)
            )

    play(host, story)


SITE = Site(name="agent", namespace=OURS, sockets=Path("/run/memif"))


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({"network_service": ""}, ("network_service",)),
        ({"name": "other"}, ("name",)),
        ({"name": "a/b"}, ("name",)),
        ({"name": "", "network_service": "a/b"}, ("network_service",)),
        ({"advertised_labels": [ConnectionLabel(value="x")]}, ("advertised_labels",)),
        ({"advertised_labels": labels(a="1") + labels(a="2")}, ("advertised_labels",)),
        ({"interface_name_prefix": ""}, ("interface_name_prefix",)),
        ({"interface_name_prefix": "x" * 15}, ("interface_name_prefix",)),
        ({"interface_name_prefix": "a/"}, ("interface_name_prefix",)),
        ({"interface_type": 7}, ("interface_type",)),
        ({"ip_addresses": ["10.0.0.1/24"]}, ("ip_addresses", "single_client")),
        ({"phys_address": "02:00:00:00:00:01"}, ("phys_address", "single_client")),
        ({"ip_addresses": ["ten"], "single_client": True}, ("ip_addresses",)),
        ({"phys_address": "x", "single_client": True}, ("phys_address",)),
    ],
)
def test_an_endpoint_that_cannot_be_is_invalid(
    wrong: dict[str, object], fields: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidValue) as invalid:
        meaning.check(ENDPOINT, endpoint(**wrong), SITE)

    assert invalid.value.fields == fields


def test_a_socket_has_to_have_a_path_that_the_kernel_takes() -> None:
    far = Site(name="agent", namespace=OURS, sockets=Path("/run") / ("x" * 90))
    value = endpoint(interface_type=MEM_INTERFACE)

    meaning.check(ENDPOINT, value, SITE)
    with pytest.raises(InvalidValue, match="up to 107 bytes"):
        meaning.check(ENDPOINT, value, far)


def test_whatever_the_webinar_configures_is_valid() -> None:
    value = NetworkServiceEndpoint(
        network_service="cnf-nat-example",
        advertised_labels=labels(app="webserver"),
        interface_name_prefix="memif",
        interface_type=MEM_INTERFACE,
        single_client=True,
        ip_addresses=["80.80.80.80/24"],
    )

    meaning.check(keys.endpoint("cnf-nat-example"), value, SITE)


def test_an_interface_of_a_client_here_is_not_given_away(mesh: Mesh, host: Host) -> None:
    async def whole() -> None:
        async with host.running(reserved=["nsm0", "nsm1"]) as hosted:
            await hosted.put(endpoint())
            await hosted.until_registered()

            assert (await ask(mesh)).mechanism.parameters["name"] == "nsm2"

    asyncio.run(whole())
