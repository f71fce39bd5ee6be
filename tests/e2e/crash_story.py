# SPDX-License-Identifier: Apache-2.0
"""The topologies that are brought about when kvsctl is killed, and what iproute2 has to see."""

from __future__ import annotations

import dataclasses
import itertools
import json
from typing import Any

from tests.machine import Machine

__all__ = ["EMPTY", "FIRST", "SECOND", "STRANGERS", "Stage", "seen", "settle_strangers"]

# Others' work: a bridge, addresses and routes where ours come to be as well, and two namespaces.
SETTLE = """
set -e
for name in shared theirs; do ip netns add $name; done
for enter in '' 'ip netns exec shared' 'ip netns exec theirs'; do
    $enter ip link add their0 type bridge
    $enter ip address add 192.0.2.1/24 dev their0
    $enter ip address add 2001:db8:5::1/64 dev their0 nodad
    $enter ip link set their0 up
    $enter ip route add 198.51.100.0/24 via 192.0.2.9
    $enter ip route add 2001:db8:6::/64 via 2001:db8:5::9
done
"""

THEIRS = """
link their0 mtu 1500
address their0 192.0.2.1/24
address their0 2001:db8:5::1/64
route 198.51.100.0/24 via 192.0.2.9 dev their0
route 2001:db8:6::/64 via 2001:db8:5::9 dev their0
"""

LOOK = """
set -e
show() {
    echo "$1"
    $2 ip -j -d link show
    $2 ip -j address show
    $2 ip -j -4 route show
    $2 ip -j -6 route show
}
show host ''
for name in $(ls /run/netns); do show $name "nsenter --net=/run/netns/$name"; done
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A configuration, and what stands once it is applied, as ``seen`` tells it.

    ``reachable`` are pairs of a namespace and an address that answers from there.
    """

    name: str
    configuration: str
    stands: frozenset[str]
    reachable: tuple[tuple[str, str], ...] = ()


def _lines(where: str, text: str) -> frozenset[str]:
    return frozenset(f"{where}: {line}" for line in text.split("\n") if line)


STRANGERS = frozenset(
    {"shared:", "theirs:"}.union(
        *(_lines(where, THEIRS) for where in ("host", "shared", "theirs"))
    )
)

EMPTY = Stage(name="empty", configuration="linuxConfig: {}\n", stands=STRANGERS)

FIRST = Stage(
    name="first",
    configuration="""
linuxConfig:
  interfaces:
    - {name: a0, type: VETH, enabled: true, namespace: {type: NSID, reference: left},
       ip_addresses: [10.9.0.1/24, "2001:db8:9::1/64"], veth: {peer_if_name: a1}}
    - {name: a1, type: VETH, enabled: true, namespace: {type: NSID, reference: right},
       ip_addresses: [10.9.0.2/24, "2001:db8:9::2/64"], veth: {peer_if_name: a0}}
    - {name: up0, type: VETH, enabled: true,
       ip_addresses: [10.8.0.1/24], veth: {peer_if_name: up1}}
    - {name: up1, type: VETH, enabled: true, namespace: {type: NSID, reference: left},
       ip_addresses: [10.8.0.2/24], veth: {peer_if_name: up0}}
    - {name: p0, type: VETH, enabled: true, namespace: {type: NSID, reference: right},
       veth: {peer_if_name: p1}}
    - {name: p1, type: VETH, enabled: true, namespace: {type: NSID, reference: shared},
       ip_addresses: [10.7.0.2/24], veth: {peer_if_name: p0}}
    - {name: lan, type: BRIDGE, enabled: true, namespace: {type: NSID, reference: right},
       ip_addresses: [10.7.0.1/24, "2001:db8:7::1/64"], bridge: {ports: [{name: p0}]}}
  routes:
    - {outgoing_interface: a0, dst_network: 10.20.0.0/16, gw_addr: 10.9.0.2}
    - {outgoing_interface: a0, dst_network: "2001:db8:20::/48", gw_addr: "2001:db8:9::2"}
    - {outgoing_interface: up0, dst_network: 10.9.0.0/24, gw_addr: 10.8.0.2}
    - {outgoing_interface: p1, dst_network: 10.9.0.0/24, gw_addr: 10.7.0.1}
""",
    stands=STRANGERS
    | {"left:", "right:"}
    | _lines(
        "host",
        """
link up0 mtu 1500
address up0 10.8.0.1/24
route 10.9.0.0/24 via 10.8.0.2 dev up0
""",
    )
    | _lines(
        "left",
        """
link a0 mtu 1500
link up1 mtu 1500
address a0 10.9.0.1/24
address a0 2001:db8:9::1/64
address up1 10.8.0.2/24
route 10.20.0.0/16 via 10.9.0.2 dev a0
route 2001:db8:20::/48 via 2001:db8:9::2 dev a0
""",
    )
    | _lines(
        "right",
        """
link a1 mtu 1500
link lan mtu 1500
link p0 mtu 1500 in lan
address a1 10.9.0.2/24
address a1 2001:db8:9::2/64
address lan 10.7.0.1/24
address lan 2001:db8:7::1/64
""",
    )
    | _lines(
        "shared",
        """
link p1 mtu 1500
address p1 10.7.0.2/24
route 10.9.0.0/24 via 10.7.0.1 dev p1
""",
    ),
    reachable=(("left", "10.9.0.2"), ("left", "10.8.0.1")),
)

