# SPDX-License-Identifier: Apache-2.0
"""The commands as people run them: real processes, a real kernel, outputs as approved."""

from __future__ import annotations

import json
import os
import pty
import re
from collections.abc import Callable
from pathlib import Path

from tests.machine import Machine, kvsctl
from tests.topologies import CABLE, UNPLUGGED, cables

Golden = Callable[[str, str], None]

INTERFACE = "config/linux/interfaces/v2/interface/"
ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
NEW_MTU = CABLE.replace("      host_if_name: a0\n", "      host_if_name: a0\n      mtu: 1400\n")
# The gateway is a broadcast address: the kernel says no when all else stands already.
REFUSED = cables(2) + (
    "  routes:\n    - {outgoing_interface: a1, dst_network: 10.30.0.0/16, gw_addr: 10.9.1.255}\n"
)

REFUSAL = (
    "error: create config/linux/l3/v2/route/10.30.0.0/16/a1:"
    " Nexthop has invalid gateway (EINVAL)\n"
)


def write(text: str, name: str = "net.yaml") -> str:
    """Write a configuration into the working directory and return its name."""
    Path(name).write_text(text, encoding="utf-8")
    return name


def without_times(shown: str) -> str:
    """Replace what differs from run to run."""
    return re.sub(r"\d+\.\d\d s", "N.NN s", shown)


def on_terminal(
    machine: Machine, *arguments: str, env: dict[str, str] | None = None
) -> tuple[int, str]:
    """Run kvsctl with a terminal and return its exit code and all that it wrote."""
    master, slave = pty.openpty()
    shown = b""
    with machine.start(*kvsctl(), *arguments, tty=slave, env=env) as running:
        os.close(slave)
        try:
            while chunk := os.read(master, 65536):
                shown += chunk
        except OSError:  # how Linux tells that the other side has closed
            pass
    os.close(master)
    return running.returncode, shown.decode().replace("\r\n", "\n")


def test_a_plan_of_something_new(machine: Machine, golden: Golden) -> None:
    done = machine.kvsctl("plan", write(CABLE))

    assert (done.returncode, done.stderr) == (0, "")
    golden("plan-new.txt", done.stdout)
    assert machine.namespaces() == []


def test_a_plan_for_programs(machine: Machine, golden: Golden) -> None:
    done = machine.kvsctl("plan", "--json", "--detailed-exitcode", write(CABLE))

    assert (done.returncode, done.stderr) == (2, "")
    golden("plan-new.json", done.stdout)
    shown = json.loads(done.stdout)
    assert shown["format_version"] == "1.0"
    assert shown["summary"]["create"] == len(shown["operations"])


def test_a_plan_for_graphviz(machine: Machine, golden: Golden) -> None:
    done = machine.kvsctl("plan", "--dot", write(CABLE))

    assert (done.returncode, done.stderr) == (0, "")
    golden("plan-new.dot", done.stdout)


def test_apply_then_nothing_is_left_to_do(machine: Machine, golden: Golden) -> None:
    first = machine.kvsctl("apply", "--detailed-exitcode", write(CABLE))
    second = machine.kvsctl("apply", "--detailed-exitcode", "net.yaml")

    assert (first.returncode, first.stderr) == (2, "")
    golden("apply-new.txt", without_times(first.stdout))
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout == "No changes. The southbound already matches.\n"
    assert machine.namespaces() == ["left", "right"]
    assert "10.9.0.1/24" in machine.inside("left", "ip", "address", "show", "a0").stdout


def test_an_update_shows_the_fields_that_change(machine: Machine, golden: Golden) -> None:
    machine.kvsctl("apply", write(CABLE))

    plan = machine.kvsctl("plan", write(NEW_MTU))
    done = machine.kvsctl("apply", "net.yaml")

    assert (plan.returncode, done.returncode) == (0, 0)
    golden("plan-update.txt", plan.stdout)
    assert "mtu 1400" in machine.inside("left", "ip", "link", "show", "a0").stdout


