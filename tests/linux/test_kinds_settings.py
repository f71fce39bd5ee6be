# SPDX-License-Identifier: Apache-2.0
"""Who sums checksums, and members of bonds; ethtool's own calls and iproute2 are the witnesses."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from kvs_descriptors.linux.links import offloading
from kvs_descriptors.linux.links.link import find
from kvs_descriptors.linux.netlink.codec import LinkRecord
from ligato.linux.interfaces.interface_pb2 import BondLink, Interface, VethLink
from tests.linux.bench import Bench, bridge, veth
from tests.linux.kinds import apply, engine, has_kind, of_kind

OTHER = veth("vb", "va", "right")


def end(rx: str = "DEFAULT", tx: str = "DEFAULT", **more: Any) -> Interface:
    made = veth("va", "vb", "left", **more)
    made.veth.MergeFrom(
        VethLink(
            rx_checksum_offloading=f"CHKSM_OFFLOAD_{rx}",
            tx_checksum_offloading=f"CHKSM_OFFLOAD_{tx}",
        )
    )
    return made


def features(bench: Bench, namespace: str, name: str) -> dict[str, bool]:
    """Ask for them by netlink, which is not how they are set, as another program would."""
    asking = (
        "import json; from pyroute2 import Ethtool;"
        f"print(json.dumps(Ethtool().get_features({name!r}).offload_flags))"
    )
    command = ["nsenter", f"--net={bench.path(namespace)}", sys.executable, "-c", asking]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


CHOICES = {
    "out": (end(tx="DISABLED"), (True, False)),
    "in": (end(rx="DISABLED"), (False, True)),
    "neither": (end("DISABLED", "DISABLED"), (False, False)),
    "said": (end("ENABLED", "ENABLED"), (True, True)),
}


@pytest.mark.parametrize("what", CHOICES)
def test_checksums_are_left_to_the_hardware_or_not(bench: Bench, what: str) -> None:
    value, expected = CHOICES[what]

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            done = await apply(scheduler, value, OTHER)
            assert done.ok, done.errors
            assert await summed(bench) == expected
            assert (await apply(scheduler, value, OTHER)).operations == ()

            changed = await apply(scheduler, end(), OTHER)
            assert {one.operation.kind for one in changed.operations} <= {"update"}
            assert await summed(bench) == (True, True)
            assert (await apply(scheduler, value, OTHER)).ok
            assert await summed(bench) == expected

    bench.run(scenario())


async def summed(bench: Bench) -> tuple[bool, bool]:
    found = await offloading.look(await bench.kernel.channel("left"), ["va", "gone"])
    assert "gone" not in found
    return found["va"]


def test_who_sums_is_repaired_and_found_by_the_next_engine(bench: Bench) -> None:
    value = end(tx="DISABLED")

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, value, OTHER)).ok
            await offloading.choose(await bench.kernel.channel("left"), "va", True, True)
            done = await apply(scheduler, value, OTHER)
            assert [one.operation.kind for one in done.operations] == ["update"]
            assert await summed(bench) == (True, False)
        bench.restart()
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, value, OTHER)).operations == ()
            changed = await apply(scheduler, end(), OTHER)
            assert [one.operation.kind for one in changed.operations] == ["update"]
            assert await summed(bench) == (True, True)

    bench.run(scenario())


def test_another_program_is_told_the_same_of_who_sums(bench: Bench) -> None:
    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, end(tx="DISABLED"), OTHER)).ok
            shown = features(bench, "left", "va")

            assert shown["tx-checksumming"] is False
            assert shown["rx-checksumming"] is True

    bench.run(scenario())


async def plugged(bench: Bench, name: str) -> LinkRecord:
    found = await find(await bench.kernel.channel("left"), name=name)
    assert found is not None
    return found


def test_a_member_is_down_when_it_is_plugged_in_and_up_when_it_is_out(bench: Bench) -> None:
    """The kernel takes no member that is up; a bridge stands in for the bond, and takes any."""

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, bridge("sw", "left"), veth("va", "vb", "left"), OTHER)
            members = bench.descriptors["linux-bond-member"]
            within = await bench.kernel.channel("left")
            index = (await plugged(bench, "va")).index
            master = (await plugged(bench, "sw")).index

            await members.plug(within, index, master, "key")
            found = await plugged(bench, "va")
            assert (found.master, found.is_up) == (master, False)

            await members.unplug(within, index, master, "key")
            found = await plugged(bench, "va")
            assert (found.master, found.is_up) == (0, True)

    bench.run(scenario())


@pytest.mark.skipif(not has_kind("bond"), reason="this kernel has no bond")
def test_a_bond_takes_its_members_and_gives_them_back(bench: Bench) -> None:
    bond = of_kind("BOND", "bo", "left", "10.1.0.1/24", bond=BondLink(mode="ACTIVE_BACKUP"))
    bond.bond.members.add(name="va")

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            done = await apply(scheduler, bond, end(), OTHER)
            assert done.ok, done.errors
            assert bench.link("left", "va")["master"] == "bo"
            assert (await apply(scheduler, bond, end(), OTHER)).operations == ()

            assert (await apply(scheduler, end(), OTHER)).ok
            found = bench.link("left", "va")
            assert ("master" in found, "UP" in found["flags"]) == (False, True)

    bench.run(scenario())
