# SPDX-License-Identifier: Apache-2.0
"""One mutant on trial: in a forked child that runs tests until one notices, or none is left."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import resource
import select
import signal
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, FunctionType

import pytest

from tests.mutation.coverage_map import Passage, Run
from tests.mutation.results import Outcome, Verdict

__all__ = ["Functions", "try_out"]

MEMORY_BYTES = 4 << 30
# A test that takes so much longer than it did, and some, hangs.
PATIENCE_FACTOR, PATIENCE_S = 8.0, 3.0
# What the child tells: at which test it is; then one of these.
_WORD = struct.Struct("i")
_KILLED, _SURVIVED = -1, -2


class Functions:
    """The functions of one file that are alive now, to be given other code."""

    def __init__(self, path: Path) -> None:
        self._found: dict[tuple[str, int], list[FunctionType]] = {}
        self._caches: list[functools._lru_cache_wrapper[object]] = []
        for one in gc.get_objects():
            if isinstance(one, FunctionType) and one.__code__.co_filename == str(path):
                code = one.__code__
                self._found.setdefault((code.co_qualname, code.co_firstlineno), []).append(one)
            elif isinstance(one, functools._lru_cache_wrapper):
                self._caches.append(one)

    def give(self, code: CodeType, name: str, line: int) -> None:
        """Give a function the code that it has in a changed file."""
        changed = _within(code, name, line)
        for function in self._found[name, line]:
            function.__code__ = changed
        for cache in self._caches:
            cache.cache_clear()

    def has(self, name: str, line: int) -> bool:
        """Tell whether a function is alive."""
        return (name, line) in self._found


def _within(code: CodeType, name: str, line: int) -> CodeType:
    stack = [code]
    while stack:
        one = stack.pop()
        if one.co_qualname == name and one.co_firstlineno == line:
            return one
        stack.extend(const for const in one.co_consts if isinstance(const, CodeType))
    raise LookupError(f"{name} at line {line}")


def try_out(
    change: Callable[[], None], tests: Sequence[tuple[pytest.Item, Passage]], run: Run
) -> Verdict:
    """Have a child make a change and run tests; tell what became of it."""
    begun = time.monotonic()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        _be_child(change, [item for item, _ in tests], run, writer)
    os.close(writer)
    try:
        last, at, count = _follow(reader, tests)
    finally:
        os.close(reader)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if last == _SURVIVED:
        return Verdict(
            outcome=Outcome.SURVIVED, tests=count, seconds=round(time.monotonic() - begun, 2)
        )
    return Verdict(
        outcome=Outcome.KILLED if last == _KILLED else Outcome.HUNG,
        by=tests[at][0].nodeid,
        tests=count,
        seconds=round(time.monotonic() - begun, 2),
    )


def _follow(reader: int, tests: Sequence[tuple[pytest.Item, Passage]]) -> tuple[int, int, int]:
    """Listen to a child; return its last word, at which test it was, and how many it began.

    A child that died, of memory say, counts as killed by the test that it was at.
    """
    at, count, patience_s = 0, 0, PATIENCE_S
    while True:
        ready, _, _ = select.select([reader], [], [], patience_s)
        if not ready:
            return 0, at, count
        word = os.read(reader, _WORD.size)
        if not word:
            return _KILLED, at, count
        (told,) = _WORD.unpack(word)
        if told < 0:
            return told, at, count
        at, count = told, count + 1
        patience_s = PATIENCE_S + PATIENCE_FACTOR * tests[at][1].seconds


def _be_child(
    change: Callable[[], None], items: Sequence[pytest.Item], run: Run, writer: int
) -> None:
    """Run the tests, and end whatever happens."""
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        change()
        for number, item in enumerate(items):
            os.write(writer, _WORD.pack(number))
            if not run(item):
                os.write(writer, _WORD.pack(_KILLED))
                os._exit(0)
        os.write(writer, _WORD.pack(_SURVIVED))
    finally:
        os._exit(0)
