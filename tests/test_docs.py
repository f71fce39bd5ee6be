# SPDX-License-Identifier: Apache-2.0
"""The documents are true: their programs run, their commands print what they show.

The rules for whoever writes one, in README.md and docs/*.md:

- the ``python`` blocks of a document are one program; where the next block is ``text``, that is
  what the block before it prints;
- a ``yaml`` block begins with a comment that names it as a file, for the commands that follow;
- the ``console`` blocks are run in order on a machine of the document's own; a line ``[...]``
  stands for any number of lines, and durations are not compared.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kvscheduler
from tests.machine import ROOT, Machine, environment, kvsctl, why_no_machine

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
RUN = [path for path in DOCUMENTS if path.parent == ROOT / "docs" or path.name == "README.md"]
TIMEOUT_S = 110
SEPARATOR = "-- the next block --"
ELLIPSIS = "[...]"
RESULTS = "benchmarks/RESULTS.md"
MOST_ARCHITECTURE_LINES = 300
QUICK_START_LINES = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a document."""

    language: str
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Command:
    """A command in a console block, and what stands beneath it."""

    line: str
    shown: str


def blocks(document: Path) -> list[Block]:
    """Return the fenced blocks of a document in order."""
    fence = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    return [Block(*found) for found in fence.findall(document.read_text(encoding="utf-8"))]


def commands(document: Path) -> list[Command]:
    """Return the commands in the console blocks of a document, in order."""
    found = []
    for block in blocks(document):
        if block.language == "console":
            for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                line, _, shown = part.partition("\n")
                found.append(Command(line, shown.rstrip("\n")))
    return found


def name(path: Path) -> str:
    """Return a document's name as it is seen in the tree."""
    return str(path.relative_to(ROOT))


def having(language: str) -> list[Path]:
    """Return the documents that are run and have blocks in a language."""
    return [path for path in RUN if any(one.language == language for one in blocks(path))]


def matches(shown: str, printed: str) -> bool:
    """Tell whether an output is what a document shows of it."""
    parts = re.split(rf"^[ ]*{re.escape(ELLIPSIS)}\n?", undated(shown) + "\n", flags=re.MULTILINE)
    pattern = r"(?:.*\n)*".join(map(re.escape, parts))
    return re.fullmatch(pattern, undated(printed).rstrip("\n") + "\n") is not None


def undated(text: str) -> str:
    """Return a text without what differs from run to run: durations and trailing blanks."""
    text = re.sub(r"\b\d+(\.\d+)? ?(ms|s)\b", "N s", text)
    return re.sub(r"[ ]+$", "", text, flags=re.MULTILINE)


# --- what is shown ------------------------------------------------------------------------------


