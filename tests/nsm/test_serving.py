# SPDX-License-Identifier: Apache-2.0
"""The endpoints' server: begun again, in the way of others, and what it refuses."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import socket
from pathlib import Path

import pytest

from kvs_descriptors.nsm.errors import Declined
from kvs_descriptors.nsm.identity.source import Fixed
from kvs_descriptors.nsm.serving.refusals import Refusals
from kvs_descriptors.nsm.serving.server import EndpointServer
from kvs_descriptors.nsm.wire.address import Address
from kvs_proto.networkservice.connection_pb2 import Connection
from tests.nsm.authority import Authority
from tests.nsm.hosting import Host, ask, endpoint
from tests.nsm.mesh import Mesh
from tests.nsm.serving import ANYWHERE, asked


def test_a_server_can_be_begun_again_at_the_same_address(authority: Authority) -> None:
    async def story() -> None:
        server = EndpointServer(ANYWHERE, Fixed(authority.identity("endpoint")))
        async with server:
            first = server.address
        for _ in range(2):
            async with server:
                assert server.address == first
                reader, writer = await asyncio.open_connection(first.host, first.port)
                writer.close()
                assert reader is not None

    asyncio.run(story())


def test_a_server_whose_address_is_taken_leaves_nothing_behind(authority: Authority) -> None:
    async def story() -> None:
        server = EndpointServer(ANYWHERE, Fixed(authority.identity("endpoint")))
        async with server:
            address = server.address
        with socket.create_server((address.host, address.port)):
            for _ in range(2):
                with pytest.raises(OSError, match="in use"):
                    await server.__aenter__()
        async with server:
            assert server.address == address

    asyncio.run(story())


def test_an_endpoint_whose_address_is_taken_says_so_and_serves_once_it_is_free(
    mesh: Mesh, tmp_path: Path
) -> None:
    async def story() -> None:
        host = Host.at(mesh, tmp_path)
        taken = socket.create_server((host.address.host, host.address.port))
        async with host.running() as hosted:
            with taken:
                await hosted.put(endpoint())
                await hosted.until_failed()
                assert "cannot be served" in hosted.registration().failure
                assert "in use" in hosted.registration().failure
            await hosted.until_registered()

            assert (await ask(mesh)).network_service_endpoint_name == "agent-web"

    asyncio.run(story())


def test_refusals_are_counted_and_said_once_as_long_as_they_are_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusals = Refusals()
    wanted = asked(to="one")

    with caplog.at_level(logging.WARNING):
        for why in ("full", "full", "closed", "full"):
            refusals.note("one", wanted, Declined(why))
        refusals.note("", Connection(), Declined("x" * 10_000))

    assert (refusals.of("one").count, refusals.of("one").last) == (4, "full")
    assert len(refusals.of().last) == 500
    said = [record.getMessage() for record in caplog.records]
    assert said[:3] == [f"mesh: one refuses client: {why}" for why in ("full", "closed", "full")]
    assert said[3].startswith("mesh: an endpoint without a name refuses somebody: xxx")
    refusals.forget("one")
    assert refusals.of("one").count == 0


def test_who_listens_everywhere_has_to_say_where_others_reach_it(
    mesh: Mesh, tmp_path: Path
) -> None:
    async def story() -> None:
        host = Host.at(mesh, tmp_path)
        reached = str(host.address)
        host.address = Address(host="0.0.0.0", port=host.address.port)  # noqa: S104 - see the name
        async with host.running() as hosted:
            await hosted.put(endpoint())
            await hosted.until_failed()
            assert "where others reach it has to be said" in hosted.registration().failure

        host.site = dataclasses.replace(host.site, url=reached)
        async with host.running() as hosted:
            await hosted.until_registered()
            assert hosted.registration().url == reached
            assert (await ask(mesh)).network_service_endpoint_name == "agent-web"

    asyncio.run(story())
