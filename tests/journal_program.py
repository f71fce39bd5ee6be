# SPDX-License-Identifier: Apache-2.0
"""A program of its own that works on a journal, for what one process cannot show."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

__all__ = ["environment", "program", "run"]

PREAMBLE = """
import os, resource, sys
from kvscheduler.errors import JournalError
from kvscheduler.journal import Journal, Made, Wanted
journal = Journal(sys.argv[1])
"""


def program(code: str, path: Path) -> list[str]:
    """Return the command of a program that has a ``journal`` at a path."""
    return [sys.executable, "-c", PREAMBLE + textwrap.dedent(code), str(path)]


def environment() -> dict[str, str]:
    """Return an environment in which the program finds what we find."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def run(command: list[str]) -> str:
    """Run a command that has to go well; return what it printed."""
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
