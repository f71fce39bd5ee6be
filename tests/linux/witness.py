# SPDX-License-Identifier: Apache-2.0
"""A witness: reads a configuration as plain data, and says what ip and iptables-save must show.

It shares no code with what is tested: it knows the documents, and how iproute2 writes things.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from tests.linux.showing import Place, Shown

__all__ = ["Witness"]

Data = Mapping[str, Any]

KINDS = {"VETH": "veth", "BRIDGE": "bridge", "TAP": "tun", "VXLAN": "vxlan", "MACVLAN": "macvlan"}
SCOPES = {"GLOBAL": "global", "SITE": "site", "LINK": "link", "HOST": "host"}
BUILT_IN_POLICY = "ACCEPT"
IPV4, IPV6 = 4, 6


def place_of(one: Data) -> str:
    return str(one.get("namespace", {}).get("reference", ""))


def host_name(one: Data) -> str:
    return "lo" if one["type"] == "LOOPBACK" else str(one.get("host_if_name", one["name"]))


@dataclasses.dataclass(frozen=True)
class Witness:
    """Tells what is to be seen of a configuration, among what others had before (``before``)."""

    data: Data
    owner: str
    before: Shown

    def _section(self, name: str) -> list[Data]:
        return list(self.data["linux_config"].get(name, []))

    @property
    def _interfaces(self) -> dict[str, Data]:
        return {one["name"]: one for one in self._section("interfaces")}

    def places(self) -> set[str]:
        """Return the names of all namespaces that there must be."""
        inside = (*self._section("interfaces"), *self._section("rule_chains"))
        return {place_of(one) for one in inside} - {""} | self.before.places

    def expected(self) -> Shown:
        """Return what must be shown."""
        links = dict(self.before.links)
        for one in self._section("interfaces"):
            place = (place_of(one), host_name(one))
            links[place] = {**links.get(place, {}), **self._link(one)}
            # On what is lent to us is noted how it was.
            links[place].pop("other_names", None)
        for name in self.places():
            links.setdefault((name, "lo"), {"is_up": True})
        return Shown(
            places=self.places(),
            links=links,
            routes=self.before.routes | self._routes(),
            neighbours=self.before.neighbours | self._neighbours(),
            chains={**self.before.chains, **self._chains()},
        )

    # Interfaces.

    def _link(self, one: Data) -> dict[str, Any]:
        """Return what must be shown of a link; of what a configuration leaves open, nothing."""
        kind = one["type"]
        found: dict[str, Any] = {"addresses": self._addresses(one)}
        if kind != "EXISTING":
            found["is_up"] = one.get("enabled", False)
        if kind in KINDS:
            found["kind"] = KINDS[kind]
            found["alias"] = f"{self.owner}:{one['name']}"
            found["group"] = "default"
            found["master"] = self._master(one)
        default = {"VETH": 1500, "TAP": 1500, "LOOPBACK": 65536}.get(kind)
        if mtu := one.get("mtu", default):
            found["mtu"] = mtu
        if mac := one.get("phys_address"):
            found["mac"] = mac
        if kind not in {"LOOPBACK", "EXISTING"}:
            found["forwards"] = one.get("ipv4_forwarding", False)
        return {**found, **self._options(one)}

    def _options(self, one: Data) -> dict[str, Any]:
        """Return what a link of this kind shows beyond what all links do."""
        tellers = {
            "VETH": self._veth,
            "MACVLAN": self._macvlan,
            "BRIDGE": self._bridge,
            "TAP": self._tap,
            "VXLAN": self._vxlan,
        }
        tell = tellers.get(one["type"])
        return tell(one) if tell else {}

    def _addresses(self, one: Data) -> frozenset[str]:
        texts = [str(ipaddress.ip_interface(text)) for text in one.get("ip_addresses", ())]
        if one["type"] == "EXISTING":
            there = self.before.links["", host_name(one)]["addresses"]
            return frozenset([*texts, *there])
        return frozenset(texts)

    def _master(self, one: Data) -> str | None:
        for other in self._section("interfaces"):
            ports = [port["name"] for port in other.get("bridge", {}).get("ports", ())]
            if one["name"] in ports and place_of(one) == place_of(other):
                return host_name(other)
        return None

    def _where(self, name: str) -> Place:
        one = self._interfaces[name]
        return place_of(one), host_name(one)

    def _veth(self, one: Data) -> dict[str, Any]:
        return {"upon": {self._where(one["veth"]["peer_if_name"])}}

    def _macvlan(self, one: Data) -> dict[str, Any]:
        part = one["macvlan"]
        return {"upon": {self._where(part["parent_if_name"])}, "its mode": part["mode"].lower()}

    def _bridge(self, one: Data) -> dict[str, Any]:
        part = one["bridge"]
        ageing = part.get("ageing_time_s", 300)
        return {"its stp_state": int(part["stp"]), "its ageing_time": 100 * ageing}

    def _tap(self, one: Data) -> dict[str, Any]:
        part = one["tuntap"]
        return {"its type": part["mode"].lower(), "has_user": "user" in part}

    def _vxlan(self, one: Data) -> dict[str, Any]:
        part = one["vxlan"]
        is_group = ipaddress.ip_address(part["dst_addr"]).is_multicast
        found = {
            "its id": part["vni"],
            "its group" if is_group else "its remote": part["dst_addr"],
            "its local": part.get("src_addr"),
            "its port": part.get("dst_port", 4789),
            "its ttl": part["ttl"],
            "its learning": not part["no_learning"],
        }
        parent = part.get("parent_if_name")
        # Of a parent elsewhere ip shows a number, which may be anybody's.
        if parent and self._where(parent)[0] == place_of(one):
            found["its link"] = self._where(parent)[1]
        return found

    # Over interfaces.

    def _has_address(self, out: str, version: int) -> bool:
        """Tell whether an interface is up, and has an address that counts for a version."""
        one = self._interfaces.get(out)
        if one is None or not one.get("enabled"):
            return False
        known = [ipaddress.ip_interface(text).version for text in one.get("ip_addresses", ())]
        return bool(known) and (version == IPV6 or IPV4 in known)

    def _routes(self) -> frozenset[tuple[Any, ...]]:
        stand = [one for one in self._section("routes") if self._may_stand(one)]
        near = {
            (one["outgoing_interface"], ipaddress.ip_network(one["dst_network"]))
            for one in stand
            if not one.get("gw_addr") and one.get("scope", "LINK") == "LINK"
        }
        return frozenset(self._route(one) for one in stand if self._is_in_reach(one, near))

    def _may_stand(self, one: Data) -> bool:
        version = ipaddress.ip_network(one["dst_network"]).version
        return self._has_address(one["outgoing_interface"], version)

    def _is_in_reach(self, one: Data, near: Iterable[tuple[str, Any]]) -> bool:
        if not one.get("gw_addr"):
            return True
        gateway, out = ipaddress.ip_address(one["gw_addr"]), one["outgoing_interface"]
        texts = self._interfaces[out]["ip_addresses"]
        around = [ipaddress.ip_interface(text).network for text in texts]
        around += [network for name, network in near if name == out]
        return any(gateway in network for network in around)

    def _route(self, one: Data) -> tuple[Any, ...]:
        place, name = self._where(one["outgoing_interface"])
        network = ipaddress.ip_network(one["dst_network"])
        gateway = one.get("gw_addr")
        is_new = network.version == IPV6
        scope = SCOPES[one.get("scope", "GLOBAL" if gateway else "LINK")]
        return (
            place,
            name,
            str(network),
            str(ipaddress.ip_address(gateway)) if gateway else None,
            one.get("metric", 1024 if is_new else 0),
            "global" if is_new else scope,
        )

    def _neighbours(self) -> frozenset[tuple[Any, ...]]:
        return frozenset(
            (*self._where(one["interface"]), str(address), one["hw_address"])
            for one in self._section("arp_entries")
            for address in [ipaddress.ip_address(one["ip_address"])]
            if self._has_address(one["interface"], address.version)
        )

    # Packet filters.

    def _chains(self) -> dict[tuple[str, ...], tuple[str, ...]]:
        """Return policies and rules by namespace, family, table and chain."""
        found: dict[tuple[str, ...], tuple[str, ...]] = {}
        for one in self._section("rule_chains"):
            where = (place_of(one), one["protocol"], one["table"].lower())
            mark = f"{self.owner}:{one['name']}"
            if one["chain_type"] == "CUSTOM":
                found[*where, one["chain_name"]] = (mark, "-", *one["rules"])
            else:
                policy = one.get("default_policy", BUILT_IN_POLICY)
                place = (*where, one["chain_type"])
                # Others' rules come after those of ours, which lead to a chain of its own.
                theirs = self.before.chains.get(place, ("", ""))[2:]
                found[place] = (mark, policy, *one["rules"], *theirs)
        return found
