# SPDX-License-Identifier: Apache-2.0
"""Looking into several namespaces at once, of which some may vanish, or not let us in."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

from kvscheduler import PartialRetrieve, Retrieved

from .kernel import NamespaceGone

__all__ = ["Looked", "look_into"]

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Looked(Generic[T]):
    """What each namespace held, and why others could not be read."""

    found: dict[str, T]
    failed: dict[str, OSError]

    def answer(self, found: Iterable[Retrieved], unread: Iterable[str]) -> list[Retrieved]:
        """Return what was found, or raise it with the keys of which nothing is known."""
        if self.failed:
            raise PartialRetrieve(found, unread) from next(iter(self.failed.values()))
        return list(found)


async def look_into(namespaces: Iterable[str], look: Callable[[str], Awaitable[T]]) -> Looked[T]:
    """Look into namespaces at once; one that has vanished holds nothing, and is no failure."""
    names = sorted(set(namespaces))
    results = await asyncio.gather(*map(look, names), return_exceptions=True)
    looked: Looked[T] = Looked({}, {})
    for name, result in zip(names, results, strict=True):
        if not isinstance(result, BaseException):
            looked.found[name] = result
        elif not isinstance(result, OSError):
            raise result
        elif not isinstance(result, NamespaceGone) or result.is_news:
            # To make anew in a place that has gone what has gone with it would fail.
            looked.failed[name] = result
    return looked
