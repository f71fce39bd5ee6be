# SPDX-License-Identifier: Apache-2.0
"""What an import brings along: the engine stays light, and its third parties stay few."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEAVY = ("click", "google", "grpc", "hypothesis", "networkx", "pyroute2", "sqlite3", "yaml")

# What the engine may use beside the standard library, by the part of it that may.
ENGINE_MAY = {"kvscheduler", "networkx"}
TESTING_MAY = {*ENGINE_MAY, "hypothesis"}


def _loaded_after(statement: str) -> set[str]:
    """Return the top-level names that a fresh interpreter has loaded after a statement."""
    code = f"{statement}; import sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(run.stdout.splitlines()[-1].split())


def _imported_by(path: Path) -> Iterator[str]:
    """Yield the top-level names of a file's absolute imports, wherever they stand."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def test_importing_the_engine_loads_nothing_heavy() -> None:
    loaded = _loaded_after("import kvscheduler")

    assert "kvscheduler" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_a_scheduler_can_be_made_without_loading_anything_heavy() -> None:
    loaded = _loaded_after("import kvscheduler; kvscheduler.Scheduler([])")

    assert loaded.isdisjoint(HEAVY)


def test_asking_the_command_line_for_help_loads_no_southbound() -> None:
    loaded = _loaded_after("from kvs_agent.cli import main; assert main(['--help']) == 0")

    assert loaded.isdisjoint({"networkx", "pyroute2", "google", "grpc", "hypothesis"})


def test_the_engine_uses_the_standard_library_and_networkx_only() -> None:
    foreign = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / "kvscheduler").rglob("*.py")
        for name in _imported_by(path)
        if name not in (TESTING_MAY if "testing" in path.parts else ENGINE_MAY)
        and name not in sys.stdlib_module_names
    }

    assert foreign == set()
