# SPDX-License-Identifier: Apache-2.0
"""Endpoints as an agent has them: told to the mesh and to etcd, and in nobody's way."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from kvs_agent.daemon.mesh import Mesh as Part
from kvs_agent.daemon.settings import NsmSettings
from kvs_descriptors.nsm import keys, notifications
from kvs_descriptors.nsm.interfaces import unconfigured
from kvs_descriptors.nsm.notifications import Advertised
from kvs_proto.cnf.nsm.nsm_pb2 import NetworkServiceClient
from kvscheduler import Scheduler
from tests.etcd.conftest import etcd, installed
from tests.etcd.following import client
from tests.etcd.server import Etcd
from tests.nsm.conftest import authority, built, open_mesh
from tests.nsm.hosting import ask, endpoint, labels
from tests.nsm.mesh import Mesh
from tests.nsm.serving import running, until

__all__ = ["authority", "built", "etcd", "installed", "open_mesh"]

TOLD = notifications.key(Advertised("ns-test", "app", "web"))


def settings(mesh: Mesh, **others: Any) -> NsmSettings:
    return NsmSettings(
        connect_to=mesh.manager.url, insecure=True, listen_on="tcp://127.0.0.1:0", **others
    )


def is_registered(scheduler: Scheduler) -> bool:
    key = keys.registered("web")
    found = scheduler.values(key, view="configured").get(key)
    return found is not None and found.HasField("until")


def test_labels_of_an_endpoint_are_in_etcd_as_long_as_it_is_registered(
    open_mesh: Mesh, etcd: Etcd
) -> None:
    async def story() -> None:
        part = Part(settings(open_mesh, publish_notifications=True), "agent", unconfigured)
        assert part.notifications is not None
        key = f"/vnf-agent/global/{TOLD}"
        async with (
            client(etcd.endpoint) as one,
            running(part.notifications.run(one)),
            Scheduler(part.descriptors) as scheduler,
        ):
            async with scheduler.transaction() as txn:
                txn.set(keys.endpoint("web"), endpoint(advertised_labels=labels(app="web")))
            while await one.get(key) is None:
                pass
            async with scheduler.transaction() as txn:
                txn.delete(keys.endpoint("web"))
            while await one.get(key) is not None:
                pass
        await part.links.close()

    asyncio.run(story())


def test_an_interface_of_a_client_is_not_given_to_a_client_of_ours(
    open_mesh: Mesh, tmp_path: Path
) -> None:
    async def story() -> str:
        part = Part(settings(open_mesh, sockets=tmp_path), "agent", unconfigured)
        assert part.notifications is None
        async with Scheduler(part.descriptors) as scheduler:
            async with scheduler.transaction() as txn:
                txn.set(keys.endpoint("web"), endpoint(advertised_labels=labels(app="web")))
                txn.set(
                    keys.client("c"),
                    NetworkServiceClient(
                        name="c", network_service="ns-none", interface_name="nsm0"
                    ),
                )
            await until(lambda: is_registered(scheduler))
            made = await ask(open_mesh)
            async with scheduler.transaction() as txn:
                txn.delete(keys.client("c"))
        await part.links.close()
        return made.mechanism.parameters["name"]

    assert asyncio.run(story()) == "nsm1"


@pytest.mark.parametrize("url", ["nowhere", "tcp://192.0.2.1:5"])
def test_where_endpoints_are_reached_is_checked_as_all_addresses_are(url: str) -> None:
    wrong = NsmSettings(connect_to="tcp://127.0.0.1:1", insecure=True, endpoint_url=url)

    with pytest.raises(ValueError, match="endpoint-url"):
        wrong.check()
