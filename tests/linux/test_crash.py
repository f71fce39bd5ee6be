# SPDX-License-Identifier: Apache-2.0
"""Killed at any point at which the kernel is touched and started again, all ends right."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).with_name("crash_points.py")


@pytest.mark.parametrize("then", ["repair", "destroy"])
@pytest.mark.parametrize("journal", ["journal", "no-journal"])
@pytest.mark.parametrize("phase", ["create", "destroy"])
def test_whatever_the_moment_of_a_kill_the_next_engine_ends_right_and_nothing_leaks(
    privileged: None, tmp_path: pathlib.Path, phase: str, journal: str, then: str
) -> None:
    command = [sys.executable, str(SCRIPT), str(tmp_path), phase, journal, then]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=110, env=environment
    )

    assert done.returncode == 0, done.stderr
    *wrong, last = done.stdout.splitlines()
    assert wrong == [], done.stderr
    tried = re.fullmatch(r"tried (\d+) points", last)
    assert tried is not None
    assert int(tried[1]) > 10
