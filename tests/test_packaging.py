# SPDX-License-Identifier: Apache-2.0
"""What agents are shipped as: the unit is one that systemd takes, the locks say the same."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
UNITS = sorted((ROOT / "packaging").glob("*.service"))
CONTAINER = ROOT / "packaging" / "Containerfile"

# Each of these gives a service mounts of its own, in which namespaces would be hidden.
OWN_MOUNTS = [
    "PrivateTmp",
    "ProtectSystem",
    "ProtectHome",
    "PrivateDevices",
    "ReadOnlyPaths",
    "BindPaths",
]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_takes_the_unit(unit: Path, tmp_path: Path) -> None:
    here = tmp_path / unit.name
    here.write_text(unit.read_text().replace(f"/usr/local/bin/{unit.stem}", "/bin/true"))

    done = subprocess.run(
        ["systemd-analyze", "verify", here], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_unit_has_no_mounts_of_its_own(unit: Path) -> None:
    settings = {line.partition("=")[0] for line in unit.read_text().splitlines()}

    assert settings.isdisjoint(OWN_MOUNTS)


def _pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9\[\]-]+)==([^ ]+)", text, re.MULTILINE))


def test_agents_are_shipped_with_what_was_tested() -> None:
    tested, shipped = _pins("dev.txt"), _pins("agent.txt")

    assert shipped
    assert shipped.items() <= tested.items()


def test_the_container_is_made_of_what_is_there() -> None:
    named = re.findall(r"requirements/[\w.]+", CONTAINER.read_text(encoding="utf-8"))

    assert named
    assert all((ROOT / name).is_file() for name in named)