# Changed: a0, a route. Recreated: up0 and up1, which is to be elsewhere. Gone: p0, p1, the route
# over it, an address of the bridge. New: q0 and q1 and a namespace.
SECOND = Stage(
    name="second",
    configuration="""
linuxConfig:
  interfaces:
    - {name: a0, type: VETH, enabled: true, namespace: {type: NSID, reference: left}, mtu: 1400,
       ip_addresses: [10.9.0.3/24, "2001:db8:9::1/64"], veth: {peer_if_name: a1}}
    - {name: a1, type: VETH, enabled: true, namespace: {type: NSID, reference: right},
       ip_addresses: [10.9.0.2/24, "2001:db8:9::2/64"], veth: {peer_if_name: a0}}
    - {name: up0, type: VETH, enabled: true,
       ip_addresses: [10.8.0.1/24], veth: {peer_if_name: up1}}
    - {name: up1, type: VETH, enabled: true, namespace: {type: NSID, reference: shared},
       ip_addresses: [10.8.0.2/24], veth: {peer_if_name: up0}}
    - {name: q0, type: VETH, enabled: true, namespace: {type: NSID, reference: right},
       veth: {peer_if_name: q1}}
    - {name: q1, type: VETH, enabled: true, namespace: {type: NSID, reference: far},
       ip_addresses: ["2001:db8:7::2/64"], veth: {peer_if_name: q0}}
    - {name: lan, type: BRIDGE, enabled: true, namespace: {type: NSID, reference: right},
       ip_addresses: ["2001:db8:7::1/64"], bridge: {ports: [{name: q0}]}}
  routes:
    - {outgoing_interface: a0, dst_network: 10.20.0.0/16, gw_addr: 10.9.0.7}
    - {outgoing_interface: up0, dst_network: 10.9.0.0/24, gw_addr: 10.8.0.2}
    - {outgoing_interface: q1, dst_network: "2001:db8:9::/64", gw_addr: "2001:db8:7::1"}
""",
    stands=STRANGERS
    | {"far:", "left:", "right:"}
    | _lines(
        "host",
        """
link up0 mtu 1500
address up0 10.8.0.1/24
route 10.9.0.0/24 via 10.8.0.2 dev up0
""",
    )
    | _lines(
        "left",
        """
link a0 mtu 1400
address a0 10.9.0.3/24
address a0 2001:db8:9::1/64
route 10.20.0.0/16 via 10.9.0.7 dev a0
""",
    )
    | _lines(
        "right",
        """
link a1 mtu 1500
link lan mtu 1500
link q0 mtu 1500 in lan
address a1 10.9.0.2/24
address a1 2001:db8:9::2/64
address lan 2001:db8:7::1/64
""",
    )
    | _lines(
        "shared",
        """
link up1 mtu 1500
address up1 10.8.0.2/24
""",
    )
    | _lines(
        "far",
        """
link q1 mtu 1500
address q1 2001:db8:7::2/64
route 2001:db8:9::/64 via 2001:db8:7::1 dev q1
""",
    ),
    reachable=(("left", "10.9.0.2"), ("shared", "10.8.0.1")),
)


def settle_strangers(machine: Machine) -> None:
    """Put into a machine what must not be touched."""
    done = machine.run("sh", "-c", SETTLE)
    assert done.returncode == 0, done.stderr


def seen(machine: Machine) -> frozenset[str]:
    """Return what iproute2 sees in all namespaces, less what the kernel makes by itself.

    A line for each namespace but the machine's own, for each link, address and route.
    """
    shown = machine.run("sh", "-c", LOOK)
    assert shown.returncode == 0, shown.stderr
    lines = iter(shown.stdout.splitlines())
    found: set[str] = set()
    for where in lines:
        if where != "host":
            found.add(f"{where}:")
        links, addresses, *routes = (json.loads(next(lines)) for _ in range(4))
        found.update(f"{where}: {line}" for line in map(_link, links) if line)
        found.update(f"{where}: {line}" for one in addresses for line in _addresses(one))
        found.update(
            f"{where}: {_route(one)}" for one in itertools.chain(*routes) if _is_made(one)
        )
    return frozenset(found)


def _link(one: dict[str, Any]) -> str:
    if one["ifname"] == "lo":
        return ""
    # What is out of the ordinary shows, and so does a link that is half-made.
    odd = "" if "UP" in one["flags"] else " down"
    odd += "" if one["group"] == "default" else f" group {one['group']}"
    within = f" in {one['master']}" if "master" in one else ""
    return f"link {one['ifname']} mtu {one['mtu']}{odd}{within}"


def _addresses(one: dict[str, Any]) -> list[str]:
    return [
        f"address {one['ifname']} {each['local']}/{each['prefixlen']}"
        for each in one["addr_info"]
        if each["scope"] == "global"
    ]


def _is_made(route: dict[str, Any]) -> bool:
    return route.get("protocol") != "kernel" and "gateway" in route


def _route(one: dict[str, Any]) -> str:
    return f"route {one['dst']} via {one['gateway']} dev {one['dev']}"
