# SPDX-License-Identifier: Apache-2.0
"""The laws of descriptors pass what is right, and speak plainly to the author of a test."""

from __future__ import annotations

import re
import subprocess
import sys
import unittest
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from kvscheduler import Depends, DependsOnAny, Descriptor
from kvscheduler.testing import Law, LawBroken, Rig, descriptor_laws
from tests.laws_cabinet import (
    HALF,
    OURS,
    PAIRS,
    THEIRS,
    AsyncBoxes,
    BlockingBoxes,
    Box,
    Boxes,
    Cabinet,
    Held,
    Lids,
    TellingBoxes,
    WatchingBoxes,
)


def family(kind: type[Boxes]) -> Callable[[Cabinet], list[Descriptor[Any, Any]]]:
    return lambda cabinet: [kind(cabinet), Lids(cabinet)]


def few(examples: int = 5, steps: int = 6) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
    )


def run(test: type[unittest.TestCase]) -> None:
    test("runTest").debug()


TestPlain = descriptor_laws(family(Boxes), values=PAIRS, southbound=Cabinet)
TestAsynchronous = descriptor_laws(family(AsyncBoxes), values=PAIRS, southbound=Cabinet)
TestBlocking = descriptor_laws(
    family(BlockingBoxes), values=PAIRS, southbound=Cabinet, settings=few(20, 10)
)
TestWatching = descriptor_laws(family(WatchingBoxes), values=PAIRS, southbound=Cabinet)
TestTelling = descriptor_laws(
    family(TellingBoxes), values=PAIRS, southbound=Cabinet, settings=few(20, 10)
)


class Pairs(Descriptor[str, None]):
    """Values that need their twin, and values that need any other."""

    name, key_prefix = "pairs", "pair/"

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def dependencies(self, key: str, value: str) -> list[Depends | DependsOnAny]:
        if value == "leans":
            return [DependsOnAny(("pair/",), label="any pair")]
        twin = {"pair/a": "pair/b", "pair/b": "pair/a"}.get(key)
        return [Depends(twin)] if twin else []

    def create(self, key: str, value: str) -> None:
        self.shelf.there[key] = value
        SEEN.add((key, value))

    def delete(self, key: str, value: str, metadata: None) -> None:
        self.shelf.there.pop(key, None)


SEEN: set[tuple[str, str]] = set()


class Shelf(Rig):
    """What is there, in a dictionary."""

    def __init__(self) -> None:
        self.there: dict[str, str] = {}

    def snapshot(self) -> dict[str, str]:
        return dict(self.there)


def pairs(*keys: str, value: str) -> st.SearchStrategy[tuple[str, str]]:
    return st.tuples(st.sampled_from(keys), st.just(value))


def test_a_test_is_an_ordinary_test_case() -> None:
    test = descriptor_laws(family(Boxes), values=PAIRS, southbound=Cabinet, settings=few())
    suite = unittest.TestSuite([test("runTest")])

    result = suite.run(unittest.TestResult())

    assert (result.testsRun, result.errors, result.failures) == (1, [], [])


def test_settings_are_passed_on_and_every_world_is_closed() -> None:
    made: list[Cabinet] = []

    def cabinet() -> Cabinet:
        made.append(Cabinet())
        return made[-1]

    run(descriptor_laws(family(Boxes), values=PAIRS, southbound=cabinet, settings=few(7)))

    assert 0 < len(made) <= 2 * 7
    assert not any(one.is_open for one in made)


def test_rings_and_values_that_lean_on_any_other_are_created() -> None:
    values = pairs("pair/1", value="alone") | pairs("pair/a", "pair/b", value="twin")
    values |= pairs("pair/2", value="leans")
    SEEN.clear()

    run(descriptor_laws(Pairs, values=values, southbound=Shelf, settings=few(50, 10)))

    assert {
        ("pair/1", "alone"),
        ("pair/2", "leans"),
        ("pair/a", "twin"),
        ("pair/b", "twin"),
    } == SEEN


