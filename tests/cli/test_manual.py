# SPDX-License-Identifier: Apache-2.0
"""The man pages: one for each command, with all its help, and printed without a fault."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from kvs_agent.cli.app import cli
from kvs_agent.cli.manual import page, pages, write

PAGES = dict(pages())


def shown(name: str) -> str:
    """Return a page as it is read, its words alone."""
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-ww", "-b", "-P-cbou", "-rLL=200n"],
        input=PAGES[name],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return " ".join(done.stdout.split())


def test_every_command_has_a_page(tmp_path: Path) -> None:
    write(tmp_path / "man")

    found = {path.name for path in (tmp_path / "man").iterdir()}
    assert found == {"kvsctl.1"} | {f"kvsctl-{name}.1" for name in cli.commands}


def test_a_page_is_as_approved(golden: Callable[[str, str], None]) -> None:
    golden("kvsctl-try.1", PAGES["kvsctl-try.1"])


@pytest.mark.skipif(not shutil.which("groff"), reason="takes groff")
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_printed_without_a_warning_and_names_every_option(name: str) -> None:
    command = cli.commands.get(name.removeprefix("kvsctl-").removesuffix(".1"), cli)

    text = shown(name)

    for option in (one for one in command.params if isinstance(one, click.Option)):
        assert option.opts[-1] in text
        assert " ".join((option.help or "").split()) in text


@pytest.mark.skipif(not shutil.which("groff"), reason="takes groff")
def test_what_roff_would_take_for_its_own_is_printed_as_it_stands() -> None:
    @click.command(help=".TH is \\fBnot\\fP a 'title'\n\n'quoted -x")
    def odd() -> None: ...

    PAGES["odd.1"] = page(click.Context(odd, info_name="odd"))

    text = shown("odd.1")

    assert ".TH is \\fBnot\\fP a 'title' 'quoted -x" in text
