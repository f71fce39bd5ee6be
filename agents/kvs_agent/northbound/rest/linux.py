# SPDX-License-Identifier: Apache-2.0
"""Linux networking as the kernel has it now: interfaces, routes, neighbours, and counters."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any, Final

from kvs_agent.northbound.access import Role
from kvs_descriptors.linux import InterfaceDescriptor, Link, keys
from kvscheduler import Retrieved

from . import schemas
from .endpoint import JSON, Answer, Call, Endpoint
from .go_json import go_json
from .scheduler_values import retrieved

__all__ = ["ENDPOINTS"]

INTERFACES: Final = "linux-interface"
# rtnetlink(7): what routes are that nothing more is known of.
_MAIN_TABLE: Final = 254
_SCOPES: Final = {0: 0, 1: 0, 2: 200, 3: 253, 4: 254}


async def interfaces(call: Call) -> Answer:
    """Return the interfaces that are wanted or made, as they are."""
    found = await _retrieved(call, keys.INTERFACE)
    return Answer([_interface(one) for one in found.values()], is_large=True)


def _interface(one: Retrieved) -> dict[str, Any]:
    link = one.metadata
    meta: dict[str, Any] = {}
    if isinstance(link, Link):
        meta = {"linux_if_index": link.index, "encapsulation": "ether"}
        if link.namespace:
            meta["namespace"] = link.namespace
    return {"interface": go_json(one.value), "interface_meta": meta}


async def routes(call: Call) -> Answer:
    """Return the routes of these interfaces."""
    found = await _retrieved(call, keys.ROUTE)
    indexes = _indexes(call)
    listed = [
        {
            "Route": go_json(one.value),
            "Meta": {
                "interface_index": indexes.get(one.value.outgoing_interface, 0),
                "link_scope": _SCOPES.get(one.value.scope, 0),
                "table": _MAIN_TABLE,
            },
        }
        for one in found.values()
    ]
    return Answer(listed, is_large=True)


async def arps(call: Call) -> Answer:
    """Return the fixed neighbours of these interfaces."""
    found = await _retrieved(call, keys.ARP)
    indexes = _indexes(call)
    listed = [
        {
            "linux_arp": go_json(one.value),
            "linux_arp_meta": {
                "interface_index": indexes.get(one.value.interface, 0),
                "ip_family": _family(one.value.ip_address),
                "vni": 0,
            },
        }
        for one in found.values()
    ]
    return Answer(listed, is_large=True)


def _family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


async def _retrieved(call: Call, prefix: str) -> Mapping[str, Retrieved]:
    with call.service.calls.timed("Dump"):
        return await retrieved(call.service.core.scheduler, prefix)


def _links(call: Call) -> dict[str, Link]:
    scheduler = call.service.core.scheduler
    try:
        known = scheduler.metadata(INTERFACES)
    except KeyError:
        return {}
    return {name: link for name, link in known.items() if isinstance(link, Link)}


def _indexes(call: Call) -> dict[str, int]:
    return {name: link.index for name, link in _links(call).items()}


async def statistics(call: Call) -> Answer:
    """Return how much each interface has sent and received."""
    scheduler = call.service.core.scheduler
    found = [one for one in scheduler.descriptors if isinstance(one, InterfaceDescriptor)]
    counted = await found[0].counters() if found else {}
    links, values = _links(call), scheduler.values(keys.INTERFACE, "configured")
    return Answer(
        [
            {
                "interface_name": name,
                "interface_type": getattr(values.get(keys.interface(name)), "type", 0),
                "linux_if_index": links[name].index,
                **counters,
            }
            for name, counters in sorted(counted.items())
            if name in links
        ]
    )


def _endpoint(path: str, summary: str, handler: Any, group: str) -> Endpoint:
    return Endpoint(
        method="GET",
        path=path,
        role=Role.READ,
        group=group,
        summary=summary,
        handler=handler,
        answers={200: (JSON, {"type": "array", "items": schemas.OBJECT})},
    )


ENDPOINTS: Final = (
    _endpoint(
        "/dump/linux/v2/interfaces", "Interfaces as the kernel has them", interfaces, "Linux"
    ),
    _endpoint("/dump/linux/v2/routes", "Routes as the kernel has them", routes, "Linux"),
    _endpoint("/dump/linux/v2/arps", "Fixed neighbours as the kernel has them", arps, "Linux"),
    _endpoint(
        "/stats/linux/interfaces",
        "How much each interface has sent and received",
        statistics,
        "Stats",
    ),
)
