# SPDX-License-Identifier: Apache-2.0
"""Descriptors that break the laws of what is cut short and of what is watched."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Sequence

import pytest

from kvscheduler import Retrieved
from kvscheduler.testing import Law
from tests.laws_cabinet import HALF, OURS, AsyncBoxes, Box, Boxes, WatchingBoxes
from tests.test_descriptor_laws_broken import BROKEN as OTHERS
from tests.test_descriptor_laws_broken import broken_by


class Dismantling(AsyncBoxes):
    """Takes a box apart to change it; what is in pieces it neither finds nor puts together."""

    async def create(self, key: str, value: Box) -> int:
        await asyncio.sleep(0)
        there = self.cabinet.boxes.get(self.label(key))
        if there is not None and there.owner == HALF:
            raise FileExistsError(f"{key} is in pieces")
        self.begin(key)
        return self.finish(key, value)

    async def update(self, key: str, old: Box, new: Box, metadata: int | None) -> None:
        await self.take_apart(key)
        self.finish(key, new)

    async def take_apart(self, key: str) -> None:
        there = self.cabinet.boxes[self.label(key)]
        self.cabinet.boxes[self.label(key)] = dataclasses.replace(there, owner=HALF)
        await asyncio.sleep(0)

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> list[Retrieved]:
        found = await super().retrieve(expected, keys)
        return [one for one in found if self.cabinet.boxes[self.label(one.key)].owner == OURS]


class Demolishing(Dismantling):
    """Takes a box apart to remove it."""

    update = AsyncBoxes.update  # the careful one

    async def delete(self, key: str, value: Box, metadata: int | None) -> None:
        there = self.cabinet.boxes.get(self.label(key))
        if there is not None and there.owner == OURS:
            await self.take_apart(key)
            del self.cabinet.boxes[self.label(key)]


class Deaf(WatchingBoxes):
    async def watch(self) -> None:
        await asyncio.Event().wait()


class Forgiving(WatchingBoxes):
    def report(self, key: str) -> None:
        if self.label(key) not in self.cabinet.boxes:
            super().report(key)


class Soothing(WatchingBoxes):
    standing: dict[str, Box]

    async def create(self, key: str, value: Box) -> int:
        self.standing = {**getattr(self, "standing", {}), key: value}
        return await super().create(key, value)

    def report(self, key: str) -> None:
        self.southbound.notify({key: self.standing.get(key, Box())})


class Frail(WatchingBoxes):
    async def watch(self) -> None:
        raise ConnectionError("nobody there")


class Immortal(WatchingBoxes):
    async def watch(self) -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await super().watch()


class Clinging(WatchingBoxes):
    async def watch(self) -> None:
        try:
            await super().watch()
        finally:
            raise RuntimeError("not now")


class Single(WatchingBoxes):
    has_begun = False

    async def watch(self) -> None:
        if self.has_begun:
            raise RuntimeError("begun already")
        self.has_begun = True
        await super().watch()


BROKEN: list[tuple[Law, type[Boxes], str]] = [
    (Law.UPDATE_INTERRUPTED, Dismantling, "is in pieces"),
    (Law.DELETE_INTERRUPTED, Demolishing, "half made by us"),
    (Law.WATCH, Deaf, "no report within 0.3 s after it"),
    (Law.WATCH, Forgiving, "after it became Box(size="),
    (Law.WATCH, Soothing, "a report that has the engine look at it"),
    (Law.WATCH_ENDS, Frail, "it raised ConnectionError: nobody there"),
    (Law.WATCH_ENDS, Immortal, "it goes on for 0.3 s and more"),
    (Law.WATCH_ENDS, Clinging, "it raised RuntimeError: not now"),
    (Law.WATCH_ENDS, Single, "it raised RuntimeError: begun already"),
]


@pytest.mark.parametrize(
    ("law", "kind", "text"), BROKEN, ids=[kind.__name__ for _, kind, _ in BROKEN]
)
def test_a_wrong_descriptor_is_caught(law: Law, kind: type[Boxes], text: str) -> None:
    caught = broken_by(kind)

    assert caught.law is law, str(caught)
    assert text in str(caught)


def test_each_law_has_a_descriptor_that_breaks_it() -> None:
    assert {law for law, _, _ in [*OTHERS, *BROKEN]} == set(Law)
