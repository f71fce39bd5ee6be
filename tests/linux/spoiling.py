# SPDX-License-Identifier: Apache-2.0
"""Spoils a machine behind an engine's back, as people do, with ip and iptables."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable

from tests.linux.machine import Machine
from tests.linux.showing import BUILT_IN, Shown
from tests.linux.topologies import THEIRS

__all__ = ["spoil"]

WAYS = 12


def spoil(machine: Machine, rng: random.Random) -> list[str]:
    """Do a dozen things, each to something of ours; return them, less what could not be done."""
    done = []
    for _ in range(WAYS):
        there, before = machine.shown(), machine.before
        way = rng.choice([_link, _link, _address, _route, _neighbour, _chain, _namespace])
        found = way(there, before, rng)
        if found is not None:
            place, command = found
            try:
                machine.do(place, command)
            except subprocess.CalledProcessError:
                # What an earlier one has taken away with it.
                continue
            done.append(f"{place}: {command}")
    return done


Found = tuple[str, str] | None
Way = Callable[[Shown, Shown, random.Random], Found]


def _link(there: Shown, before: Shown, rng: random.Random) -> Found:
    ours = sorted(there.links.keys() - before.links.keys())
    ours = [(place, name) for place, name in ours if name != "lo"]
    if not ours:
        return None
    place, name = rng.choice(ours)
    what = rng.choice(
        [
            "delete dev {}",
            "set dev {} down",
            "set dev {} mtu 1290",
            "set dev {} nomaster",
            "set dev {} address 02:00:00:00:00:99",
        ]
    )
    return place, "ip link " + what.format(name)


def _address(there: Shown, before: Shown, rng: random.Random) -> Found:
    ours = [
        (place, name, text)
        for (place, name), link in sorted(there.links.items())
        for text in sorted(link["addresses"])
        if text not in before.links.get((place, name), {}).get("addresses", ())
    ]
    if not ours:
        return None
    place, name, text = rng.choice(ours)
    return place, f"ip address del {text} dev {name}"


def _route(there: Shown, before: Shown, rng: random.Random) -> Found:
    ours = sorted(there.routes - before.routes, key=str)
    if not ours:
        return None
    place, name, network, _, metric, _ = rng.choice(ours)
    family = "-6" if ":" in network else "-4"
    how = f" metric {metric}" if metric else ""
    return place, f"ip {family} route del {network} dev {name}{how}"


def _neighbour(there: Shown, before: Shown, rng: random.Random) -> Found:
    ours = sorted(there.neighbours - before.neighbours)
    if not ours:
        return None
    place, name, address, _ = rng.choice(ours)
    other = rng.choice(["del {}", "replace {} lladdr 02:00:00:00:00:98 nud permanent"])
    return place, f"ip neigh {other.format(address)} dev {name}"


def _chain(there: Shown, before: Shown, rng: random.Random) -> Found:
    ours = sorted(there.chains.keys() - before.chains.keys())
    if not ours:
        return None
    place, family, table, chain = rng.choice(ours)
    program = "iptables" if family == "IPV4" else "ip6tables"
    # A rule that others put before ours is no drift, and their own are theirs to lose. Without its
    # mark, which is its first rule, a chain with a name of its own and rules is anybody's.
    first = "-D {} 1" if chain in BUILT_IN else "-D {} 2"
    how = rng.choice([first, "-F {}", "-F {}" if place in {"", THEIRS} else "-F"])
    return place, f"{program} -w -t {table} {how.format(chain)}"


def _namespace(there: Shown, before: Shown, rng: random.Random) -> Found:
    ours = sorted(set(there.places) - set(before.places))
    if not ours:
        return None
    place = rng.choice(ours)
    # Rarely, and only its name: what is in it goes as soon as nobody is in it any more.
    return None if rng.random() < 0.7 else ("", f"umount -l $folder/{place}; rm $folder/{place}")