def test_what_a_file_no_longer_says_is_removed(machine: Machine, golden: Golden) -> None:
    machine.kvsctl("apply", write(cables(2)))

    plan = machine.kvsctl("plan", write(cables(1)))
    done = machine.kvsctl("apply", "net.yaml")

    golden("plan-delete.txt", plan.stdout)
    assert done.returncode == 0
    assert "a1" not in machine.inside("left", "ip", "link").stdout


def test_what_waits_is_shown_and_explained(machine: Machine, golden: Golden) -> None:
    plan = machine.kvsctl("plan", "--detailed-exitcode", write(UNPLUGGED))
    done = machine.kvsctl("apply", "net.yaml")
    told = machine.kvsctl("explain", INTERFACE + "a0")

    golden("plan-pending.txt", plan.stdout)
    golden("explain-pending.txt", told.stdout)
    assert (plan.returncode, done.returncode, told.returncode) == (2, 0, 0)
    assert done.stderr == ""


def test_an_invalid_value_is_an_error_that_names_the_field(machine: Machine) -> None:
    bad = write(CABLE.replace("host_if_name: a0", "host_if_name: far/too/long/for/linux"))

    plan = machine.kvsctl("plan", bad)
    done = machine.kvsctl("apply", bad)

    for each in (plan, done):
        assert each.returncode == 1
        assert INTERFACE + "a0" in each.stderr
        assert "host_if_name" in each.stderr
    assert f"  ! {INTERFACE}a0" in plan.stdout


def test_a_file_that_is_no_configuration_is_one_line_with_its_place(machine: Machine) -> None:
    bad = write(CABLE.replace("enabled: true", "enabeld: true", 1))

    done = machine.kvsctl("plan", bad)

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"error: net\.yaml:\d+: linuxConfig\.interfaces\[0\].*\n", done.stderr)
    assert "enabeld" in done.stderr


def test_all_or_nothing_undoes_what_was_done(machine: Machine, golden: Golden) -> None:
    machine.kvsctl("apply", write(cables(1)))

    done = machine.kvsctl("apply", "--revert", write(REFUSED))

    golden("apply-reverted.txt", without_times(done.stdout))
    assert done.returncode == 1
    assert done.stderr == REFUSAL
    write(cables(1))
    assert machine.kvsctl("plan", "--detailed-exitcode", "net.yaml").returncode == 0
    assert " a1@" not in machine.inside("left", "ip", "link").stdout


def test_without_revert_the_rest_is_done_and_the_failure_told(machine: Machine) -> None:
    done = machine.kvsctl("apply", write(REFUSED))

    assert done.returncode == 1
    assert done.stderr == REFUSAL
    assert "10.9.0.1/24" in machine.inside("left", "ip", "address").stdout


def test_a_failure_of_an_earlier_run_is_explained(machine: Machine) -> None:
    machine.kvsctl("apply", write(REFUSED))

    told = machine.kvsctl("explain", "config/linux/l3/v2/route/10.30.0.0/16/a1").stdout

    assert "repair tries to make it" in told
    assert "failed when it was last tried (create of #1): " in told
    assert told.endswith("Nexthop has invalid gateway (EINVAL)\n")


def test_repair_mends_just_what_has_drifted(machine: Machine, golden: Golden) -> None:
    machine.kvsctl("apply", write(CABLE))
    machine.inside("left", "ip", "address", "delete", "10.9.0.1/24", "dev", "a0")

    done = machine.kvsctl("repair", "--detailed-exitcode")

    assert (done.returncode, done.stderr) == (2, "")
    golden("repair.txt", without_times(done.stdout))
    assert "10.9.0.1/24" in machine.inside("left", "ip", "address").stdout
    assert machine.kvsctl("repair", "--detailed-exitcode").returncode == 0


