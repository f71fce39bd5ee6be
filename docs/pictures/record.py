# SPDX-License-Identifier: Apache-2.0
"""Takes pictures of a terminal: real commands on real networking, as SVG. ``make pictures``."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

from tests.machine import ROOT, Machine

__all__ = ["HERE", "NAMES", "recorded"]

HERE = Path(__file__).resolve().parent
COLOURFUL = {"plan", "apply", "diff", "repair", "explain"}
COLUMNS = 120
FONTS = "Consolas, Menlo, 'DejaVu Sans Mono', monospace"

# Each picture begins where the one before has ended. What stands behind a blank is not shown.
STORY: Mapping[str, Sequence[str]] = {
    "plan": (" kvsctl apply cable.yaml", "kvsctl plan changed.yaml"),
    "refused": ("kvsctl apply --quiet --revert refused.yaml", "kvsctl plan cable.yaml"),
    "explain": (
        "kvsctl apply --quiet changed.yaml",
        "kvsctl explain desk",
        "kvsctl explain config/linux/interfaces/v2/interface/new",
    ),
    "repair": (
        "ip -n left link set red mtu 1300",
        "ip -n right address flush dev blue",
        "kvsctl repair",
        "kvsctl timeline config/linux/interfaces/v2/interface/red",
    ),
}
NAMES = (*STORY, "demo")


def recorded() -> dict[str, str]:
    """Play the story on a machine of its own; return each picture's coloured text by name."""
    lines = [line for told in STORY.values() for line in told]
    with tempfile.TemporaryDirectory() as folder:
        for file in HERE.glob("*.yaml"):
            shutil.copy(file, folder)
        story = Path(folder, "story.json")
        story.write_text(json.dumps([_coloured(line) for line in lines]), encoding="utf-8")
        with contextlib.chdir(folder), Machine(state=Path(folder, "state.db")) as machine:
            ran = machine.run(sys.executable, "-m", "tests.cli.teller", story)
    said = dict(zip(lines, json.loads(ran.stdout), strict=True))
    return {
        name: "".join(_shown(line, said[line]) for line in told if line[0] != " ")
        for name, told in STORY.items()
    }


def _coloured(line: str) -> str:
    command = line.split()[:2]
    return f"{line} --color always" if command[0] == "kvsctl" and command[1] in COLOURFUL else line


def _shown(line: str, told: Mapping[str, Any]) -> str:
    said = (told.get("out", "") + told.get("err", "")).rstrip("\n")
    return f"\x1b[1m$ {line}\x1b[0m\n{said}\n" + "\n" * bool(said)


def _demo() -> str:
    """Return what the demo prints, with its headings and commands made bold."""
    with tempfile.TemporaryDirectory() as folder, Machine(state=Path(folder, "state")) as machine:
        demo = shlex.join([sys.executable, str(ROOT / "examples" / "demo.py")])
        ran = machine.run("sh", "-c", f"exec {demo} 2>&1")
    if ran.returncode:
        raise SystemExit(ran.stdout)
    return re.sub(r"^([#$] .*)$", "\x1b[1m\\1\x1b[0m", ran.stdout, flags=re.MULTILINE)


def drawn(name: str, text: str) -> str:
    """Return a terminal's text, colours and all, as SVG that asks for no fonts from elsewhere."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(text.rstrip("\n")))
    title = f"kvsctl: {name}"
    picture = console.export_svg(title=title, theme=DIMMED_MONOKAI, unique_id=f"kvsctl-{name}")
    picture = re.sub(r"\s*@font-face \{.*?\}", "", picture, flags=re.DOTALL)
    return picture.replace("Fira Code, monospace", FONTS) + "\n"


def main() -> None:
    """Write all pictures."""
    for name, text in (*recorded().items(), ("demo", _demo())):
        path = HERE / f"{name}.svg"
        path.write_text(drawn(name, text), encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
