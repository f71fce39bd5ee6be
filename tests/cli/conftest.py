# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command line share: a run of it, and the outputs that were approved."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.machine import Machine, environment, kvsctl, why_no_machine

GOLDEN = Path(__file__).parent / "golden"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run kvsctl as a process of its own, in an empty directory, with its state there."""
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        env = environment({"KVSCTL_STATE": str(tmp_path / "state.db"), **more})
        return subprocess.run(
            [*kvsctl(), *arguments],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run_it


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Give a machine of the test's own, seen from an empty directory."""
    if why := why_no_machine():
        pytest.skip(why)
    monkeypatch.chdir(tmp_path)
    with Machine(state=tmp_path / "state.db") as made:
        yield made


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare an output with the approved one; UPDATE_GOLDEN=1 approves what there is."""

    def compare(name: str, shown: str) -> None:
        path = GOLDEN / name
        if os.environ.get("UPDATE_GOLDEN"):
            path.write_text(shown, encoding="utf-8")
        assert shown == path.read_text(encoding="utf-8")

    return compare
