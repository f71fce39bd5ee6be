# SPDX-License-Identifier: Apache-2.0
"""A process that reads bent input under the system's own limits, so that nothing can hide.

``python -m tests.fuzz.worker <reader> <seed>...``: each seed is written out before it is tried. A
crash, more memory than allowed, or ten seconds of work on one input end the process.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import random
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence

from kvs_agent import saved_plan
from kvs_agent.sources.config import load_text
from kvs_agent.sources.problems import ConfigError, Problem
from kvs_agent.sources.yaml_guard import Limits, parse
from kvscheduler import Depends, DependsOnAny, Operation, Plan, RetryPolicy
from kvscheduler.codec import JsonCodec, NotDecodable
from kvscheduler.errors import JournalError
from kvscheduler.journal import Journal
from tests.fuzz import test_journal_fuzz as journal
from tests.fuzz.rounds import mutated

MORE_BYTES = 512 << 20
SECONDS_EACH = 10.0
LARGE_BYTES = 4 << 20
LARGE_SHARE = 0.05
FORGED_SHARE = 0.7

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
FILES = [path.read_bytes() for path in sorted(EXAMPLES.glob("*.yaml"))]
YAML = tuple(
    piece.encode()
    for piece in (
        *("[", "]", "{", "}", ":", ": ", "- ", "? ", ", ", "|", ">", "|9+\n", "&a ", "*a ", "!t "),
        *("'", '"', "\\", '"\\U0010FFFF"', '"\\x"', "#", "%YAML 9.9\n", "%TAG ! x\n", "---\n"),
        *("\t", "\n", "\r", "\x85", "\u2028", "\ufeff", "\x00", "<<: *a\n", "~", "1e999", "!!"),
        *("...\n", "9" * 40),
    )
)
JSON = tuple(
    piece.encode()
    for piece in (
        *('{"tuple":', '{"dict":', '{"data":', '{"named":', '{"enum":', '{"message":', "[", "]"),
        *('{"set":[[]]}', '{"bytes":"', '"a:b"', '"builtins:dict"', '"os:system"', "NaN", "1e999"),
        *("}", "9" * 400),
    )
)
BREAKS = (b"\n", b"\r", "\x85".encode(), "\u2028".encode(), "\u2029".encode())
CODEC = JsonCodec()
WANTED = load_text((EXAMPLES / "topology.yaml").read_text(encoding="utf-8"))
PLAN = saved_plan.text(
    WANTED,
    Plan(
        [Operation("create", key, None, "d", None, value, "new") for key, value in WANTED.items()],
        [()] * len(WANTED),
        {"a": "waits for b"},
        {"c": "is wrong"},
    ),
).encode()
VALUES = tuple(
    CODEC.encode(value)
    for value in (
        {"key": [1, 2.5, None, True, "text", b"bytes", ("a", frozenset({1}))]},
        RetryPolicy(first_delay=2.0, max_attempts=3),
        [Depends("a/1"), DependsOnAny(("a/", "b/"), label="any")],
    )
)


def guard(draw: random.Random) -> None:
    """Read bent and overlarge YAML."""
    raw = mutated(draw.choice(FILES), draw, YAML)
    if draw.random() < LARGE_SHARE:
        piece = draw.choice((*YAML, b"a: b\n", b"- - ", b"a, ", b"text ", b" ", b"\\n", b"x"))
        opening = draw.choice((b"", b'"', b"'", b"a: |\n ", b"[", b"{", b"# ", b"a: &x [*x]\n"))
        raw = opening + piece * (LARGE_BYTES // len(piece))
    limits = draw.choice((None, Limits(max_events=100, max_depth=3)))
    lines = 2 + sum(raw.count(one) for one in BREAKS)
    for problem in problems(lambda: parse(raw, "bent.yaml", limits)):
        assert problem.text, problem
        assert problem.file == "bent.yaml", problem
        assert 0 <= problem.line <= lines, problem


def configuration(draw: random.Random) -> None:
    """Read bent YAML all the way to messages."""
    text = mutated(draw.choice(FILES), draw, YAML).decode(errors="replace")
    for problem in problems(lambda: load_text(text, "bent.yaml")):
        assert problem.text, problem
        assert problem.file == "bent.yaml", problem


def problems(read: Callable[[], object]) -> Sequence[Problem]:
    """Return what is wrong with what is read, nothing where it is taken."""
    try:
        read()
    except ConfigError as refused:
        return refused.problems
    return ()


def plans(draw: random.Random) -> None:
    """Read bent saved plans all the way to messages, and compare them with what they were."""
    bent = mutated(PLAN, draw, JSON)
    if draw.random() < LARGE_SHARE:
        bent = PLAN[: draw.randrange(len(PLAN))] + draw.choice(JSON) * 100_000
    for problem in problems(lambda: _compare(saved_plan.parse(bent, "bent.plan"))):
        assert problem.text, problem
        assert problem.file == "bent.plan", problem


def _compare(saved: saved_plan.SavedPlan) -> None:
    """Compare what was read with a plan of nothing."""
    with contextlib.suppress(saved_plan.PlanMoved):
        saved.check(Plan())
        assert not any(saved.plan[part] for part in ("operations", "pending", "invalid"))


def codec(draw: random.Random) -> None:
    """Read bent values, as they stand in a journal."""
    raw = mutated(draw.choice(VALUES), draw, JSON)
    if draw.random() < LARGE_SHARE:
        raw = draw.choice(JSON) * 100_000
    try:
        value = CODEC.decode(raw)
    except NotDecodable:
        return
    stored = CODEC.encode(value)
    assert CODEC.encode(CODEC.decode(stored)) == stored


def journals(draw: random.Random) -> None:
    """Read damaged journals, and forged ones whose batch is bent or overlarge."""
    with tempfile.TemporaryDirectory() as name:
        place = pathlib.Path(name)
        if draw.random() < FORGED_SHARE:
            body = mutated(journal.BODY.encode(), draw, journal.JSON).decode(errors="replace")
            if draw.random() < LARGE_SHARE:
                body = draw.choice(JSON).decode() * 100_000
            journal.forge(place, body)
            with contextlib.suppress(JournalError):
                Journal(place / "journal").peek()
            return
        last = journal.lived(place, draw)[-1]
        for _ in range(journal.DAMAGES):
            assert journal.load(place, journal.damaged(last.files, draw)) in (None, last.records)


READERS: dict[str, Callable[[random.Random], None]] = {
    "guard": guard,
    "configuration": configuration,
    "codec": codec,
    "plans": plans,
    "journals": journals,
}


def main(reader: str, *seeds: str) -> None:
    """Try the seeds one after another."""
    pages = int(pathlib.Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + MORE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for seed in seeds:
        os.write(sys.stdout.fileno(), f"{seed}\n".encode())
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS_EACH)
        READERS[reader](random.Random(int(seed)))


if __name__ == "__main__":
    main(*sys.argv[1:])
