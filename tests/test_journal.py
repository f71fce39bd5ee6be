# SPDX-License-Identifier: Apache-2.0
"""The journal against a model: what was stored is what is loaded, whatever happened between."""

from __future__ import annotations

import dataclasses
import logging
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kvscheduler.codec import NotDecodable, NotEncodable
from kvscheduler.errors import JournalError
from kvscheduler.journal import Journal, Made, Records, Wanted
from kvscheduler.journal_batch import State
from kvscheduler.model import RetryPolicy

KEYS = st.sampled_from(["a", "b/ä", "c\0", "", "linux/interface/tap0"])
VALUES = st.none() | st.integers() | st.text() | st.lists(st.integers(), max_size=3)
POLICIES = st.none() | st.builds(
    RetryPolicy, first_delay=st.floats(0.001, 9), max_attempts=st.none() | st.integers(1, 9)
)
MADE = st.builds(
    Made, value=VALUES, metadata=VALUES, adopted=st.booleans(), doubtful=st.booleans()
)


class JournalMachine(RuleBasedStateMachine):
    """Any calls, closes and kills; after each the journal holds what the model holds."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.lives = 0
        self.stored = Records({}, {})
        self.buffer: dict[str, Made | None] = {}

    @initialize()
    def start(self) -> None:
        self.journal = Journal(self.folder / "0" / "journal")
        assert self.journal.open() == self.stored

    @rule(
        wanted=st.dictionaries(KEYS, st.none() | st.builds(Wanted, value=VALUES, retry=POLICIES)),
        intents=st.dictionaries(KEYS, VALUES),
        shared=st.sets(KEYS),
        rejected=st.dictionaries(KEYS, st.builds(Wanted, value=VALUES, retry=POLICIES)),
    )
    def begin(
        self,
        wanted: dict[str, Wanted | None],
        intents: dict[str, object],
        shared: set[str],
        rejected: dict[str, Wanted],
    ) -> None:
        for key in shared:
            want = wanted.get(key)
            if want is not None:
                intents[key] = want.value

        self.journal.begin(wanted, intents, rejected)

        self.settle()
        for key, want in wanted.items():
            self.stored.rejected.pop(key, None)
            if want is None:
                self.stored.wanted.pop(key, None)
            else:
                self.stored.wanted[key] = want
        self.stored.rejected.update(rejected)
        for key, value in intents.items():
            old = self.stored.made.get(key, Made(value=None))
            self.stored.made[key] = dataclasses.replace(old, value=value, doubtful=True)

    @rule(key=KEYS, made=st.none() | MADE)
    def record(self, key: str, made: Made | None) -> None:
        self.journal.record(key, made)
        self.buffer[key] = made

    @rule(key=KEYS, metadata=VALUES)
    def record_the_intended(self, key: str, metadata: object) -> None:
        old = self.stored.made.get(key)
        if old is not None:
            self.record(key, dataclasses.replace(old, metadata=metadata, doubtful=False))

    @rule()
    def flush(self) -> None:
        self.journal.flush()
        self.settle()

    @rule()
    def close_and_open_again(self) -> None:
        self.journal.close()
        self.journal.close()
        self.settle()
        assert self.journal.open() == self.stored

    @rule()
    def kill(self) -> None:
        self.lives += 1
        folder = self.folder / str(self.lives)
        shutil.copytree(self.journal.path.parent, folder)
        # The copy is what a kill at this moment would have left behind.
        self.buffer.clear()
        self.journal.close()
        self.journal = Journal(folder / "journal")
        assert self.journal.open() == self.stored

    @invariant()
    def a_tool_sees_what_is_stored(self) -> None:
        if self.lives or hasattr(self, "journal"):
            assert self.journal.peek() == self.stored

    def settle(self) -> None:
        for key, made in self.buffer.items():
            if made is None:
                self.stored.made.pop(key, None)
            else:
                self.stored.made[key] = made
        self.buffer.clear()

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.journal.close()
        shutil.rmtree(self.folder)


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal"


def test_nothing_is_touched_before_open(path: Path) -> None:
    Journal(path)

    assert not path.parent.exists()


def test_a_file_in_which_nothing_was_stored_yet_holds_nothing(path: Path) -> None:
    path.parent.mkdir()
    path.touch()

    assert Journal(path).peek() == Records({}, {})


def test_a_journal_stays_where_it_was_when_the_program_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    journal = Journal(":memory:")
    monkeypatch.chdir("/")

    journal.open()
    journal.close()

    assert (tmp_path / ":memory:").exists()


def test_a_journal_that_is_not_open_says_so(path: Path) -> None:
    journal = Journal(path)

    with pytest.raises(JournalError, match="is not open"):
        journal.begin({}, {"a": 1})
    journal.record("a", None)
    with pytest.raises(JournalError, match="is not open"):
        journal.flush()


def test_a_journal_is_opened_once(path: Path) -> None:
    journal = Journal(path)
    journal.open()

    with pytest.raises(JournalError, match="open already"):
        journal.open()
    journal.close()


def test_a_value_without_a_form_is_refused_before_anything_is_written(path: Path) -> None:
    journal = Journal(path)
    journal.open()
    journal.record("before", Made(value=0))

    for wanted, intents in (({"bad": Wanted(value=object())}, {}), ({}, {"bad": object()})):
        with pytest.raises(NotEncodable, match="value of 'bad'"):
            journal.begin({"good": Wanted(value=1), **wanted}, {"good": 1, **intents})

    assert journal.peek() == Records({}, {})
    journal.close()
    assert journal.peek() == Records({}, {"before": Made(value=0)})


def test_a_key_that_is_no_text_for_a_file_is_refused(path: Path) -> None:
    journal = Journal(path)
    journal.open()

    with pytest.raises(NotEncodable, match="surrogates"):
        journal.begin({"\ud800": Wanted(value=1)}, {})
    journal.close()


def test_a_record_without_a_form_costs_only_itself(path: Path) -> None:
    journal = Journal(path)
    journal.open()
    journal.begin({}, {"bad": 1, "good": 2})
    journal.record("bad", Made(value=object()))
    journal.record("good", Made(value=2))

    with pytest.raises(NotEncodable, match="value of 'bad'"):
        journal.close()

    assert journal.open().made == {"bad": Made(value=1, doubtful=True), "good": Made(value=2)}
    journal.close()


def test_metadata_without_a_form_is_stored_as_none(path: Path) -> None:
    journal = Journal(path)
    journal.open()
    journal.begin({}, {"a": 1})
    journal.record("a", Made(value=1, metadata=object()))
    journal.close()

    assert journal.peek().made == {"a": Made(value=1)}


class Loose:
    """A codec that stores text, does not read back what says so, and may return nonsense."""

    def encode(self, value: object) -> bytes:
        return value if value == "nonsense" else str(value).encode()  # type: ignore[return-value]  # on purpose

    def decode(self, data: bytes) -> object:
        if data == b"lost":
            message = "lost"
            raise RuntimeError(message)
        return data.decode()


def test_a_codec_of_ones_own_is_used_for_values_and_metadata(path: Path) -> None:
    journal = Journal(path, codec=Loose())
    journal.open()
    journal.begin({"a": Wanted(value=1j)}, {})
    journal.record("a", Made(value=1j, metadata=2j))
    journal.close()

    records = journal.peek()

    assert records.wanted == {"a": Wanted(value="1j")}
    assert records.made == {"a": Made(value="1j", metadata="2j")}


def test_a_codec_that_returns_no_bytes_is_refused(path: Path) -> None:
    journal = Journal(path, codec=Loose())
    journal.open()

    with pytest.raises(NotEncodable, match="no bytes"):
        journal.begin({"a": Wanted(value="nonsense")}, {})
    journal.close()


def test_metadata_that_cannot_be_read_is_none_but_a_value_is_an_error(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(path, codec=Loose())
    journal.open()
    journal.record("a", Made(value="v", metadata="lost"))
    journal.flush()

    with caplog.at_level(logging.WARNING):
        assert journal.peek().made == {"a": Made(value="v")}
    assert "metadata of a is lost" in caplog.text

    journal.begin({"w": Wanted(value="lost")}, {})
    journal.close()
    with pytest.raises(NotDecodable, match="value of w: lost"):
        journal.open()
    with pytest.raises(NotDecodable, match="value of w: lost"):  # and the lock is free again
        journal.open()


def test_where_nothing_changes_the_file_is_not_touched(path: Path) -> None:
    journal = Journal(path)
    journal.open()
    journal.begin({"a": Wanted(value=1)}, {})
    before = (path.parent / "journal-wal").read_bytes()

    journal.flush()
    journal.begin({}, {})
    journal.record("unheard of", None)
    journal.flush()

    assert (path.parent / "journal-wal").read_bytes() == before
    journal.close()


def test_batches_are_replaced_by_a_snapshot_when_they_outgrow_it(path: Path) -> None:
    journal = Journal(path)
    journal.open()
    for number in range(30):
        journal.begin({"a": Wanted(value="x" * 500_000)}, {"b": number})
        journal.record("b", Made(value=number, metadata=number))
        journal.flush()
    journal.close()

    assert path.stat().st_size < 8_000_000
    assert journal.open().made == {"b": Made(value=29, metadata=29)}
    journal.begin({}, {"b": 30})
    journal.close()
    assert journal.peek().made == {"b": Made(value=30, metadata=29, doubtful=True)}


def test_a_snapshot_that_fails_does_not_fail_the_flush(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(path)
    journal.open()
    for _ in range(10):
        journal.begin({"a": Wanted(value="x" * 500_000)}, {})
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE stranger (x)")
    other.close()

    journal.record("b", Made(value=1))
    journal.flush()

    assert "not compacted" in caplog.text
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE stranger")
    other.close()
    journal.close()
    assert journal.peek().made == {"b": Made(value=1)}


def test_a_retry_policy_comes_back(path: Path) -> None:
    policy = RetryPolicy(first_delay=0.5, factor=3, max_delay=float("inf"), max_attempts=7)
    journal = Journal(path)
    journal.open()
    journal.begin({"a": Wanted(value=1, retry=policy)}, {})
    journal.close()

    assert journal.peek().wanted["a"].retry == policy


def test_power_safety_asks_for_a_sync_with_each_commit(path: Path) -> None:
    levels = []
    for power_safe in (False, True):
        journal = Journal(path, power_safe=power_safe)
        journal.open()
        assert journal._store is not None
        levels += journal._store._connection.execute("PRAGMA synchronous").fetchone()
        journal.close()

    assert levels == [1, 2]


def test_a_file_of_version_1_is_brought_up(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as old:
        old.executescript(Path(__file__).with_name("journal_version_1.sql").read_text("utf-8"))
    old.close()
    expected = Records(
        {"linux/interface/tap0": Wanted(value={"mtu": 9000}), "ü": Wanted(value=None)},
        {
            "linux/interface/tap0": Made(value={"mtu": 1500}, metadata=7, doubtful=True),
            "linux/interface/eth0": Made(value=[], adopted=True),
        },
    )
    journal = Journal(path)

    with pytest.raises(JournalError, match="version 1; start an engine"):
        journal.peek()
    assert journal.open() == expected
    journal.begin({}, {"linux/interface/eth0": [1]})
    journal.close()

    assert journal.open().made["linux/interface/eth0"] == Made(
        value=[1], adopted=True, doubtful=True
    )
    journal.close()


def test_a_damaged_file_of_version_1_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as old:
        old.executescript(Path(__file__).with_name("journal_version_1.sql").read_text("utf-8"))
        old.execute("UPDATE wanted SET value = CAST('1' AS BLOB) WHERE key = 'ü'")
    old.close()

    with pytest.raises(JournalError, match="row of 'ü' in wanted"):
        Journal(path).open()

    with sqlite3.connect(path) as old:
        assert old.execute("PRAGMA user_version").fetchone() == (1,)
        assert old.execute("SELECT count(*) FROM made").fetchone() == (2,)
    old.close()


def test_flags_that_are_no_number_are_refused() -> None:
    made = '{"made":{"a":["1",null,"adopted"]},"wanted":{},"intents":{}}'

    with pytest.raises(TypeError, match="the flags of a are 'adopted'"):
        State().apply(made)
