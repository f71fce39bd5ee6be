# SPDX-License-Identifier: Apache-2.0
"""Seeds for fuzzing without hypothesis: a few, always the same, or for as long as one wants.

FUZZ_SECONDS=600 goes on with new seeds for so long in each test; FUZZ_SEED=17 repeats one.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Iterator

__all__ = ["PATIENCE_S", "mutated", "rounds"]

_SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
_SEED = os.environ.get("FUZZ_SEED", "")
PATIENCE_S = 120 + _SECONDS + int(os.environ.get("HYPOTHESIS_EXAMPLES", "0"))
"""How long one test may take."""

_MOST_BYTES = 1 << 16
_MAGIC = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80")


def rounds(usual: int) -> Iterator[int]:
    """Yield the seeds of a test; on a failure the last one is what FUZZ_SEED repeats it with."""
    if _SEED:
        yield int(_SEED)
    elif _SECONDS:
        end = time.monotonic() + _SECONDS
        first = random.SystemRandom().randrange(1 << 32)
        yield from itertools.takewhile(lambda _: time.monotonic() < end, itertools.count(first))
    else:
        yield from range(usual)


def mutated(content: bytes, draw: random.Random, pieces: tuple[bytes, ...] = ()) -> bytes:
    """Return a content with a few bytes flipped, lost, doubled, moved, or put in from pieces."""
    for _ in range(draw.choice((1, 1, 2, 3, 8))):
        content = draw.choice(_CHANGES)(content, draw, pieces or _MAGIC)[:_MOST_BYTES]
    return content


def _flip(content: bytes, draw: random.Random, _: tuple[bytes, ...]) -> bytes:
    at = draw.randrange(len(content) + 1)
    return (
        content[:at]
        + bytes(one ^ (1 << draw.randrange(8)) for one in content[at : at + 1])
        + (content[at + 1 :])
    )


def _overwrite(content: bytes, draw: random.Random, _: tuple[bytes, ...]) -> bytes:
    start, end = _span(content, draw)
    filling = draw.choice((b"\x00", b"\xff", draw.randbytes(1))) * (end - start)
    return content[:start] + filling + content[end:]


def _cut(content: bytes, draw: random.Random, _: tuple[bytes, ...]) -> bytes:
    start, end = _span(content, draw)
    return content[:start] + content[end:]


def _repeat(content: bytes, draw: random.Random, _: tuple[bytes, ...]) -> bytes:
    start, end = _span(content, draw)
    return content[:end] + content[start:end] * draw.choice((1, 2, 100)) + content[end:]


def _move(content: bytes, draw: random.Random, _: tuple[bytes, ...]) -> bytes:
    start, end = _span(content, draw)
    rest = content[:start] + content[end:]
    at = draw.randrange(len(rest) + 1)
    return rest[:at] + content[start:end] + rest[at:]


def _insert(content: bytes, draw: random.Random, pieces: tuple[bytes, ...]) -> bytes:
    at = draw.randrange(len(content) + 1)
    return content[:at] + draw.choice(pieces) * draw.choice((1, 1, 2, 70)) + content[at:]


def _span(content: bytes, draw: random.Random) -> tuple[int, int]:
    start = draw.randrange(len(content) + 1)
    return start, min(len(content), start + draw.choice((1, 4, 16, 64, 512)))


_CHANGES = (_flip, _flip, _overwrite, _cut, _repeat, _move, _insert, _insert)
