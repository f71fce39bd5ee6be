# SPDX-License-Identifier: Apache-2.0
"""The pictures of a terminal show what commands say today; ``make pictures`` takes them anew."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from docs.pictures.record import HERE, NAMES, drawn, recorded
from tests.machine import ROOT, why_no_machine

TEXT = "{http://www.w3.org/2000/svg}text"


def words(picture: str) -> list[str]:
    """Return what a picture says, line by line, less its title and what differs each time."""
    # Our own file, and nothing in it is expanded.
    found = [one for one in ET.fromstring(picture).iter(TEXT) if "clip-path" in one.attrib]  # noqa: S314 - as said
    said = " ".join(html.unescape(one.text or "") for one in found).replace("\xa0", " ")
    said = re.sub(r"\d+\.\d\d s\b", "N.NN s", said)
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "YYYY-MM-DD hh:mm:ss", said).split()


def test_the_pictures_show_what_the_commands_say_today() -> None:
    if why := why_no_machine():
        pytest.skip(why)

    for name, text in recorded().items():
        shown = (HERE / f"{name}.svg").read_text(encoding="utf-8")
        assert words(shown) == words(drawn(name, text)), f"{name}.svg: make pictures"


def test_the_picture_of_the_demo_tells_its_story() -> None:
    demo = (ROOT / "examples" / "demo.py").read_text(encoding="utf-8")
    told = " ".join(words((HERE / "demo.svg").read_text(encoding="utf-8")))

    headings = re.findall(r'^    say\("([^"{]+)"\)', demo, re.MULTILINE)
    assert headings
    assert [one for one in headings if one not in told] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_needs_nothing_from_elsewhere(name: str) -> None:
    picture = (HERE / f"{name}.svg").read_text(encoding="utf-8")

    assert "@font-face" not in picture
    assert "url(http" not in picture
    assert "<script" not in picture


def test_every_picture_is_shown_somewhere() -> None:
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = "".join(document.read_text(encoding="utf-8") for document in documents)
    pictures = sorted(path.name for path in Path(HERE).glob("*.svg"))

    assert pictures == sorted(f"{name}.svg" for name in NAMES)
    assert [name for name in pictures if f"pictures/{name}" not in text] == []
