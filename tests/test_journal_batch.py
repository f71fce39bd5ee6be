# SPDX-License-Identifier: Apache-2.0
"""Batches of a journal, one after another, and the state that they lead to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kvscheduler.journal_batch import ADOPTED, DOUBTFUL, Batch, State

RETRY = {"first_delay": 1.0}


def led_to(*batches: Batch) -> State:
    """Return the state that batches lead to from nothing, by way of their texts."""
    state = State()
    for batch in batches:
        state.apply(batch.text())
    return state


@pytest.mark.parametrize("name", ["made", "wanted", "intents", "rejected"])
def test_a_batch_is_empty_where_nothing_at_all_is_in_it(name: str) -> None:
    something: dict[str, Any] = {name: {"a": None}}

    assert Batch().is_empty()
    assert not Batch(**something).is_empty()


def test_the_text_is_short_and_names_what_is_rejected_only_where_something_is() -> None:
    short = Batch(wanted={"é": ("1", None, None)}).text()
    whole = Batch(rejected={"a": ("1", RETRY, "b")}).text()

    assert short == '{"made":{},"wanted":{"\\u00e9":["1",null,null]},"intents":{}}'
    assert json.loads(whole)["rejected"] == {"a": ["1", RETRY, "b"]}


def test_a_wish_counts_till_another_one_or_none_takes_its_place() -> None:
    first = Batch(wanted={"a": ("1", RETRY, None), "b": ("2", None, None)})
    second = Batch(wanted={"a": ("3", None, None), "b": None, "never": None})

    assert led_to(first).wanted == {"a": ("1", RETRY, None), "b": ("2", None, None)}
    assert led_to(first, second).wanted == {"a": ("3", None, None)}


def test_an_invalid_wish_counts_till_the_next_valid_one() -> None:
    invalid = Batch(wanted={"a": ("1", None, None)}, rejected={"a": ("2", RETRY, "base")})

    assert led_to(invalid).rejected == {"a": ("2", RETRY, "base")}
    assert led_to(invalid).wanted == {"a": ("1", None, None)}
    assert led_to(invalid, Batch(made={"a": ("1", None, 0)})).rejected == led_to(invalid).rejected
    assert led_to(invalid, Batch(wanted={"a": ("3", None, None)})).rejected == {}
    assert led_to(invalid, Batch(wanted={"a": None, "b": None})).rejected == {}


def test_an_outcome_without_a_value_is_that_of_what_was_intended() -> None:
    intent = Batch(wanted={"a": ("1", None, None)}, intents={"a": None, "b": "2"})
    outcome = Batch(made={"a": (None, "meta", 0), "b": ("3", None, ADOPTED)})

    assert led_to(intent).made == {"a": ("1", None, DOUBTFUL), "b": ("2", None, DOUBTFUL)}
    assert led_to(intent, outcome).made == {"a": ("1", "meta", 0), "b": ("3", None, ADOPTED)}


def test_an_intent_leaves_what_is_known_of_the_old_value_as_it_is() -> None:
    made = Batch(made={"a": ("1", "meta", ADOPTED)})

    assert led_to(made, Batch(intents={"a": "2"})).made == {"a": ("2", "meta", ADOPTED | DOUBTFUL)}
    again = led_to(made, Batch(intents={"a": "2"}), Batch(intents={"a": "3"}))
    assert again.made == {"a": ("3", "meta", ADOPTED | DOUBTFUL)}


def test_what_is_gone_is_forgotten_known_or_not() -> None:
    made = Batch(made={"a": ("1", None, 0), "b": ("2", None, 0)})

    assert led_to(made, Batch(made={"a": None, "c": None})).made == {"b": ("2", None, 0)}


def test_flags_that_are_no_number_are_refused_with_the_key() -> None:
    with pytest.raises(TypeError) as refused:
        State().apply('{"made":{"a":["1",null,true]},"wanted":{},"intents":{}}')

    assert str(refused.value) == "the flags of a are True"


def test_a_wish_of_the_first_version_has_no_base() -> None:
    state = State()

    state.apply('{"made":{},"wanted":{"a":["1",null]},"intents":{},"rejected":{"b":["2",null]}}')

    assert state.wanted == {"a": ("1", None, None)}
    assert state.rejected == {"b": ("2", None, None)}


def test_a_snapshot_leads_to_the_same_state_at_once() -> None:
    state = led_to(
        Batch(
            made={"a": ("1", "meta", ADOPTED)},
            wanted={"a": ("2", RETRY, None), "b": ("3", None, None)},
            intents={"b": None},
            rejected={"c": ("4", None, "a")},
        )
    )

    assert led_to(state.snapshot()) == state
    assert state.snapshot().intents == {}
