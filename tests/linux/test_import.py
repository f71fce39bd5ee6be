# SPDX-License-Identifier: Apache-2.0
"""Taking over what others made, in one transaction: all of it, or none."""

from __future__ import annotations

import subprocess
from typing import Any

from kvs_agent.existing import Existing, Request
from kvs_descriptors.linux import keys
from tests.linux.bench import Bench, namespace

ONLY = Request(only=("lab/*",))
INSIDE = """
link set lo up
link add br0 type bridge
link add a0 type veth peer name b0
link set a0 master br0
link set br0 up
link set a0 up
link set b0 up
address add 10.1.0.1/24 dev br0
address add 10.1.0.3/24 dev br0
address add fd00::1/64 dev br0 nodad
route add 10.2.0.0/16 via 10.1.0.2
route add fd02::/64 via fd00::2
neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev br0 nud permanent
"""


def by_hand(bench: Bench, commands: str) -> None:
    for line in commands.strip().splitlines():
        bench.ip("lab", *line.split())


def shown(bench: Bench) -> list[Any]:
    """Return what iproute2 tells of the namespace, marks and all, and the kernel's setting."""
    what = ("link", "address", "route", "-6 route", "neigh")
    keep = "/proc/sys/net/ipv4/conf/br0/promote_secondaries"
    return [
        *(_told(bench, one) for one in what),
        subprocess.run(
            ["nsenter", f"--net={bench.path('lab')}", "cat", keep], check=True, capture_output=True
        ).stdout,
    ]


def _told(bench: Bench, what: str) -> str:
    command = ["nsenter", f"--net={bench.path('lab')}", "ip", *what.split(), "show"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    # Settles by itself: whether there is a carrier, and whose an address is.
    return "".join(
        line
        for line in done.stdout.splitlines(keepends=True)
        if not any(word in line for word in ("fe80:", "proto kernel", "kernel_ll", "valid_lft"))
    )


def test_when_one_mark_cannot_be_set_all_others_are_taken_away_again(bench: Bench) -> None:
    async def scenario() -> None:
        await bench.make(namespace("lab"))
        by_hand(bench, INSIDE + "link add br1 type bridge")
        existing = Existing(None, kernel=bench.kernel)
        async with existing.scheduler:
            found = await existing.find(["lab"], ONLY)
            by_hand(bench, "-6 route delete fd02::/64")
            before = shown(bench)

            result = await found.transaction.commit(expect=found.plan)

        assert list(result.errors) == [keys.route("fd02::/64", "lab-br0")]
        assert len([one for one in result.operations if one.revert]) > 5
        assert shown(bench) == before

    bench.run(scenario())


def test_a_link_that_another_marks_meanwhile_is_not_taken(bench: Bench) -> None:
    async def scenario() -> None:
        await bench.make(namespace("lab"))
        by_hand(bench, "link add br1 type bridge")
        existing = Existing(None, kernel=bench.kernel)
        async with existing.scheduler:
            found = await existing.find(["lab"], ONLY)
            by_hand(bench, "link set br1 alias theirs")

            result = await found.transaction.commit(expect=found.plan)

        assert "others have marked it meanwhile: theirs" in str(result.errors)
        assert bench.link("lab", "br1")["ifalias"] == "theirs"

    bench.run(scenario())
