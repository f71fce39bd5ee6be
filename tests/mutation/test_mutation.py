# SPDX-License-Identifier: Apache-2.0
"""The runner itself, on a module of a few lines in a tree of its own."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.__main__ import MODULES
from tests.mutation.mutants import Source
from tests.mutation.reasons import Reason, Reasons

ROOT = Path(__file__).resolve().parents[2]

TINY = """\
LIMIT = 3

def is_small(number):
    if number < LIMIT:
        return True
    while number > 100:
        number -= 1
    return False
"""
CHECKS = """\
from pack.tiny import is_small

def test_one_is_small():
    assert is_small(1)

def test_much_is_not():
    assert not is_small(200)

def test_five_is_not():
    assert not is_small(5)
"""
REASONS = """\
[[group]]
reason = "as good"
alike = true
survivors = [
    ["tiny", "is_small", "number < LIMIT -> number <= LIMIT"],
    ["tiny", "is_small", "7 -> 8"],
]
"""
PROGRAM = """\
import pathlib, sys
from tests.mutation.reasons import Reasons
from tests.mutation.runner import Plan, run
root = pathlib.Path.cwd()
file = root / "pack" / "tiny.py"
sys.exit(run(Plan(root=root, measured=[file], targets=[file], tests=["checks"],
                  store=root / "store", again="again" in sys.argv,
                  reasons=Reasons(root / "survivors.toml"))))
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for folder in ("pack", "checks"):
        (root / folder).mkdir()
    (root / "pack" / "tiny.py").write_text(TINY)
    (root / "checks" / "test_tiny.py").write_text(CHECKS)
    (root / "pytest.ini").write_text(
        "[pytest]\npythonpath = .\naddopts = --import-mode=importlib\n"
    )
    (root / "first").write_text(_run(root))
    return root


def _run(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _outcomes(root: Path) -> dict[str, str]:
    found = json.loads((root / "store" / "pack.tiny.json").read_text())
    return {name.split(":", 2)[2]: one["outcome"] for name, one in found.items()}


def test_a_change_that_a_test_notices_is_killed(tree: Path) -> None:
    outcomes = _outcomes(tree)

    assert outcomes["return True -> return None#1"] == "killed"
    assert outcomes["True -> False#1"] == "killed"


def test_a_change_that_no_test_notices_survives(tree: Path) -> None:
    outcomes = _outcomes(tree)

    assert outcomes["number < LIMIT -> number <= LIMIT#1"] == "survived"


def test_a_change_that_never_ends_is_ended(tree: Path) -> None:
    outcomes = _outcomes(tree)

    assert outcomes["number -= 1 -> number += 1#1"] == "hung"


def test_a_constant_is_changed_before_anything_imports_it(tree: Path) -> None:
    outcomes = _outcomes(tree)

    assert outcomes["LIMIT = 3 -> LIMIT = None#1"] == "killed"
    assert outcomes["3 -> 4#1"] == "survived"


def test_what_is_known_is_not_tried_again(tree: Path) -> None:
    first = (tree / "first").read_text()

    second = _run(tree)

    assert " 0 to try" not in first
    assert " 0 to try" in second


def test_a_survivor_with_a_reason_is_let_alone(tree: Path) -> None:
    every = re.findall(r"(\d+) to try", _run(tree, "again"))
    (tree / "survivors.toml").write_text(REASONS.replace('"tiny"', '"pack.tiny"'))

    others = re.findall(r"(\d+) to try", _run(tree, "again"))

    (tree / "survivors.toml").unlink()
    assert int(others[0]) == int(every[0]) - 1


def test_a_new_test_kills_what_had_survived(tree: Path) -> None:
    more = "\ndef test_three_is_not():\n    assert not is_small(3)\n"
    (tree / "checks" / "test_tiny.py").write_text(CHECKS + more)

    told = _run(tree, "again")

    assert "measuring 4 tests" in told
    assert _outcomes(tree)["number < LIMIT -> number <= LIMIT#1"] == "killed"


def test_the_name_of_a_mutant_outlives_changes_in_other_functions(tmp_path: Path) -> None:
    text = "def one():\n    return 1\n"
    path = tmp_path / "file.py"
    path.write_text(text)
    before = {one.name for one in Source(path).mutants}

    path.write_text(f"def other():\n    return 2\n\n{text}")
    after = {one.name for one in Source(path).mutants}

    assert before
    assert before < after


def test_every_mutant_of_the_planner_compiles_to_other_code() -> None:
    path = ROOT / "kvscheduler" / "planner" / "rings.py"
    source = Source(path)
    whole = compile(ast.parse(path.read_text()), str(path), "exec", dont_inherit=True)

    same = [one.name for one in source.mutants if source.compiled(one) == whole]

    assert len(source.mutants) > 40
    assert same == []


def test_a_reason_to_live_is_that_of_a_module_that_is_tried() -> None:
    reasons = Reasons(ROOT / "tests" / "mutation" / "survivors.toml")

    assert reasons.modules() <= {name.replace("/", ".") for name in MODULES}


def test_the_report_tells_what_has_a_reason_and_of_which_reasons_there_is_no_need(
    tmp_path: Path,
) -> None:
    path = tmp_path / "survivors.toml"
    path.write_text(REASONS)
    tiny = tmp_path / "tiny.py"
    tiny.write_text(TINY)
    mutants = Source(tiny).mutants
    (same,) = (one for one in mutants if one.change == "number < LIMIT -> number <= LIMIT")

    reasons = Reasons(path)

    assert reasons.of("kvscheduler.tiny", same) == Reason("as good", is_alike=True)
    assert reasons.of("kvscheduler.tiny", mutants[0]) is None
    assert reasons.idle("tiny", mutants) == {("is_small", "7 -> 8")}
