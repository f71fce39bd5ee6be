# SPDX-License-Identifier: Apache-2.0
"""Settings in files: what they say, and what is wrong with them, by file, line and name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from kvs_agent.core import conf
from kvs_agent.core.conf import setting
from kvs_agent.sources.problems import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kettle:
    """A thing with every kind of setting."""

    endpoint: str = setting("endpoint", "Where.", default="127.0.0.1:1")
    is_hot: bool = setting("hot", "Whether.", default=False)
    cups: int = setting("cups", "How many.", default=1)
    weight: float = setting("weight", "In kilograms.", default=1.5)
    boil_s: float = setting("boil-time", "How long.", default=60.0, is_duration=True)
    lid: Path | None = setting("lid-file", "Which.", default=None)
    spouts: tuple[str, ...] = setting("spouts", "All.", default=())
    roles: Mapping[str, str] = setting("roles", "Whose.", default={})


def read(path: Path, text: str, **ignored: str) -> Kettle:
    file = path / "kettle.conf"
    file.write_text(text, encoding="utf-8")
    return conf.read(file, Kettle, ignored)


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert conf.read(tmp_path / "none.conf", Kettle) == Kettle()


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_an_empty_file_says_nothing(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == Kettle()


def test_every_kind_of_setting_is_read(tmp_path: Path) -> None:
    text = """
        endpoint: unix:/run/x
        hot: true
        cups: 4
        weight: 2
        boil-time: 1m
        lid-file: /lid
        spouts: [a, b]
        roles: {alice: admin}
    """

    assert read(tmp_path, text) == Kettle(
        endpoint="unix:/run/x",
        is_hot=True,
        cups=4,
        weight=2,
        boil_s=60.0,
        lid=Path("/lid"),
        spouts=("a", "b"),
        roles={"alice": "admin"},
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("2s", 2.0),
        ("1.5m", 90.0),
        ("2000000000", 2.0),
        ("0", 0.0),
        ("250us", 25e-5),
    ],
)
def test_durations_are_written_as_in_go(tmp_path: Path, text: str, seconds: float) -> None:
    assert read(tmp_path, f"boil-time: {text}").boil_s == pytest.approx(seconds)


def test_one_word_is_a_list_of_one(tmp_path: Path) -> None:
    assert read(tmp_path, "spouts: a").spouts == ("a",)


def test_a_path_is_relative_to_the_files_folder(tmp_path: Path) -> None:
    assert read(tmp_path, "lid-file: a/lid").lid == tmp_path / "a" / "lid"


def test_settings_that_mean_nothing_here_are_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path, "polling: 3\ncups: 2", polling="has no poller") == Kettle(cups=2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cups: two", "kettle.conf:1: cups: 'two' is not a whole number"),
        ("cups: true", "kettle.conf:1: cups: True is not a whole number"),
        ("\nhot: 1", "kettle.conf:2: hot: 1 is not true or false"),
        ("endpoint: 5", "kettle.conf:1: endpoint: 5 is not text"),
        ("lid-file: ''", "kettle.conf:1: lid-file: '' is not a path"),
        ("spouts: [a, 1]", "kettle.conf:1: spouts: 1 is not text"),
        ("roles: [a]", "kettle.conf:1: roles: is not names with their values"),
        ("cup: 1", "kettle.conf:1: cup: there is no such setting: did you mean cups?"),
        ("zzz: 1", "kettle.conf:1: zzz: there is no such setting"),
        ("boil-time: 5", "kettle.conf:1: boil-time: 5 would be nanoseconds: write 5s or 5ms"),
        ("boil-time: soon", "boil-time: 'soon' is not a duration such as 500ms, 2s or 1m"),
        ("- cups", "kettle.conf: is not settings with their values"),
        ("a: *b", "aliases"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text)

    assert told in str(error.value)


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, "cups: x\nhot: y")

    assert [problem.line for problem in error.value.problems] == [1, 2]


def test_settings_are_listed_for_the_reference() -> None:
    settings = {one.key: one for one in conf.settings_of(Kettle)}

    assert settings["boil-time"].is_duration
    assert settings["cups"].default == 1
    assert settings["roles"].default == {}
    assert all(one.help.endswith(".") for one in settings.values())
