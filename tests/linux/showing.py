# SPDX-License-Identifier: Apache-2.0
"""What ip and iptables-save show of a whole machine: its own namespace, and a folder of others."""

from __future__ import annotations

import collections
import dataclasses
import ipaddress
import json
import re
import shlex
import subprocess
from collections.abc import Mapping
from typing import Any

from tests.linux.bench import Bench

__all__ = ["BUILT_IN", "Place", "Shown", "differences", "raw", "shown"]

Place = tuple[str, str]

END = "=== end of a command"
COMMANDS = (
    "ip -j -d address show",
    "ip -j -d route show table all",
    "ip -j -d neigh show nud permanent",
    "ip -j netconf show",
)
SAVES = {"IPV4": "iptables-save", "IPV6": "ip6tables-save"}
RAW = ("ip -j -d link show", "ip -j -d address show", "ip -j -d route show table all")
# What the kernel gives a namespace or a link by itself.
OWN_ADDRESSES = frozenset({"127.0.0.1/8", "::1/128"})
BUILT_IN = frozenset({"INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING"})


@dataclasses.dataclass(frozen=True)
class Shown:
    """Everything that can be configured, in a form that can be compared."""

    places: frozenset[str] | set[str] = frozenset()
    links: Mapping[Place, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    routes: frozenset[tuple[Any, ...]] = frozenset()
    neighbours: frozenset[tuple[Any, ...]] = frozenset()
    chains: Mapping[tuple[str, ...], tuple[str, ...]] = dataclasses.field(default_factory=dict)


def differences(expected: Shown, there: Shown) -> list[str]:
    """Return in words what is not as it must be; of a link, only what is said of it counts."""
    pairs = [
        ("namespace", expected.places, there.places),
        ("link", expected.links.keys(), there.links.keys()),
        ("route", expected.routes, there.routes),
        ("neighbour", expected.neighbours, there.neighbours),
        ("chain", set(expected.chains.items()), set(there.chains.items())),
    ]
    found = [
        f"{word} {what}: {one}"
        for what, wanted, seen in pairs
        for word, ones in (("missing", wanted - seen), ("extra", seen - wanted))
        for one in sorted(ones, key=str)
    ]
    for place in expected.links.keys() & there.links.keys():
        wanted, seen = expected.links[place], there.links[place]
        found += [
            f"{place}: {name} is {seen.get(name)}, not {value}"
            for name, value in wanted.items()
            # What is beneath a link may be one of several, by all that ip tells.
            if not (value <= seen[name] if name == "upon" else seen.get(name) == value)
        ]
    return found


def raw(bench: Bench, place: str = "") -> dict[str, str]:
    """Return what ip shows of a namespace, byte for byte, and what the folder holds."""
    found = dict(zip(RAW, _run(bench, place, RAW), strict=True))
    return {**found, "namespaces": " ".join(sorted(bench.listing()))}


def _run(bench: Bench, place: str, commands: tuple[str, ...]) -> list[str]:
    script = f"\necho '{END}'\n".join(commands)
    enter = ["nsenter", f"--net={bench.path(place)}"] if place else []
    command = [*enter, "sh", "-ec", script]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.split(f"{END}\n")


def shown(bench: Bench, *, has_filters: bool = True) -> Shown:
    """Return what is to be seen in all namespaces."""
    saves = tuple(SAVES.values()) if has_filters else ()
    places = sorted(["", *bench.listing()])
    told = {place: _run(bench, place, COMMANDS + saves) for place in places}
    parsed = {place: [json.loads(text or "[]") for text in told[place][:4]] for place in places}
    found = _Links({place: one[0] for place, one in parsed.items()})
    for place, (_, _, _, configured) in parsed.items():
        found.learn_forwarding(place, configured)
    return Shown(
        places=set(bench.listing()),
        links=found.told,
        routes=frozenset(r for place, one in parsed.items() for r in _routes(place, one[1])),
        neighbours=frozenset(
            (place, one["dev"], one["dst"], one["lladdr"])
            for place, parts in parsed.items()
            for one in parts[2]
        ),
        chains={
            key: rules
            for place in places
            for family, text in zip(SAVES, told[place][4:], strict=False)
            for key, rules in _chains(place, family, text).items()
        },
    )


class _Links:
    """Links of all namespaces, of which some are tied to others."""

    def __init__(self, found: Mapping[str, list[dict[str, Any]]]) -> None:
        self._by_index: dict[int, list[Place]] = collections.defaultdict(list)
        for place, links in found.items():
            for one in links:
                self._by_index[one["ifindex"]].append((place, one["ifname"]))
        self._found = {(p, one["ifname"]): one for p in found for one in found[p]}
        self.told = {place: self._link(place[0], one) for place, one in self._found.items()}

    def learn_forwarding(self, place: str, configured: list[dict[str, Any]]) -> None:
        for one in configured:
            link = self.told.get((place, one["interface"]))
            if link is not None and one["family"] == "inet":
                link["forwards"] = one["forwarding"]

    def _link(self, place: str, one: Mapping[str, Any]) -> dict[str, Any]:
        info = one.get("linkinfo", {})
        data = info.get("info_data", {})
        texts = (
            f"{address['local']}/{address['prefixlen']}"
            for address in one["addr_info"]
            if not (address["family"] == "inet6" and address["scope"] == "link")
        )
        found = {
            "index": one["ifindex"],
            "kind": info.get("info_kind"),
            "is_up": "UP" in one["flags"],
            "mtu": one["mtu"],
            "mac": one.get("address"),
            "alias": one.get("ifalias"),
            "group": one["group"],
            "master": one.get("master"),
            "other_names": tuple(one.get("altnames", ())),
            "addresses": frozenset(texts) - OWN_ADDRESSES,
            "upon": self._upon(place, one),
            "has_user": "user" in data,
        }
        return {**{f"its {name}": value for name, value in data.items()}, **found}

    def _upon(self, place: str, one: Mapping[str, Any]) -> frozenset[Place]:
        """Return what may be the other end, or the link beneath: ip may tell a number only."""
        if "link" in one:
            return frozenset({(place, one["link"])})
        return frozenset(
            (there, name)
            for there, name in self._by_index.get(one.get("link_index", 0), ())
            if there != place and _tied(one, self._found[there, name])
        )


def _tied(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two marks are those of one part; ends of a cable tell of each other, too."""
    if one["linkinfo"].get("info_kind") == "veth" and other.get("link_index") != one["ifindex"]:
        return False
    numbers = [re.search(r"\d+$", each.get("ifalias", "")) for each in (one, other)]
    return None not in numbers and len({each[0] for each in numbers if each}) == 1


def _routes(place: str, listed: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (
            place,
            one["dev"],
            _network(one),
            one.get("gateway"),
            one.get("metric", 0),
            one["scope"],
        )
        for one in listed
        if one["protocol"] not in {"kernel", "ra"}
    ]


def _network(one: Mapping[str, Any]) -> str:
    if one["dst"] == "default":
        return "0.0.0.0/0"
    return str(ipaddress.ip_network(one["dst"]))


def _chains(place: str, family: str, text: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return mark, policy and rules of each chain that has any, in its kernel's order.

    Behind the rule of a built-in chain that leads to a chain of its own stand that one's rules.
    """
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for table in re.findall(r"^\*(.*?)^COMMIT$", text, re.MULTILINE | re.DOTALL):
        name, _, body = table.partition("\n")
        policies, rules = _table(body)
        for chain, there in rules.items():
            mark, inner = _marked(there, rules)
            is_usual = not there and policies[chain] in {"ACCEPT", "-"}
            if not is_usual and (chain in BUILT_IN or not chain.startswith("kvs-")):
                found[place, family, name, chain] = (mark, policies[chain], *inner)
    return found


def _table(body: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    policies: dict[str, str] = {}
    rules: dict[str, list[str]] = collections.defaultdict(list)
    for line in body.splitlines():
        if line.startswith(":"):
            chain, policy, _ = line[1:].split(" ", 2)
            policies[chain] = policy
            rules.setdefault(chain, [])
        else:
            _, chain, rule = line.split(" ", 2)
            rules[chain].append(rule)
    return policies, rules


def _marked(there: list[str], rules: Mapping[str, list[str]]) -> tuple[str, list[str]]:
    """Return the mark of a chain, and the rules behind it; of one that leads on, that one's."""
    words = shlex.split(there[0]) if there else []
    if words[:3] != ["-m", "comment", "--comment"]:
        return "", there
    mark = words[3].split(" ")[0]
    if words[4:5] == ["-j"]:
        return mark, [*rules[words[5]][1:], *there[1:]]
    return mark, there[1:]
