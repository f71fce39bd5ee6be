# SPDX-License-Identifier: Apache-2.0
"""Many of them: a hundred clients at once, requests by the hundred, an endpoint for another."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvs_descriptors.nsm import connections, mechanisms
from kvs_descriptors.nsm.registry import find_endpoints
from kvs_proto.registry.registry_pb2 import NetworkServiceEndpoint
from tests.nsm.places import Place
from tests.nsm.serving import asked, linked
from tests.nsm.story import Story, eventually

logger = logging.getLogger(__name__)

# 10,000 take a while; what matters is that the second half costs no more than the first.
REQUESTS = int(os.environ.get("KVS_NSM_REQUESTS", "300"))
CLIENTS = 100
SERVICE = "many"
MOST_MIB = 12
BAY: dict[str, Any] = {
    "name": "bay",
    "networkService": SERVICE,
    "interfaceNamePrefix": "bay",
    "interfaceType": "KERNEL_INTERFACE",
}


def file(**values: list[dict[str, Any]]) -> str:
    return json.dumps({"nsmConfig": values})


def client(number: int) -> dict[str, Any]:
    return {
        "name": f"c{number}",
        "networkService": SERVICE,
        "interfaceName": f"tap{number}",
        "interfaceType": "KERNEL_INTERFACE",
        "ipAddresses": [f"10.70.{number}.1/24"],
    }


@pytest.fixture
def story(built: None, privileged: None, tmp_path: Path) -> Iterator[Story]:
    with Story(tmp_path) as made:
        made.agent("bay", many=file(endpoints=[BAY]))
        yield made


def test_a_hundred_clients_at_once(story: Story) -> None:
    bay = story.agents["bay"].place
    agent = story.agent("client", many=file(clients=[client(n) for n in range(CLIENTS)]))
    wanted = {f"tap{number}" for number in range(CLIENTS)}
    there = {f"bay{number}" for number in range(CLIENTS)}

    def has_addresses() -> bool:
        shown = {one["ifname"]: one["addr_info"] for one in agent.place.ip("address", "show")}
        return all(
            any(one["local"] == f"10.70.{number}.1" for one in shown[f"tap{number}"])
            for number in range(CLIENTS)
        )

    eventually(lambda: agent.place.names() == wanted, story, "a hundred cables")
    eventually(has_addresses, story, "their addresses")
    eventually(lambda: story.is_up(CLIENTS), story, "a hundred connections")
    assert bay.names() == there
    before = agent.place.indexes()

    agent.kill()
    agent.start()
    eventually(lambda: agent.lives == 2, story, "the agent")
    eventually(lambda: story.is_up(CLIENTS), story, "a hundred connections")
    assert agent.place.indexes() == before

    agent.tell("many.yaml", file(clients=[client(n) for n in range(3)]))
    eventually(lambda: story.is_up(3), story, "three connections")
    eventually(lambda: agent.place.names() == {"tap0", "tap1", "tap2"}, story, "three cables")
    assert len(bay.names()) == 3
    assert len(story.forwarder.kept) == 2


def test_another_endpoint_takes_the_place_of_one_that_is_gone(story: Story) -> None:
    bay = story.agents["bay"]
    agent = story.agent("client", one=file(clients=[client(1)]))
    eventually(lambda: bay.place.names() == {"bay0"}, story, "the connection")
    other = story.agent("other", many=file(endpoints=[{**BAY, "interfaceNamePrefix": "other"}]))

    bay.kill()

    eventually(lambda: other.place.names() == {"other0"}, story, "the other endpoint")
    eventually(lambda: agent.place.addresses("tap1") == {"10.70.1.1/24"}, story, "the address")
    assert agent.place.names() == {"tap1"}
    assert bay.place.names() == set()
    eventually(lambda: story.is_up(1), story, "one connection")


def resources(pid: int) -> tuple[float, int]:
    """Return a process's memory in MiB, and how many descriptors it has open."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return (
        int(status.partition("VmRSS:")[2].split()[0]) / 1024,
        len(list(Path(f"/proc/{pid}/fd").iterdir())),
    )


def test_requests_in_a_row_leave_nothing_behind(story: Story) -> None:
    pids = {"forwarder": story.forwarder.pid, "bay": story.agents["bay"].pid}
    seen: list[dict[str, tuple[float, int]]] = []

    async def whole(here: Place) -> None:
        offered = [mechanisms.kernel("probe", here.path)]
        async with linked(story.manager.url, None) as links:
            made = await connections.request(links, asked(service=SERVICE), offered)
            for number in range(REQUESTS):
                if number % 10 == 9:
                    await connections.close(links, made)
                    made = asked(service=SERVICE)
                made = await connections.request(links, made, offered)
                if (number + 1) % (REQUESTS // 10) == 0:
                    seen.append({name: resources(pid) for name, pid in pids.items()})
            await connections.close(links, made)

    with Place() as here:
        eventually(lambda: is_registered(story), story, "the endpoint's registration")
        asyncio.run(whole(here))
        assert here.names() == set()

    for number, one in enumerate(seen, 1):
        logger.info("after %d requests: %s", number * (REQUESTS // 10), one)
    assert story.agents["bay"].place.names() == set()
    assert story.connections() == []
    assert story.forwarder.kept == []
    half, end = seen[4], seen[9]
    for name, (memory_mib, descriptors) in end.items():
        assert memory_mib - half[name][0] < MOST_MIB, seen
        assert abs(descriptors - half[name][1]) <= 2, seen


def is_registered(story: Story) -> bool:
    async def ask() -> bool:
        async with linked(story.manager.url, None) as links:
            like = NetworkServiceEndpoint(network_service_names=[SERVICE])
            return bool(await find_endpoints(links, like))

    return asyncio.run(ask())