def test_destroy_removes_what_is_ours_and_nothing_else(machine: Machine) -> None:
    machine.run("ip", "netns", "add", "left")
    machine.inside("left", "ip", "link", "add", "theirs", "type", "bridge")
    machine.kvsctl("apply", write(CABLE))

    done = machine.kvsctl("destroy")

    assert (done.returncode, done.stderr) == (0, "")
    assert machine.namespaces() == ["left"]
    links = machine.inside("left", "ip", "-brief", "link").stdout
    names = {line.split()[0].partition("@")[0] for line in links.splitlines()}
    assert names == {"lo", "theirs"}
    assert machine.kvsctl("destroy").stdout == "No changes. The southbound already matches.\n"


def test_get_shows_three_views(machine: Machine, golden: Golden) -> None:
    machine.kvsctl("apply", write(UNPLUGGED))

    desired = machine.kvsctl("get")
    configured = machine.kvsctl("get", "--view", "configured")
    live = machine.kvsctl("get", "--json", "--view", "live", "config/linux/ns/")

    golden("get-desired.txt", desired.stdout)
    assert INTERFACE not in configured.stdout
    assert "config/linux/ns/v1/namespace/left" in configured.stdout
    shown = json.loads(live.stdout)
    assert (shown["format_version"], shown["view"]) == ("1.0", "live")
    assert list(shown["values"]) == ["config/linux/ns/v1/namespace/left"]


def test_explain_tells_of_derived_values_and_helps_with_typing(
    machine: Machine, golden: Golden
) -> None:
    machine.kvsctl("apply", write(CABLE))

    told = machine.kvsctl("explain", INTERFACE + "a0")
    mistyped = machine.kvsctl("explain", "b0")

    golden("explain.txt", told.stdout)
    assert mistyped.returncode == 1
    assert mistyped.stderr == f"error: nothing is known of b0; did you mean {INTERFACE}b0?\n"


def test_a_second_kvsctl_is_told_who_holds_the_state(machine: Machine) -> None:
    write(cables(250))
    with machine.start(*kvsctl(), "apply", "net.yaml") as first:
        assert first.stdout is not None
        first.stdout.readline()

        second = machine.kvsctl("plan", "net.yaml")
        first.communicate()

    assert first.returncode == 0
    assert (second.returncode, second.stdout) == (1, "")
    assert re.fullmatch(rf"error: .*state\.db.*{first.pid}.*\n", second.stderr)


def test_a_terminal_gets_colour_and_a_progress_bar(machine: Machine) -> None:
    code, shown = on_terminal(machine, "apply", write(CABLE))

    assert code == 0
    assert "\x1b[32m+\x1b[0m " in shown
    assert re.search(r"Applying .*100%", ANSI.sub("", shown))


def test_no_color_is_heeded_on_a_terminal(machine: Machine) -> None:
    code, shown = on_terminal(machine, "plan", write(CABLE), env={"NO_COLOR": "1"})

    assert code == 0
    assert "\x1b[" not in shown


def test_colour_can_be_had_without_a_terminal(machine: Machine) -> None:
    done = machine.kvsctl("plan", "--color", "always", write(CABLE))

    assert "\x1b[32m+\x1b[0m " in done.stdout


def test_a_traceback_is_for_those_who_ask(machine: Machine) -> None:
    bad = write("linuxConfig: [")

    assert "Traceback" not in machine.kvsctl("plan", bad).stderr
    assert "Traceback" in machine.kvsctl("--verbose", "plan", bad).stderr


def test_a_reader_that_goes_away_is_no_crash(machine: Machine) -> None:
    command = [*kvsctl(), "plan", write(cables(300))]

    done = machine.run("sh", "-c", '"$@" | head -1', "sh", *command)

    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_destroy_asks_a_person_first(machine: Machine) -> None:
    machine.kvsctl("apply", write(CABLE))
    master, slave = pty.openpty()

    with machine.start(*kvsctl(), "destroy", tty=slave) as running:
        os.close(slave)
        os.write(master, b"n\n")
        running.wait(timeout=60)
    os.close(master)

    assert running.returncode == 1
    assert machine.namespaces() == ["left", "right"]


