# SPDX-License-Identifier: Apache-2.0
"""The laws pass descriptors that are right in unusual ways, and tell authors of wrong tests."""

from __future__ import annotations

import asyncio
import unittest
from typing import Any

import pytest
from hypothesis import settings

from kvscheduler import Descriptor, Southbound
from kvscheduler.testing import descriptor_laws
from tests.laws_cabinet import (
    PAIRS,
    AsyncBoxes,
    Box,
    Boxes,
    Cabinet,
    Lids,
    WatchingBoxes,
)


class AskingBoxes(WatchingBoxes):
    """Has everything read that is its own."""

    def report(self, key: str) -> None:
        self.southbound.request_resync(self.key_prefix)


class RoundAboutBoxes(WatchingBoxes):
    """Has read what all of them need, and what is around."""

    def report(self, key: str) -> None:
        self.southbound.request_refresh(["box/base"], around=True)


class BreakingBoxes(WatchingBoxes):
    """Says of whatever others touch that it has broken; from a thread."""

    def report(self, key: str) -> None:
        error = ConnectionError("somebody was here")
        asyncio.get_running_loop().run_in_executor(None, self.southbound.failed, key, error)


class ReturningBoxes(WatchingBoxes):
    """Loses its connection with each report, and asks for all when it is back."""

    async def watch(self) -> None:
        await super().watch()

    def report(self, key: str) -> None:
        self.southbound.request_refresh([self.key_prefix])
        raise ConnectionError("gone")


class BlindBoxes(AsyncBoxes):
    """Cannot be read."""

    retrieve = Descriptor.retrieve  # type: ignore[assignment]  # as if it were not overridden


class FailingBoxes(AsyncBoxes):
    """Says in its own words that it was cut short."""

    async def update(self, key: str, old: Box, new: Box, metadata: int | None) -> None:
        try:
            await super().update(key, old, new, metadata)
        except asyncio.CancelledError as error:
            raise TimeoutError("cut short") from error


class NumberedLids(Lids):
    """Looks up the number of the box below, and waits meanwhile."""

    def attach(self, southbound: Southbound) -> None:
        self.southbound = southbound

    async def create(self, key: str, value: str) -> None:  # type: ignore[override]  # may wait
        await asyncio.sleep(0)
        assert self.southbound.metadata("boxes")[value] == self.cabinet.boxes[value].index
        super().create(key, value)

    async def delete(  # type: ignore[override]  # may wait
        self, key: str, value: str, metadata: None
    ) -> None:
        super().delete(key, value, metadata)
        await asyncio.sleep(0)


def laws(
    boxes: type[Boxes],
    rig: type[Cabinet] = Cabinet,
    lids: type[Lids] = Lids,
    chosen: settings | None = None,
) -> type[unittest.TestCase]:
    def family(cabinet: Cabinet) -> list[Descriptor[Any, Any]]:
        return [boxes(cabinet), lids(cabinet)]

    return descriptor_laws(family, values=PAIRS, southbound=rig, settings=chosen)


class Renaming(Cabinet):
    """Strangers put the one box of theirs in the way, once."""

    def stranger(self, key: str, value: Box) -> bool:
        if "theirs" not in self.boxes:
            return False
        self.boxes[key.removeprefix("box/")] = self.boxes.pop("theirs")
        return True


class Peaceful(Cabinet):
    """Nobody does anything to what is small."""

    def disturb(self, key: str, value: Box) -> bool:
        return value.size > 1 and super().disturb(key, value)


TestAsking = laws(AskingBoxes)
TestRoundAbout = laws(RoundAboutBoxes)
TestBreaking = laws(BreakingBoxes)
TestReturning = laws(ReturningBoxes)
TestBlind = laws(BlindBoxes)
TestFailing = laws(FailingBoxes)
TestNumbered = laws(AsyncBoxes, lids=NumberedLids)
TestRenaming = laws(AsyncBoxes, Renaming)
TestPeaceful = laws(WatchingBoxes, Peaceful)


class Secretive(Cabinet):
    def disturb(self, key: str, value: Box) -> bool:
        return True


class Groundless(Cabinet):
    def __init__(self) -> None:
        super().__init__()
        self.ground = {"box/base": Box(), "box/ground": Box(-1)}


class Unwritable(Boxes):
    create = Descriptor.create  # as if it were not overridden


class BareGround(Cabinet):
    def __init__(self) -> None:
        super().__init__()
        self.ground = {}


@pytest.mark.parametrize(
    ("test", "text"),
    [
        (laws(WatchingBoxes, Secretive), r"disturb\(\) did to box/. is not in its snapshot"),
        (laws(Boxes, Groundless), "ground cannot stand: box/ground lacks"),
        (laws(Unwritable, BareGround), r"the descriptor of box/\d has no create\(\)"),
    ],
)
def test_a_mistake_of_the_author_is_told(test: type[unittest.TestCase], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        test("runTest").debug()