def test_the_same_examples_are_tried_each_time() -> None:
    def lived() -> list[tuple[str, str]]:
        calls: list[tuple[str, str]] = []

        class Noting(Boxes):
            def create(self, key: str, value: Box) -> Any:
                calls.append((key, repr(value)))
                return super().create(key, value)

        kind = family(Noting)
        run(descriptor_laws(kind, values=PAIRS, southbound=Cabinet, settings=few(15)))
        return calls

    first, second = lived(), lived()

    assert first
    assert first == second


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pairs("pair/a", value="twin"), "pair/a needs pair/b"),
        (pairs("pair/1", value="leans"), "pair/1 needs any pair"),
        (pairs("elsewhere/1", value="alone"), "'elsewhere/1', which no descriptor selects"),
    ],
)
def test_a_test_that_tests_nothing_fails_and_says_why(
    values: st.SearchStrategy[tuple[str, str]], text: str
) -> None:
    test = descriptor_laws(Pairs, values=values, southbound=Shelf, settings=few())

    with pytest.raises(ValueError, match=re.escape(text)):
        run(test)


def test_a_ground_that_cannot_stand_is_the_authors_mistake() -> None:
    class Bottomless(Shelf):
        ground: Mapping[str, Any] = {"pair/a": "twin"}

    values = pairs("pair/1", value="alone")

    with pytest.raises(ValueError, match="ground cannot stand: pair/a lacks"):
        run(descriptor_laws(Pairs, values=values, southbound=Bottomless, settings=few()))


def test_a_stranger_that_cannot_be_seen_is_the_authors_mistake() -> None:
    class Blind(Shelf):
        def stranger(self, key: str, value: object) -> bool:
            return True

    values = pairs("pair/1", value="alone")

    with pytest.raises(ValueError, match="is not in its snapshot"):
        run(descriptor_laws(Pairs, values=values, southbound=Blind, settings=few(5)))


class Overwriting(Boxes):
    """Takes others' boxes for its own."""

    def begin(self, key: str) -> None:
        self.cabinet.boxes.setdefault(self.label(key), Held(next(self.cabinet.numbers), HALF))


@pytest.fixture(scope="module")
def overwriting() -> LawBroken:
    test = descriptor_laws(family(Overwriting), values=PAIRS, southbound=Cabinet)
    with pytest.raises(LawBroken) as caught:
        run(test)
    return caught.value


def test_a_broken_law_is_told_with_all_that_a_newcomer_needs(overwriting: LawBroken) -> None:
    assert str(overwriting).splitlines() == [
        "descriptor boxes breaks STRANGERS",
        "  the law:    what others made is neither changed nor removed, nor retrieved as ours",
        "  key:        box/1",
        "  created:    Box(size=0, label='', lids=[], material='wood')",
        "  expected:   the same snapshot before and after",
        f"  found:      1: {Held(3, THEIRS, 7)} became {Held(3, OURS, 0)}",
        f"  what to do: {Law.STRANGERS.advice}",
    ]
    assert overwriting.law is Law.STRANGERS


def test_the_steps_that_lead_there_are_told_as_a_program(overwriting: LawBroken) -> None:
    notes = "\n".join(overwriting.__notes__)

    assert "state.meet(pair=" in notes
    assert "state.want(" not in notes


def test_without_hypothesis_it_is_said_how_to_install_it() -> None:
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import kvscheduler.testing as testing\n"
        "try: testing.descriptor_laws\n"
        "except ModuleNotFoundError as error: print(error)\n"
    )

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == (
        "kvscheduler.testing.descriptor_laws needs hypothesis: pip install 'kvscheduler[testing]'"
    )


def test_importing_the_kit_without_its_strategies_does_not_import_hypothesis() -> None:
    code = "import kvscheduler.testing, sys; print('hypothesis' in sys.modules)"

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "False"