def test_the_state_is_readable_by_its_owner_only(machine: Machine) -> None:
    machine.kvsctl("apply", write(CABLE))

    assert machine.state.stat().st_mode & 0o777 == 0o600


def test_files_with_an_invalid_value_change_nothing_unless_told_to_keep_going(
    machine: Machine,
) -> None:
    good = "linuxConfig:\n  interfaces:\n    - {name: br0, type: BRIDGE, enabled: true}\n"
    half = write(good + "    - {name: br1, type: BRIDGE, mtu: 12}\n")

    refused = machine.kvsctl("apply", half)
    before = machine.kvsctl("get").stdout
    done = machine.kvsctl("apply", "--keep-going", half)

    assert refused.returncode == 1
    assert f"{half}:4:" in refused.stderr
    assert "Nothing was changed." in refused.stderr
    assert "br0" not in before
    assert done.returncode == 1
    assert "br0" in machine.kvsctl("get").stdout


def test_what_a_journal_holds_can_be_looked_at_and_removed_in_another_process(
    machine: Machine,
) -> None:
    arp = write(
        "linuxConfig:\n  arpEntries:\n    - {interface: red, ip_address: 10.9.0.9,"
        ' hw_address: "02:00:00:00:00:09"}\n',
    )

    applied = machine.kvsctl("apply", arp)
    got = machine.kvsctl("get")
    gone = machine.kvsctl("destroy", "--yes")

    assert applied.returncode == 0
    assert "kvsctl explain" in applied.stdout
    assert (got.returncode, gone.returncode) == (0, 0)
    assert "config/linux/l3/v2/arp/red/10.9.0.9" in got.stdout


LOOKING = (["get"], ["graph"], ["diff"], ["plan", "net.yaml"], ["get", "--view", "live"])


def test_who_only_looks_begins_no_state(machine: Machine) -> None:
    Path("net.yaml").write_text(CABLE, encoding="utf-8")

    for command in LOOKING:
        assert machine.kvsctl(*command).returncode == 0

    assert not machine.state.exists()


def test_where_the_state_is_lost_nothing_is_taken_for_unwanted(machine: Machine) -> None:
    machine.kvsctl("apply", "-q", write(CABLE))
    before = links(machine)
    for file in machine.state.parent.glob(f"{machine.state.name}*"):
        file.unlink()

    for command in LOOKING:
        assert machine.kvsctl(*command).stderr == ""
    for name in ("repair", "watch"):
        refused = machine.kvsctl(name)
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"error: {machine.state} is not there")

    assert links(machine) == before
    assert machine.kvsctl("apply", "-q", "net.yaml").returncode == 0
    assert machine.kvsctl("diff").returncode == 0
    assert links(machine) == before


def links(machine: Machine) -> list[str]:
    """Return the links of a cable's end, and their indexes, which new ones would not have."""
    return re.findall(
        r"^\d+: \S+", machine.inside("left", "ip", "-o", "link").stdout, re.MULTILINE
    )


def test_anothers_link_of_the_wanted_name_gets_the_addresses_and_keeps_itself(
    machine: Machine,
) -> None:
    assert machine.run("ip", "link", "add", "lan", "type", "bridge").returncode == 0
    write(
        "linuxConfig: {interfaces: [{name: lan, type: BRIDGE, enabled: true,"
        " ip_addresses: [10.7.0.1/24]}]}\n"
    )

    done = machine.kvsctl("apply", "-q", "net.yaml")

    assert (done.returncode, done.stderr) == (0, "")
    assert "10.7.0.1/24" in machine.run("ip", "-br", "address", "show", "lan").stdout
    assert machine.kvsctl("diff").returncode == 0
    assert machine.kvsctl("destroy", "--yes").returncode == 0
    left = machine.run("ip", "-br", "address", "show", "lan").stdout
    assert left.startswith("lan ")
    assert "10.7.0.1/24" not in left
