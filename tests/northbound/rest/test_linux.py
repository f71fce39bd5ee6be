# SPDX-License-Identifier: Apache-2.0
"""From a PUT down to the real kernel and back up again."""

from __future__ import annotations

import json
from typing import Any

from kvs_agent.daemon.compose import _implied
from kvs_descriptors import linux
from kvs_descriptors.linux import keys
from tests.linux.bench import Bench
from tests.northbound.rest.stage import Site, play


def cable(namespace: str) -> dict[str, Any]:
    """Return a cable with addresses and a route, all of it in a namespace."""
    place = {"type": "NSID", "reference": namespace}
    ends = [
        {
            "name": name,
            "type": "VETH",
            "enabled": True,
            "namespace": place,
            "ipAddresses": [address],
            "veth": {"peerIfName": peer},
        }
        for name, peer, address in (("e1", "e2", "10.9.0.1/24"), ("e2", "e1", "10.9.0.2/24"))
    ]
    route = {"outgoingInterface": "e1", "scope": "LINK", "dstNetwork": "10.99.0.0/16"}
    arp = {"interface": "e1", "ipAddress": "10.9.0.9", "hwAddress": "02:00:00:00:00:09"}
    return {"linuxConfig": {"interfaces": ends, "routes": [route], "arpEntries": [arp]}}


def run(bench: Bench, story: Any) -> None:
    descriptors = linux.descriptors(kernel=bench.kernel)
    play(story, *descriptors, options={"implied": _implied})


def test_what_is_put_is_in_the_kernel_and_is_dumped_as_the_predecessor_does(bench: Bench) -> None:
    async def story(site: Site) -> None:
        reply = await site.ask("PUT", "/configuration", json.dumps(cable("n1")))
        assert reply.status == 200, reply

        assert {"e1", "e2"} <= bench.names("n1")
        interfaces = await site.data("/dump/linux/v2/interfaces")
        routes = await site.data("/dump/linux/v2/routes")
        arps = await site.data("/dump/linux/v2/arps")

        index = bench.link("n1", "e1")["ifindex"]
        first = interfaces[0]
        assert set(first) == {"interface", "interface_meta"}
        assert first["interface"]["type"] == 1
        assert first["interface"]["Link"] == {"Veth": {"peer_if_name": "e2"}}
        assert first["interface"]["ip_addresses"] == ["10.9.0.1/24"]
        assert first["interface_meta"]["linux_if_index"] == index
        (route,) = [one for one in routes if one["Route"]["dst_network"] == "10.99.0.0/16"]
        assert route["Meta"] == {"interface_index": index, "link_scope": 253, "table": 254}
        assert arps[0]["linux_arp"]["hw_address"] == "02:00:00:00:00:09"
        assert arps[0]["linux_arp_meta"]["interface_index"] == index

    run(bench, story)


def test_counters_are_those_of_the_kernel(bench: Bench) -> None:
    async def story(site: Site) -> None:
        await site.ask("PUT", "/configuration", json.dumps(cable("n1")))
        bench.ip("n1", "link", "set", "e1", "down")

        counted = await site.data("/stats/linux/interfaces")

        assert [one["interface_name"] for one in counted] == ["e1", "e2"]
        (told,) = [one for one in counted if one["interface_name"] == "e1"]
        assert set(told) == {
            *("interface_name", "interface_type", "linux_if_index", "rx_packets", "tx_packets"),
            *("rx_bytes", "tx_bytes", "rx_errors", "tx_errors", "rx_dropped", "tx_dropped"),
        }
        (shown,) = [one for one in bench.ip("n1", "-s", "link", "show") if one["ifname"] == "e1"]
        assert told["tx_packets"] == shown["stats64"]["tx"]["packets"]
        assert told["rx_bytes"] == shown["stats64"]["rx"]["bytes"]

    run(bench, story)


def test_a_resync_mends_the_kernel_and_values_are_dumped_with_metadata(bench: Bench) -> None:
    async def story(site: Site) -> None:
        await site.ask("PUT", "/configuration", json.dumps(cable("n1")))
        bench.ip("n1", "link", "delete", "e1")

        reply = await site.ask("POST", "/scheduler/downstream-resync")
        found = await site.data(f"/scheduler/dump?key-prefix={keys.INTERFACE}")

        assert reply.status == 200, reply
        assert {"e1", "e2"} <= bench.names("n1")
        by_key = {one["Key"]: one for one in found}
        one = by_key[keys.interface("e1")]
        assert one["Origin"] == 1
        assert one["Metadata"] == {
            "LinuxIfIndex": bench.link("n1", "e1")["ifindex"],
            "VPPTapName": "",
            "Namespace": {"reference": "n1"},
            "HostIfName": "e1",
            "VrfMasterIf": "",
            "VrfDevRT": 0,
        }

    run(bench, story)


def test_every_value_of_a_transaction_is_of_a_message_that_old_tools_know(bench: Bench) -> None:
    known = {
        "google.protobuf.Empty",
        "google.protobuf.Struct",
        "ligato.linux.interfaces.Interface",
        "ligato.linux.l3.ARPEntry",
        "ligato.linux.l3.Route",
    }

    async def story(site: Site) -> None:
        reply = await site.ask("PUT", "/configuration", json.dumps(cable("n1")))

        one = await site.data(f"/scheduler/txn-history?seq-num={reply.data['SeqNum']}")
        nodes = await site.data("/scheduler/graph-snapshot")

        values = [op["NewValue"] for op in one["Executed"]] + [node["Value"] for node in nodes]
        assert {value["ProtoMsgName"] for value in values} == known
        assert {op["Key"] for op in one["Executed"]} >= {keys.namespace("n1")}

    run(bench, story)
