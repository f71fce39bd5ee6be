# SPDX-License-Identifier: Apache-2.0
"""The table of conformance and the tests say the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

FOLDER = Path(__file__).parent
TABLE = FOLDER.parents[1] / "docs" / "conformance.md"
ROW = re.compile(r"^\| (?!scenario \||--- )(?P<scenario>.+?) \| (?P<here>.+) \| (?P<test>.+) \|$")


def rows() -> list[tuple[str, str, str]]:
    """Return scenario, verdict and test, for each row and with the file of its section."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    found = [ROW.match(line) for line in lines if line.startswith("|")]
    return [(one["scenario"], one["here"], one["test"]) for one in found if one is not None]


def known() -> dict[str, str]:
    """Return the conformance tests with their files; no two of them share a name."""
    names = [
        (node.name, path.name)
        for path in sorted(FOLDER.glob("test_*.py"))
        if path != Path(__file__)
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert len({name for name, _ in names}) == len(names)
    return dict(names)


def test_every_row_has_its_test_and_every_test_its_row() -> None:
    named = [test.strip("`") for _, _, test in rows()]

    assert sorted(named) == sorted(known())


def test_every_row_stands_under_the_file_of_its_test() -> None:
    where = known()
    sections = re.split(r"^## .*$", TABLE.read_text(encoding="utf-8"), flags=re.MULTILINE)

    wrong = [
        test
        for section in sections
        for test in re.findall(r"`(test_\w+)`", section)
        if f"[{where.get(test)}]" not in section
    ]

    assert wrong == []


def test_every_row_says_whether_it_is_the_same() -> None:
    verdict = re.compile(r"(Same|Different: .{10,}|Bug there[:,] .{10,})")

    assert [here for _, here, _ in rows() if verdict.match(here) is None] == []
    assert all(scenario for scenario, _, _ in rows())
