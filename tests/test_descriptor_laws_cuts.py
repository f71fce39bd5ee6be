# SPDX-License-Identifier: Apache-2.0
"""Every call of a right descriptor cut short at every wait: the laws go on as the engine would."""

from __future__ import annotations

import asyncio

import pytest

from kvscheduler.testing.laws.life import Cut, Life
from tests.laws_cabinet import TIN, AsyncBoxes, Box, Cabinet, Held, Lids
from tests.test_descriptor_laws_right import BlindBoxes

KEY, FIRST = "box/1", Box(1, lids=["k"])
CHANGES = {
    "create": None,
    "update": Box(2, lids=["k"]),
    "recreate": Box(1, lids=["l"], material=TIN),
    "delete": None,
}


@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize("crashed", [False, True])
@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", [AsyncBoxes, BlindBoxes])
def test_what_was_cut_short_is_finished_or_deleted(
    kind: type[AsyncBoxes], change: str, at: int, crashed: bool, wanted: bool
) -> None:
    cabinet = Cabinet()
    life = Life(lambda rig: [kind(rig), Lids(rig)], cabinet)
    cut = Cut(part=0, at=at, crashed=crashed, wanted=wanted)
    last = CHANGES[change] or FIRST

    asyncio.run(live(life, change, cut))

    size = last.size if wanted else None
    assert sized(cabinet.boxes.get("1")) == size
    assert cabinet.lids == ({last.lids[0]: "1"} if wanted else {})


async def live(life: Life, change: str, cut: Cut) -> None:
    """Have one call cut short that usually waits twice, among others that are not."""
    await life.open()
    await life.want("box/2", Box())
    await life.delete("box/2", forgotten=False)
    if change != "create":
        await life.want(KEY, Box(0, lids=["k"]))
        await life.want(KEY, FIRST)
    if change == "delete":
        await life.interrupt_delete(KEY, cut)
    else:
        await life.interrupt(KEY, CHANGES[change] or FIRST, cut)


def sized(there: Held | None) -> int | None:
    return None if there is None else there.size
