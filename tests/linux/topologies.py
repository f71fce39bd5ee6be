# SPDX-License-Identifier: Apache-2.0
"""Random topologies as plain data, as a file has them: made of parts, each chosen by its seeds.

A part is what belongs together: a cable, a switch with its cables, links upon another one, a
chain of rules. What it is made of hangs on its own seeds alone, so one part can be taken away,
made anew or painted anew, and all others stay as they were.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

__all__ = ["OTHERS", "THEIRS", "Draft", "Part", "document", "drafts_of", "topology", "varied"]

# A namespace that others have made, and their interfaces in our own.
THEIRS = "theirs"
OTHERS = ("their0", "their1")

MAX_PLACES = 10
# Names in the kernel that parts quarrel about, now one's, now another's.
SHARED_NAMES = ("eth0", "eth1", "wan")
MTUS = (0, 0, 1400, 9000)
# What tells the interfaces of a part apart; its number ends each name.
LETTERS = "abcd"

Data = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Draft:
    """What a part is made of: its number, what it is (``shape``) and how it is set (``paint``)."""

    number: int
    shape: int = 0
    paint: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """Values that stay, change and go together; ``wire`` are the two ends that can talk."""

    draft: Draft
    interfaces: list[Data]
    routes: list[Data]
    neighbours: list[Data]
    chains: list[Data]
    wire: tuple[str, str] | None = None

    @property
    def size(self) -> int:
        """How many values there are, less those that they derive."""
        return sum(map(len, (self.interfaces, self.routes, self.neighbours, self.chains)))


def document(parts: Iterable[Part]) -> Data:
    """Return parts as one configuration file."""
    listed = list(parts)
    sections = {
        "interfaces": [one for part in listed for one in part.interfaces],
        "routes": [one for part in listed for one in part.routes],
        "arp_entries": [one for part in listed for one in part.neighbours],
        "rule_chains": [one for part in listed for one in part.chains],
    }
    return {"linux_config": {name: found for name, found in sections.items() if found}}


def drafts_of(seed: int, interfaces: int) -> list[Draft]:
    """Return as many drafts as it takes to have so many interfaces."""
    drafts: list[Draft] = []
    while sum(len(part.interfaces) for part in topology(seed, drafts)) < interfaces:
        drafts += [Draft(len(drafts) + more) for more in range(5)]
    return drafts


def varied(seed: int, drafts: Sequence[Draft]) -> list[Draft]:
    """Return drafts of which most stay, some change, some go, and some are new."""
    rng = random.Random(f"{seed}/varied")
    fates = rng.choices(("keep", "paint", "shape", "go"), (14, 3, 1, 2), k=len(drafts))
    found = [_varied(one, fate) for one, fate in zip(drafts, fates, strict=True)]
    new = [Draft(len(drafts) + more) for more in range(len(drafts) // 10)]
    return [one for one in (*found, *new) if one is not None]


def _varied(draft: Draft, fate: str) -> Draft | None:
    if fate == "go":
        return None
    if fate == "keep":
        return draft
    return dataclasses.replace(draft, **{fate: getattr(draft, fate) + 1})


def topology(seed: int, drafts: Iterable[Draft], *, has_filters: bool = True) -> list[Part]:
    """Return the parts that are drafted."""
    rng = random.Random(seed)
    named = [f"n{number}" for number in range(rng.randint(1, MAX_PLACES - 1))]
    taken: set[Any] = set()
    artists = (_Artist(seed, draft, ["", THEIRS, *named, *named], taken) for draft in drafts)
    return [one.part(has_filters=has_filters) for one in artists]


class _Artist:
    """Makes one part."""

    def __init__(self, seed: int, draft: Draft, places: Sequence[str], taken: set[Any]) -> None:
        self.draft = draft
        self.number = draft.number
        self.shape = random.Random(f"{seed}/{draft.number}/{draft.shape}")
        self.paint = random.Random(f"{seed}/{draft.number}/{draft.shape}/{draft.paint}")
        self.places = places
        self.taken = taken
        self.interfaces: list[Data] = []
        self.routes: list[Data] = []
        self.neighbours: list[Data] = []
        self.chains: list[Data] = []
        self.wire: tuple[str, str] | None = None

    def part(self, *, has_filters: bool) -> Part:
        makers: list[tuple[int, Callable[[], None]]] = [
            (8, self.cable),
            (4, self.switch),
            (6, self.stack),
            (2, self.tap),
            (2, self.vxlan),
            (1, self.loopback),
            (1, self.existing),
            (3 * has_filters, self.chain),
        ]
        weights, ways = zip(*makers, strict=True)
        (make,) = self.shape.choices(ways, weights)
        make()
        for interface in self.interfaces:
            if interface["type"] in {"VETH", "BRIDGE", "TAP"} and self.is_so(0.4):
                self.lead(interface)
        return Part(
            self.draft, self.interfaces, self.routes, self.neighbours, self.chains, self.wire
        )

    def is_so(self, chance: float) -> bool:
        return self.paint.random() < chance

    def place(self) -> str:
        return self.shape.choice(self.places)

    # Interfaces.

    def interface(self, what: str, kind: str, where: str, **more: Any) -> Data:
        """Return an interface of this part, with settings that any may have."""
        name = f"{what}{self.number}"
        made: Data = {"name": name, "type": kind, "enabled": self.is_so(0.9), **more}
        if where:
            made["namespace"] = {"type": "NSID", "reference": where}
        host_name = self.host_name(name, where)
        if host_name != name:
            made["host_if_name"] = host_name
        mtu = self.paint.choice(MTUS)
        if mtu and kind in {"VETH", "TAP"}:
            made["mtu"] = mtu
        if kind in {"VETH", "BRIDGE", "MACVLAN"} and self.is_so(0.3):
            made["phys_address"] = self.mac()
        if self.is_so(0.15):
            made["ipv4_forwarding"] = True
        self.interfaces.append(made)
        return made

    def host_name(self, name: str, where: str) -> str:
        chosen = self.shape.choice([name, name, f"x{name}", self.shape.choice(SHARED_NAMES)])
        found = name if (where, chosen) in self.taken else chosen
        self.taken.add((where, found))
        return found

    def mac(self) -> str:
        numbers = (self.number, len(self.interfaces), self.draft.shape, self.draft.paint)
        return "02:00:" + ":".join(f"{one & 255:02x}" for one in numbers)

    def address(self, interface: Data, net: int, host: int) -> None:
        """Give an interface addresses of a network: of one version or both, or several of one."""
        texts: list[str] = []
        if self.is_so(0.85):
            texts.append(f"10.{self.number}.{net}.{host}/24")
        if self.is_so(0.4):
            texts.append(f"fd00:{self.number:x}:{net:x}::{host:x}/64")
        if self.is_so(0.25):
            texts.append(f"10.{self.number}.{net}.{100 + host}/24")
        if self.is_so(0.15):
            texts.append(f"10.{self.number}.{100 + net}.{host}/{self.paint.choice([28, 31, 32])}")
        self.paint.shuffle(texts)
        interface["ip_addresses"] = texts

    def ends(self, what: str, here: str, there: str) -> tuple[Data, Data]:
        """Return both ends of a cable."""
        one = self.interface(f"{what}a", "VETH", here)
        other = self.interface(f"{what}b", "VETH", there)
        one["veth"] = {"peer_if_name": other["name"]}
        other["veth"] = {"peer_if_name": one["name"]}
        if self.is_so(0.1):
            one["veth"]["tx_checksum_offloading"] = "CHKSM_OFFLOAD_DISABLED"
        return one, other

    def cable(self) -> None:
        one, other = self.ends("c", self.place(), self.place())
        self.address(one, 0, 1)
        self.address(other, 0, 2)
        self.wire = (one["name"], other["name"])

    def switch(self) -> None:
        where = self.place()
        switch = self.interface("s", "BRIDGE", where)
        ports: list[Data] = []
        switch["bridge"] = options = {"stp": self.is_so(0.2), "ports": ports}
        if self.is_so(0.3):
            options["ageing_time_s"] = self.paint.choice([60, 600])
        if self.is_so(0.3):
            self.address(switch, 0, 99)
        far = []
        for number in range(self.shape.randint(1, 4)):
            near, other = self.ends(f"p{LETTERS[number]}", where, self.place())
            self.address(other, 0, 1 + number)
            far.append(other["name"])
            if self.is_so(0.9):
                ports.append({"name": near["name"]})
        if self.is_so(0.2):
            ports.append({"name": f"nowhere{self.number}"})
        is_whole = len(ports) >= len(far) > 1 and not options["stp"]
        if is_whole and all(one["enabled"] for one in self.interfaces):
            self.wire = (far[0], far[-1])

    def stack(self) -> None:
        """Links upon one end of a cable; those that take all of its packets share no parent."""
        parent, other = self.ends("c", self.place(), self.place())
        self.address(other, 0, 2)
        is_vxlan = self.shape.random() < 0.3
        for number in range(self.shape.randint(1, 3)):
            upper = self.upon(parent, number, is_vxlan=is_vxlan)
            if self.is_so(0.3):
                upper["mtu"] = 1300
            self.address(upper, 1 + number, 1)

    def upon(self, parent: Data, number: int, *, is_vxlan: bool) -> Data:
        if is_vxlan:
            upper = self.interface(f"v{LETTERS[number]}", "VXLAN", self.place())
            upper["vxlan"] = self.tunnel(number, parent["name"])
            return upper
        mode = self.paint.choice(["BRIDGE", "PRIVATE", "VEPA"])
        options = {"parent_if_name": parent["name"], "mode": mode}
        return self.interface(f"m{LETTERS[number]}", "MACVLAN", self.place(), macvlan=options)

    def tunnel(self, number: int, parent: str = "") -> Data:
        options: Data = {
            "vni": 1000 * number + self.number,
            "src_addr": f"10.{self.number}.0.1",
            "dst_addr": f"10.{self.number}.0.2",
            "ttl": self.paint.choice([0, 5, 64]),
            "no_learning": self.is_so(0.5),
        }
        if parent:
            options["parent_if_name"] = parent
            if self.is_so(0.3):
                del options["src_addr"]
                options["dst_addr"] = f"239.0.{number}.{self.number}"
        if self.is_so(0.3):
            options["dst_port"] = 4790
        return options

    def vxlan(self) -> None:
        made = self.interface("v", "VXLAN", self.place(), vxlan=self.tunnel(0))
        self.address(made, 0, 1)

    def tap(self) -> None:
        mode = self.shape.choice(["TAP", "TUN"])
        made = self.interface("t", "TAP", self.place(), tuntap={"mode": mode})
        if self.is_so(0.3):
            made["tuntap"]["user"] = 5
        self.address(made, 0, 1)

    def loopback(self) -> None:
        where = self.place()
        if ("lo", where) in self.taken:
            self.cable()
            return
        self.taken.add(("lo", where))
        made: Data = {"name": f"lo{self.number}", "type": "LOOPBACK", "enabled": self.is_so(0.8)}
        if where:
            made["namespace"] = {"type": "NSID", "reference": where}
        if self.is_so(0.3):
            made["mtu"] = 9000
        made["ip_addresses"] = [f"10.{self.number}.0.{host}/32" for host in (1, 2)]
        self.interfaces.append(made)

    def existing(self) -> None:
        name = next((one for one in OTHERS if one not in self.taken), None)
        if name is None:
            self.cable()
            return
        self.taken.add(name)
        made: Data = {"name": f"e{self.number}", "type": "EXISTING", "host_if_name": name}
        made["enabled"] = True
        if self.is_so(0.5):
            made["mtu"] = 1350
        if self.is_so(0.5):
            made["phys_address"] = self.mac()
        self.address(made, 0, 1)
        self.interfaces.append(made)

    # Over interfaces.

    def lead(self, interface: Data) -> None:
        """Add routes over an interface, some of which have to wait, and fixed neighbours."""
        name, count = interface["name"], len(self.routes)
        for number in range(count, count + self.paint.randint(1, 3)):
            self.routes.append({"outgoing_interface": name, **self.route(number)})
        first, last = self.routes[count], self.routes[-1]
        is_old = all(one["dst_network"].startswith("172.") for one in (first, last))
        if first is not last and is_old and self.is_so(0.5):
            # Reached by way of the first of them, if that is a link route.
            through = first["dst_network"].removesuffix(".0/24")
            last.update(gw_addr=f"{through}.7", scope="GLOBAL")
        if interface["type"] == "VETH" and self.is_so(0.5):
            texts = [f"10.{self.number}.0.{200 + count}", f"fd00:{self.number:x}::{200 + count:x}"]
            for text in self.paint.sample(texts, self.paint.randint(1, 2)):
                entry = {"interface": name, "ip_address": text, "hw_address": self.mac()}
                self.neighbours.append(entry)

    def route(self, number: int) -> Data:
        if self.is_so(0.2):
            made: Data = {"dst_network": f"fd99:{self.number:x}:{number:x}::/64"}
            if self.is_so(0.5):
                made["gw_addr"] = f"fd00:{self.number:x}:0::250"
            return made
        made = {"dst_network": f"172.{16 + number}.{self.number}.0/24"}
        way = self.paint.choice(["link", "site", "host", "global", "gateway", "far", "default"])
        if way in {"link", "site", "host", "global"}:
            made["scope"] = way.upper()
        else:
            made["gw_addr"] = f"10.{self.number}.0.250" if way != "far" else "192.168.9.9"
        if way == "default" and number == 0:
            made.update(dst_network="0.0.0.0/0", metric=1 + self.number)
        elif self.is_so(0.3):
            made["metric"] = self.paint.choice([5, 100])
        return made

    # Packet filters.

    def chain(self) -> None:
        where = self.place()
        table, kind = self.shape.choice(
            [("FILTER", "INPUT"), ("FILTER", "FORWARD"), ("NAT", "POSTROUTING")]
        )
        protocol = self.shape.choice(["IPV4", "IPV4", "IPV6"])
        if (where, protocol, table, kind) in self.taken:
            self.cable()
            return
        self.taken.add((where, protocol, table, kind))
        made = self.chain_at(where, table, protocol, f"g{self.number}")
        made["chain_type"] = kind
        if kind == "FORWARD" and self.is_so(0.5):
            made["default_policy"] = "DROP"
        if self.is_so(0.5):
            custom = self.chain_at(where, table, protocol, f"k{self.number}")
            custom.update(chain_type="CUSTOM", chain_name=custom["name"])
            made["rules"].append(f"-p tcp -j {custom['name']}")

    def chain_at(self, where: str, table: str, protocol: str, name: str) -> Data:
        """Return a chain that decides nothing about packets of ours, in iptables-save's words."""
        rules = []
        for number in range(self.paint.randint(0, 3)):
            is_new = protocol == "IPV6"
            source = f"2001:db8::{number + 1}5/128" if is_new else f"203.0.113.{number}/32"
            match = self.paint.choice([f"-s {source}", f"-p tcp -m tcp --dport 8{number}"])
            target = "RETURN" if table == "NAT" else self.paint.choice(["DROP", "RETURN"])
            rules.append(f"{match} -j {target}")
        made: Data = {"name": name, "table": table, "protocol": protocol, "rules": rules}
        if where:
            made["namespace"] = {"type": "NSID", "reference": where}
        self.chains.append(made)
        return made
