# SPDX-License-Identifier: Apache-2.0
"""YAML from strangers: what is taken, what is refused, and that the line is told."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvs_agent.sources.problems import ConfigError, Problem
from kvs_agent.sources.yaml_guard import Limits, parse

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcdef_", min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=20,
)


def read(text: str, **limits: int) -> object:
    return parse(text.encode(), "f.yaml", Limits(**limits)).data


@given(JSON)
def test_json_is_read_as_json_reads_it(data: object) -> None:
    assert read(json.dumps(data, ensure_ascii=False)) == data


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("TRUE", "TRUE"),
        ("12:30:45", "12:30:45"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        (".inf", ".inf"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("02:00:00:00:00:01", "02:00:00:00:00:01"),
        ("1e3", 1000.0),
        ("-7", -7),
        ("true", True),
        ("null", None),
        ("", None),
        ("a:", {"a": None}),
        ("{1: x, true: y}", {"1": "x", "true": "y"}),
        ("\ufeffa: 1", {"a": 1}),
    ],
)
def test_plain_words_are_what_they_are_in_json(text: str, data: object) -> None:
    read_data = read(text)

    assert read_data == data
    assert type(read_data) is type(data)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "'a' is on line 1 already"),
        ("a:\n  x: 1\n  y: 2\n  x: 3\n", 4, "'x' is on line 2 already"),
        ("a: &here 1\n", 1, "anchors (&here)"),
        ("\na: *there\n", 2, "aliases (*there)"),
        ("a: !!python/name:os.system x\n", 1, "tags"),
        ("a: !x y\n", 1, "tags"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("a: [1, 2\n", 2, "expected"),
        ("? [a]\n: b\n", 1, "only words can be keys"),
        ("a: 1\nb: " + "9" * 41 + "\n", 2, "more than 40 digits"),
        ("a: 1e999\n", 1, "too large a number"),
        ("a: \t- b\n", 1, ""),
        ("a:\n\tb: 1\n", 2, "a tab: YAML is indented with blanks"),
        ("a:\n  - b: 1\n  \tc: 2\n", 3, "a tab"),
        ("a: \x01\n", 0, ""),
    ],
)
def test_what_is_refused_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)

    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("f.yaml", line)
    assert words in problem.text


def test_bytes_that_are_no_utf8_are_refused_with_their_line() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(b"a: 1\nb: \xff\n", "f.yaml")

    assert str(caught.value) == "f.yaml:2: not UTF-8"


@pytest.mark.parametrize(
    ("text", "limits", "words"),
    [
        ("[" * 65 + "]" * 65, {}, "nested more than 64 deep"),
        ("- a\n" * 20, {"max_events": 10}, "more than 10 parts"),
        ("a: " + "x" * 100, {"max_bytes": 50}, "more than 50 bytes"),
    ],
)
def test_what_is_too_much_is_refused(text: str, limits: dict[str, int], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read(text, **limits)


@pytest.mark.parametrize("text", ["[" * 1_000_000, "{a: " * 100_000, "- " * 500_000])
def test_a_million_brackets_are_refused_at_once(text: str) -> None:
    start = time.process_time()

    with pytest.raises(ConfigError):
        read(text)

    assert time.process_time() - start < 5


def test_the_depth_that_is_allowed_is_read() -> None:
    data = read("[" * 64 + "]" * 64)

    for _ in range(63):
        assert isinstance(data, list)
        (data,) = data
    assert data == []


@given(st.text(max_size=200))
@example("a: b: c")
@example("%TAG ! tag:x,2000:\n---\n!a b")
@example("\x85a")
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    data, refused = outcome(text.encode("utf-8", "replace"))

    assert json.loads(json.dumps(data)) == data
    assert all(one.text for one in refused)


def outcome(raw: bytes) -> tuple[object, tuple[Problem, ...]]:
    try:
        return parse(raw, "f.yaml").data, ()
    except ConfigError as refused:
        return None, refused.problems


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_a_reason(raw: bytes) -> None:
    data, refused = outcome(raw)

    assert data is None or not refused
    assert all(one.text for one in refused)


@given(JSON)
def test_every_part_has_a_line(data: object) -> None:
    document = parse(json.dumps(data, indent=1, ensure_ascii=False).encode(), "f.yaml")
    pending: list[tuple[tuple[str | int, ...], object]] = [((), data)]
    while pending:
        path, part = pending.pop()
        assert document.lines[path] >= 1
        if isinstance(part, dict):
            pending += [((*path, key), inner) for key, inner in part.items()]
        elif isinstance(part, list):
            pending += [((*path, index), inner) for index, inner in enumerate(part)]
