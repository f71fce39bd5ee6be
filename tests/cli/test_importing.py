# SPDX-License-Identifier: Apache-2.0
"""Networks that others made, taken over: nothing moves but the mark, and then they are ours."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.hand_made import NETWORK, indexes, make, network, seen
from tests.machine import Machine

Golden = Callable[[str, str], None]

SEEDS = range(int(os.environ.get("IMPORT_SEEDS", "1")))
EVERYWHERE = ("--netns", "blue", "--netns", "red")
UNCHANGED = "No changes. The southbound already matches.\n"


@pytest.fixture
def made(machine: Machine) -> Machine:
    make(machine, NETWORK)
    return machine


def imported(machine: Machine, *options: str) -> str:
    done = machine.kvsctl("import-existing", *options)
    assert done.returncode == 0, done.stderr
    Path("net.yaml").write_text(done.stdout, encoding="utf-8")
    return done.stderr


def without_numbers(shown: dict[str, Any]) -> dict[str, Any]:
    """Return what is seen less what a link that is made anew cannot have again."""
    return {
        what: sorted(({**one, "ifindex": 0, "address": ""} for one in ones), key=str)
        for what, ones in shown.items()
    }


def test_a_network_is_taken_over_and_nothing_but_the_mark_has_changed(
    made: Machine, golden: Golden
) -> None:
    before, numbers = seen(made), indexes(made)
    dry = made.kvsctl("import-existing", *EVERYWHERE, "--dry-run")
    assert "alias" not in made.run("ip", "-d", "link").stdout

    told = imported(made, *EVERYWHERE)

    assert dry.stdout == Path("net.yaml").read_text(encoding="utf-8")
    golden("import.yaml", Path("net.yaml").read_text(encoding="utf-8"))
    assert told == ""
    assert (seen(made), indexes(made)) == (before, numbers)
    assert made.kvsctl("apply", "net.yaml").stdout == UNCHANGED
    assert (seen(made), indexes(made)) == (before, numbers)


def test_cables_are_followed_also_where_nobody_has_looked_before(machine: Machine) -> None:
    make(machine, "netns add blue\nlink add a0 type veth peer name b0 netns blue")

    told = imported(machine, "--netns", "blue", "--dry-run")

    assert told == ""
    assert "name: blue-b0" in Path("net.yaml").read_text(encoding="utf-8")


def test_no_packet_is_lost(made: Machine) -> None:
    ping = ("ping", "-i", "0.005", "-q", "10.1.0.1")
    with made.start("nsenter", "--net=/run/netns/blue", *ping) as pinging:
        imported(made, *EVERYWHERE)
        pinging.send_signal(signal.SIGINT)
        shown, _ = pinging.communicate(timeout=10)

    sent = re.search(r"(\d+) packets transmitted, (\d+) received", shown)
    assert sent, shown
    # The last one may still have been under way.
    assert int(sent[1]) - int(sent[2]) <= 1
    assert int(sent[1]) > 20


def test_from_then_on_drift_is_repaired(made: Machine) -> None:
    imported(made, *EVERYWHERE)
    before = seen(made)
    make(made, "link delete vx7\naddress flush dev br0\n-n blue neigh flush nud permanent")

    repaired = made.kvsctl("repair", "-q")

    assert "Done in" in repaired.stdout, repaired
    assert without_numbers(seen(made)) == without_numbers(before)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_iproute2_makes_is_taken_over_and_later_destroyed(
    machine: Machine, seed: int
) -> None:
    make(machine, network(seed))
    before, numbers, places = seen(machine), indexes(machine), machine.namespaces()

    told = imported(machine, *(f"--netns={place}" for place in places))

    assert told == ""
    assert (seen(machine), indexes(machine)) == (before, numbers)
    assert machine.kvsctl("plan", "net.yaml").stdout == UNCHANGED
    machine.kvsctl("destroy", "--yes")
    assert {name.partition("/")[2] for name in indexes(machine)} == {"lo"}
    assert machine.namespaces() == places


STRANGE = """
netns add far
link add eth0 type veth peer name far0 netns far
link set eth0 up
-n far link set far0 up
address add 192.0.2.2/24 dev eth0
address add 192.0.2.50/24 dev eth0 valid_lft 300 preferred_lft 300
route add default via 192.0.2.1
route add 198.51.100.0/24 via 192.0.2.1 src 192.0.2.2
route add 203.0.113.0/24 via 192.0.2.1 proto bird
route add blackhole 10.9.0.0/16
link add q0 type veth peer name q1
link set q0 up
link set q1 up
link set q0 alias uplink
link add i0 type ifb
link add e0 type vxlan external dstport 4790
link add v1 type vxlan id 7 remote 192.0.2.9 dstport 4789
link add v2 type vxlan id 7 remote fd00::9 dstport 4789
link add br0 type bridge forward_delay 400
link set v1 master br0
link set v2 master br0
address add 10.5.0.1/24 dev br0 noprefixroute
link set br0 up
route add 10.5.9.0/24 dev br0
route add 10.6.0.0/16 via 192.0.2.1 metric 5
route add 10.6.0.0/16 via 192.0.2.1 metric 6
"""


def test_what_a_file_cannot_say_is_left_and_named_in_it_and_on_stderr(
    machine: Machine, golden: Golden
) -> None:
    make(machine, STRANGE)
    before = seen(machine)

    told = imported(machine)

    golden("import-strange.yaml", Path("net.yaml").read_text(encoding="utf-8"))
    golden("import-strange.txt", told)
    assert seen(machine) == before
    assert machine.kvsctl("plan", "net.yaml").stdout == UNCHANGED


def test_a_borrowed_interface_keeps_its_addresses_when_it_is_given_back(machine: Machine) -> None:
    make(machine, STRANGE)
    imported(machine, "--only", "eth0")

    done = machine.kvsctl("destroy", "--yes")

    assert done.returncode == 0, done.stderr
    assert "192.0.2.2/24" in machine.run("ip", "address", "show", "dev", "eth0").stdout
    assert "kv~" not in machine.run("ip", "-d", "link").stdout


def test_what_a_pattern_picks_comes_with_what_it_needs(made: Machine) -> None:
    done = made.kvsctl("import-existing", *EVERYWHERE, "--only=red/eth0", "--only=mv*")

    names = [line.split()[-1] for line in done.stdout.splitlines() if "- name:" in line]
    assert done.returncode == 0, done.stderr
    assert names == ["br0", "vr", "red-eth0", "red-mv0", "vr"]


def test_force_takes_links_with_an_alias_and_names_what_is_lost(machine: Machine) -> None:
    make(machine, STRANGE)

    told = imported(machine, "--force", "--only", "q*")

    assert told == "note: q0: our mark takes the place of its alias, 'uplink'\n"
    assert "alias kvs:q0" in machine.run("ip", "-d", "link").stdout


def test_protected_values_are_not_destroyed(made: Machine) -> None:
    imported(made, "--protected", "--only", "br0")

    done = made.kvsctl("destroy", "--yes")

    assert done.returncode == 1
    assert "br0 is protected, and would be deleted" in done.stderr


def test_a_second_import_finds_what_is_new_and_all_prints_everything(made: Machine) -> None:
    imported(made, *EVERYWHERE)
    make(made, "link add br1 type bridge\nlink set tp0 master br1")

    told = imported(made)
    second = Path("net.yaml").read_text(encoding="utf-8")
    everything = made.kvsctl("import-existing", *EVERYWHERE, "--all")

    assert "- name: br1" in second
    assert "- name: br0" not in second
    assert told.startswith("note: what kvsctl has of other files is not in this one")
    assert everything.stderr == ""
    assert {"- name: br0", "- name: br1"} <= {
        line.strip() for line in everything.stdout.split("\n")
    }


def test_all_finds_again_what_nobody_remembers(made: Machine) -> None:
    imported(made, *EVERYWHERE)
    first = Path("net.yaml").read_text(encoding="utf-8")
    for file in made.state.parent.glob(f"{made.state.name}*"):
        file.unlink()

    done = made.kvsctl("import-existing", *EVERYWHERE, "--all")

    assert (done.stdout, done.stderr) == (first, "")


def test_killed_half_way_the_next_import_goes_on(made: Machine) -> None:
    before, numbers = seen(made), indexes(made)
    killed = made.kvsctl(
        "import-existing", *EVERYWHERE, env={"KVS_FAILPOINT": "netlink.send:30=kill"}
    )

    imported(made, *EVERYWHERE, "--all")

    assert killed.returncode == -9
    assert (seen(made), indexes(made)) == (before, numbers)
    assert made.kvsctl("plan", "net.yaml").stdout == UNCHANGED


def test_a_namespace_that_is_not_there_is_named(made: Machine) -> None:
    done = made.kvsctl("import-existing", "--netns", "grey")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: there is no network namespace grey\n"


def test_while_something_has_drifted_nothing_is_taken_over(made: Machine) -> None:
    imported(made, "--only", "br0")
    make(made, "link delete br0\nlink add br1 type bridge")

    done = made.kvsctl("import-existing")

    assert done.returncode == 1
    assert "kvsctl repair does it" in done.stderr
    assert "alias" not in made.run("ip", "-d", "link", "show", "dev", "br1").stdout
