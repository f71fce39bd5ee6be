# SPDX-License-Identifier: Apache-2.0
"""Networks made by hand, with iproute2 alone; and what iproute2 sees of a machine."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterable, Iterator
from typing import Any

from tests.machine import Machine

__all__ = ["NETWORK", "indexes", "make", "network", "seen"]

# A bridge with two hosts in namespaces, links upon it, and what leads elsewhere.
NETWORK = """
netns add blue
netns add red
link add br0 type bridge ageing_time 60000
link add vb type veth peer name eth0 netns blue
link add vr type veth peer name eth0 netns red
link set vb master br0
link set vr master br0 mtu 1400
link set br0 up
link set vb up
link set vr up
link add vx7 mtu 1300 type vxlan id 7 remote 10.1.0.2 dstport 4789 ttl 9 nolearning
link set vx7 up
link add mv0 link br0 address 02:00:00:00:00:77 netns red type macvlan mode private
tuntap add tp0 mode tap user 0
address add 10.1.0.1/24 brd + dev br0
address add 10.1.0.3/24 brd + dev br0
address add fd00::1/64 dev br0 nodad
route add 10.2.0.0/16 via 10.1.0.2 metric 7
-n blue link set eth0 address 02:00:00:00:00:42
-n blue link set eth0 up
-n blue address add 10.1.0.2/24 brd + dev eth0
-n blue address add fd00::2/64 dev eth0 nodad
-n blue route add default via 10.1.0.1
-n blue route add default via fd00::1
-n blue neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev eth0 nud permanent
-n red link set eth0 up
-n red address add 192.0.2.7/32 dev lo
"""

# What the kernel counts, finds out or does by itself, and what our mark is.
_RESTLESS = {
    *("ifalias", "altnames", "protocol", "stats", "stats64", "operstate", "flags", "linkmode"),
    *("valid_life_time", "preferred_life_time", "tentative", "linkdown"),
}


def make(machine: Machine, commands: str) -> None:
    """Have iproute2 do one thing a line."""
    lines = [f"ip {line}" for line in commands.strip().splitlines()]
    done = machine.run("sh", "-ec", "\n".join(lines))
    assert done.returncode == 0, done.stderr


def seen(machine: Machine) -> dict[str, Any]:
    """Return all links, addresses, routes and fixed neighbours, less what is never the same."""
    what = ("-d link", "address", "route", "-6 route", "neigh show nud permanent")
    return {name: list(_quiet(found)) for name, found in _ask(machine, what).items()}


def indexes(machine: Machine) -> dict[str, int]:
    """Return the numbers of all links: one that is made anew has another one."""
    return {
        f"{name.partition(':')[0]}/{one['ifname']}": one["ifindex"]
        for name, found in _ask(machine, ["link"]).items()
        for one in found
    }


def _ask(machine: Machine, what: Iterable[str]) -> dict[str, Any]:
    """Return what iproute2 answers in each namespace; it is asked all at once."""
    asked = {
        f"{place}: {one}": f"ip {_in(place)}-j {one}"
        for place in ("", *machine.namespaces())
        for one in what
    }
    shown = machine.run("sh", "-ec", "; echo @; ".join(asked.values())).stdout
    answers = [json.loads(one) if one.strip() else [] for one in shown.split("@\n")]
    return dict(zip(asked, answers, strict=True))


def _quiet(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in found:
        if one.get("protocol") not in {"kernel", "ra"}:
            yield _without_restless(one)


def _without_restless(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_restless(one) for one in value if not _is_link_local(one)]
    if not isinstance(value, dict):
        return value
    return {
        name: _without_restless(one)
        for name, one in value.items()
        if name not in _RESTLESS and not name.endswith("_timer")
    }


def _is_link_local(one: Any) -> bool:
    return isinstance(one, dict) and one.get("scope") == "link" and "local" in one


def network(seed: int) -> str:
    """Return commands for a network: namespaces, cables, bridges, and what is on them."""
    return "\n".join(_Random(seed).commands())


class _Random:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._places = [f"n{number}" for number in range(self._random.randint(1, 4))]
        self._numbers = itertools.count(1).__next__
        self._routed: list[tuple[str, str, int]] = []

    def commands(self) -> Iterator[str]:
        yield from (f"netns add {place}" for place in self._places)
        for _ in range(self._random.randint(2, 8)):
            yield from self._cable()
        for place, name, number in self._random.sample(self._routed, k=min(4, len(self._routed))):
            yield from self._upon(place, name, number)

    def _cable(self) -> Iterator[str]:
        number, places = self._numbers(), ["", *self._places]
        # From within a namespace there is no name for the machine's own.
        first, second = sorted(self._random.choice(places) for _ in "ab")
        ends = (f"a{number}", f"b{number}")
        where = f" netns {second}" if first != second else ""
        yield f"{_in(first)}link add {ends[0]} type veth peer name {ends[1]}{where}"
        for side, (place, name) in enumerate(((first, ends[0]), (second, ends[1])), start=1):
            yield from self._end(place, name, number, side)

    def _end(self, place: str, name: str, number: int, side: int) -> Iterator[str]:
        within = _in(place)
        if self._random.random() < 0.3:
            yield f"{within}link set {name} mtu {self._random.choice((1300, 1400, 9000))}"
        if self._random.random() < 0.3:
            yield f"{within}link set {name} address 02:00:00:00:{number:02x}:{side:02x}"
        if self._random.random() < 0.15:
            return
        yield f"{within}link set {name} up"
        if self._random.random() < 0.3:
            bridge = f"br{number}{side}"
            yield f"{within}link add {bridge} type bridge"
            yield f"{within}link set {name} master {bridge}"
            yield f"{within}link set {bridge} up"
            name = bridge
        yield f"{within}address add 10.{number}.0.{side}/24 dev {name}"
        if self._random.random() < 0.5:
            yield f"{within}address add fd00:{number}::{side}/64 dev {name} nodad"
        self._routed.append((place, name, number))

    def _upon(self, place: str, name: str, number: int) -> Iterator[str]:
        within, new = _in(place), self._numbers()
        near, upon = f"10.{number}.0.9", f"u{new}"
        yield f"{within}route add 172.16.{new}.0/24 via {near} metric {number}"
        yield f"{within}route add 172.17.{new}.0/24 dev {name}"
        mac = f"02:00:00:00:00:{new:02x}"
        yield f"{within}neigh add {near} lladdr {mac} dev {name} nud permanent"
        kinds = (
            f"{upon} link {name} type macvlan mode vepa",
            f"{upon} type vxlan id {new} remote {near} dstport 4789",
            f"{upon} type vxlan id {new} group 239.0.0.1 dev {name} dstport 4790",
        )
        yield f"{within}link add {self._random.choice(kinds)}"


def _in(place: str) -> str:
    return f"-n {place} " if place else ""