@pytest.mark.parametrize("document", having("python"), ids=name)
def test_the_programs_in_a_document_print_what_it_shows(document: Path, tmp_path: Path) -> None:
    found = blocks(document)
    programs = [index for index, block in enumerate(found) if block.language == "python"]
    source = f"\nprint({SEPARATOR!r}, flush=True)\n".join(found[i].text for i in programs)
    if '"unshare"' in source and (why := why_no_machine()):
        pytest.skip(why)
    (tmp_path / "document.py").write_text(source, encoding="utf-8")

    ran = subprocess.run(
        [sys.executable, "document.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    for index, printed in zip(programs, ran.stdout.split(f"{SEPARATOR}\n"), strict=True):
        follows = found[index + 1] if index + 1 < len(found) else None
        shown = follows.text if follows is not None and follows.language == "text" else ""
        assert matches(shown.rstrip("\n"), printed), printed


@pytest.mark.parametrize("document", having("console"), ids=name)
def test_the_commands_in_a_document_print_what_it_shows(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why := why_no_machine():
        pytest.skip(why)
    monkeypatch.chdir(tmp_path)
    lay_out(document, tmp_path)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}:/usr/sbin:/sbin"

    with Machine(state=tmp_path / "state.db") as machine:
        for command in commands(document):
            ran = machine.run("sh", "-c", f"{command.line} 2>&1", env={"PATH": path})
            fails = bool(re.search(r"^error: ", command.shown, re.MULTILINE))

            assert matches(command.shown, ran.stdout), f"$ {command.line}\n{ran.stdout}"
            assert bool(ran.returncode) is fails, command.line


def lay_out(document: Path, folder: Path) -> None:
    """Put into a folder what the commands of a document use: examples, its files, programs."""
    for example in (ROOT / "examples").glob("*.yaml"):
        shutil.copy(example, folder)
    for block in blocks(document):
        if block.language == "yaml":
            (folder / file_name(block)).write_text(block.text, encoding="utf-8")
    (folder / "bin").mkdir()
    agent = [sys.executable, "-m", "kvs_agent.daemon"]
    for program, command in (("kvsctl", kvsctl()), ("nsm-agent-linux", agent)):
        script = folder / "bin" / program
        script.write_text(f'#!/bin/sh\nexec {" ".join(command)} "$@"\n', encoding="utf-8")
        script.chmod(0o755)


def file_name(block: Block) -> str:
    """Return the name that a block of YAML gives itself."""
    named = re.match(r"# ([\w.-]+\.yaml)\n", block.text)
    assert named is not None, f"name the file in the block's first line:\n{block.text}"
    return named[1]


@pytest.mark.parametrize("document", having("yaml"), ids=name)
def test_every_file_shown_in_a_document_is_used_there(document: Path) -> None:
    files = {file_name(block) for block in blocks(document) if block.language == "yaml"}
    words = {word for command in commands(document) for word in command.line.split()}

    assert files - words == set()


def test_an_output_matches_with_lines_left_out_and_other_durations() -> None:
    assert matches("a\n[...]\nDone in 0.2 s.", "a\nb\nc\nDone in 13 s.\n")
    assert matches("", "")
    assert not matches("a\n[...]\nb", "a\nc\n")
    assert not matches("1 to create", "2 to create\n")


# --- what is said -------------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_link_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text(encoding="utf-8"))
    local = [target for target in targets if not target.startswith(("https://", "http://"))]

    assert [one for one in local if not (document.parent / one).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_file_that_is_named_exists(document: Path) -> None:
    inside = ("kvscheduler", "descriptors/kvs_descriptors", "agents/kvs_agent")
    roots = [ROOT, document.parent, *(ROOT / folder for folder in inside)]
    named = set(re.findall(r"`([\w./-]+\.(?:py|toml|proto|md))`", document.read_text("utf-8")))

    # `make bench` writes the results; until then they are only spoken of.
    named.discard(RESULTS)
    assert [one for one in named if not any((root / one).exists() for root in roots)] == []


def test_the_reference_names_all_that_is_public() -> None:
    text = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8")
    said = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", text))))
    classes = (
        kvscheduler.Descriptor,
        kvscheduler.Plan,
        kvscheduler.Scheduler,
        kvscheduler.Southbound,
        kvscheduler.Transaction,
    )
    methods = {word for one in classes for word in vars(one) if not word.startswith("_")}

    assert ({*kvscheduler.__all__} | methods) - said == set()


def test_every_figure_in_the_readme_was_measured() -> None:
    """Its table is made of rows of the results: copy them anew after `make bench`."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## How fast\n(.*?)^## ", readme, re.DOTALL | re.MULTILINE)
    rows = [line for line in section.splitlines() if line.startswith("|")]
    measured = (ROOT / RESULTS).read_text(encoding="utf-8") if (ROOT / RESULTS).exists() else ""

    assert [row for row in rows if row not in measured.splitlines()] == []


def test_the_quick_start_is_short() -> None:
    (program,) = [one for one in blocks(ROOT / "README.md") if one.language == "python"]

    assert len([line for line in program.text.splitlines() if line.strip()]) <= QUICK_START_LINES


def test_the_architecture_is_read_in_one_sitting() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")

    assert len(text.splitlines()) <= MOST_ARCHITECTURE_LINES


def test_decisions_are_numbered_without_gaps_and_say_what_they_should() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    index = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")

    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    assert [record.name for record in records if record.name not in index] == []
    for record in records:
        headings = re.findall(r"^## (.+)$", record.read_text(encoding="utf-8"), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"], record.name
