# SPDX-License-Identifier: Apache-2.0
"""What the page on one's own descriptor says of kills, tried with the class as it is printed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.machine import ROOT, environment, why_no_machine
from tests.test_docs import blocks

PAGE = ROOT / "docs" / "your-own-descriptor.md"
TIMEOUT_S = 60
KEY = "config/sysctl/net/ipv4/ip_default_ttl"
# An audit hook is called before Python opens or removes a file.
KILLED = """
import json


def killed(call, *arguments, at):
    if child := os.fork():
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
        return

    def hook(event, what):
        if event == "os.remove" == at or (event == "open" == at and is_change(*what)):
            os.kill(os.getpid(), 9)

    sys.addaudithook(hook)
    call(*arguments)


def is_change(path, mode, flags):
    return str(path).startswith(str(PROC)) and "w" in mode


def tell():
    found = [[each.key, each.value] for each in one.retrieve([])]
    now = one.path(TTL).read_text().strip()
    print(json.dumps([found, now, len(list(notes.iterdir()))]))


notes = Path("notes")
notes.mkdir()
one = Sysctls(notes)
"""


def told(then: str, folder: Path) -> list[list[object]]:
    """Return what a program tells that begins with the page's class."""
    if why := why_no_machine():
        pytest.skip(why)
    programs = [block.text for block in blocks(PAGE) if block.language == "python"]
    (whole,) = [text for text in programs if "class Sysctls" in text]
    parts = [programs[0], programs[1].partition("class Draft")[0], whole.partition("prove(")[0]]
    (folder / "program.py").write_text("\n".join([*parts, KILLED, then]), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "program.py"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_a_kill_between_note_and_change_is_found_and_finished(tmp_path: Path) -> None:
    program = """
killed(one.create, TTL, "99", at="open"); tell()
one.update(TTL, "64", "99", None); tell()
one.delete(TTL, "99", None); tell()
"""

    half, whole, gone = told(program, tmp_path)

    assert half == [[[KEY, "64"]], "64", 1]
    assert whole == [[[KEY, "99"]], "99", 1]
    assert gone == [[], "64", 0]


def test_a_kill_between_change_back_and_note_is_found_and_finished(tmp_path: Path) -> None:
    program = """
one.create(TTL, "99"); tell()
killed(one.delete, TTL, "99", None, at="os.remove"); tell()
one.delete(TTL, "64", None); tell()
"""

    whole, half, gone = told(program, tmp_path)

    assert whole == [[[KEY, "99"]], "99", 1]
    assert half == [[[KEY, "64"]], "64", 1]
    assert gone == [[], "64", 0]


def test_what_the_kernel_refuses_leaves_no_note(tmp_path: Path) -> None:
    program = """
try:
    one.create(TTL, "never")
except OSError:
    tell()
"""

    assert told(program, tmp_path) == [[[], "64", 0]]
