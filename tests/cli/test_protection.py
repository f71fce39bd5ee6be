# SPDX-License-Identifier: Apache-2.0
"""Protected values: no plan deletes them, or makes them anew, before the protection is lifted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machine import Machine
from tests.topologies import CABLE, UNPLUGGED

PROTECTED = CABLE.replace(
    "      host_if_name: a0\n", "      host_if_name: a0\n      protected: true\n"
)
KEY = "config/linux/interfaces/v2/interface/a0"


@pytest.fixture
def protected(machine: Machine) -> Machine:
    """Give a machine on which one end of a cable is protected."""
    write(PROTECTED)
    assert machine.kvsctl("apply", "-q", "net.yaml").returncode == 0
    return machine


def write(text: str) -> None:
    Path("net.yaml").write_text(text, encoding="utf-8")


def refusal(what: str) -> str:
    return f"error: {KEY} is protected, and would be {what}: apply protected: false first\n"


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_file_without_it_is_refused(protected: Machine, command: str) -> None:
    write("linuxConfig: {}\n")

    done = protected.kvsctl(command, "net.yaml")

    assert (done.returncode, done.stderr) == (1, refusal("deleted"))
    assert protected.kvsctl("diff").returncode == 0


def test_destroy_is_refused(protected: Machine) -> None:
    done = protected.kvsctl("destroy", "--yes")

    assert (done.returncode, done.stderr) == (1, refusal("deleted"))
    assert protected.namespaces() == ["left", "right"]


def test_what_would_make_it_anew_is_refused(protected: Machine) -> None:
    write(PROTECTED.replace("host_if_name: a0", "host_if_name: other"))

    done = protected.kvsctl("apply", "-q", "net.yaml")

    assert (done.returncode, done.stderr) == (1, refusal("made anew"))


def test_protecting_what_the_same_file_makes_anew_comes_too_late(machine: Machine) -> None:
    write(CABLE)
    machine.kvsctl("apply", "-q", "net.yaml")
    write(PROTECTED.replace("host_if_name: a0", "host_if_name: other"))

    done = machine.kvsctl("apply", "-q", "net.yaml")

    assert (done.returncode, done.stderr) == (1, refusal("made anew"))


def test_what_changes_in_place_is_let_through(protected: Machine) -> None:
    write(PROTECTED.replace("protected: true", "protected: true\n      mtu: 1400"))

    assert protected.kvsctl("apply", "-q", "net.yaml").returncode == 0
    assert protected.kvsctl("destroy", "--yes", "-q").returncode == 1


def test_the_protection_is_lifted_by_a_plan_of_its_own(protected: Machine) -> None:
    write(CABLE)
    lifted = protected.kvsctl("apply", "-q", "net.yaml")

    done = protected.kvsctl("destroy", "--yes", "-q")

    assert (lifted.returncode, lifted.stderr) == (0, "")
    assert (done.returncode, done.stderr) == (0, "")
    assert protected.namespaces() == []


def test_a_kept_plan_is_refused_as_well(protected: Machine) -> None:
    write(UNPLUGGED)

    done = protected.kvsctl("plan", "--out", "net.plan", "net.yaml")

    assert done.returncode == 1
    assert not Path("net.plan").exists()
