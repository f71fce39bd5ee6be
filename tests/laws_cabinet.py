# SPDX-License-Identifier: Apache-2.0
"""A small southbound of its own, a cabinet of boxes, and descriptors for it that keep all laws."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from kvscheduler import (
    Depends,
    Derived,
    Descriptor,
    InvalidValue,
    Origin,
    Retrieved,
    Southbound,
)
from kvscheduler.testing import Rig

OURS, HALF, THEIRS = "ours", "half made by us", "theirs"
WOOD, TIN = "wood", "tin"


@dataclasses.dataclass
class Box:
    """A value; its label is written in capitals or not, which makes no difference."""

    size: int = 1
    label: str = ""
    lids: list[str] = dataclasses.field(default_factory=list)
    material: str = WOOD


@dataclasses.dataclass(frozen=True)
class Held:
    """A box as the cabinet holds it."""

    index: int
    owner: str
    size: int = 0
    label: str = ""
    material: str = WOOD


class Cabinet(Rig):
    """Boxes by name, lids by name, and one box of others; listeners hear what others do."""

    patience_s = 0.3

    def __init__(self) -> None:
        self.boxes: dict[str, Held] = {}
        self.lids: dict[str, str] = {}
        self.numbers = itertools.count(1)
        self.is_open = False
        self.listeners: list[Callable[[str], object]] = []
        self.ground = {"box/base": Box()}

    def open(self) -> None:
        self.is_open = True
        self.boxes["theirs"] = Held(next(self.numbers), THEIRS)

    def close(self) -> None:
        self.is_open = False

    def snapshot(self) -> dict[str, Any]:
        return {**self.boxes, **{f"lid {name}": on for name, on in self.lids.items()}}

    def stranger(self, key: str, value: Box) -> bool:
        name = key.removeprefix("box/")
        self.boxes[name] = Held(next(self.numbers), THEIRS, size=7)
        return True

    def disturb(self, key: str, value: Box) -> bool:
        name = key.removeprefix("box/")
        there = self.boxes[name]
        if value.size:
            self.boxes[name] = dataclasses.replace(there, size=there.size + 7)
        else:
            del self.boxes[name]
            self.lids = {lid: on for lid, on in self.lids.items() if on != name}
        for listener in self.listeners:
            listener(key)
        return True


class Boxes(Descriptor[Box, int]):
    """Boxes; the metadata is the cabinet's number of each."""

    name, key_prefix = "boxes", "box/"

    def __init__(self, cabinet: Cabinet) -> None:
        self.cabinet = cabinet

    def validate(self, key: str, value: Box) -> None:
        if value.size < 0:
            raise InvalidValue("smaller than nothing", ("size",))

    def equivalent(self, key: str, old: Box, new: Box) -> bool:
        return normal(old) == normal(new)

    def dependencies(self, key: str, value: Box) -> Iterable[Any]:
        return [Depends("box/base")] if key != "box/base" else []

    def derived(self, key: str, value: Box) -> Iterable[Derived]:
        yield Derived(f"there/{key}", True)
        for lid in value.lids:
            yield Derived(f"lid/{lid}", self.label(key))

    def requires_recreate(self, key: str, old: Box, new: Box, metadata: int | None) -> bool:
        return old.material != new.material

    def claims(self, key: str, value: Box) -> Iterable[str]:
        return [f"label {value.label.lower()}"] if value.label else []

    def create(self, key: str, value: Box) -> Any:
        self.begin(key)
        return self.finish(key, value)

    def begin(self, key: str) -> None:
        name = self.label(key)
        there = self.cabinet.boxes.get(name)
        if there is None:
            self.cabinet.boxes[name] = Held(next(self.cabinet.numbers), HALF)
        elif there.owner == THEIRS:
            raise FileExistsError(f"{name} is another's")

    def finish(self, key: str, value: Box) -> int:
        name = self.label(key)
        index = self.cabinet.boxes[name].index
        self.cabinet.boxes[name] = held(index, value)
        return index

    def update(self, key: str, old: Box, new: Box, metadata: int | None) -> Any:
        self.finish(key, new)

    def delete(self, key: str, value: Box, metadata: int | None) -> Any:
        there = self.cabinet.boxes.get(self.label(key))
        if there is not None and there.owner != THEIRS:
            del self.cabinet.boxes[self.label(key)]

    def retrieve(self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None) -> Any:
        wanted = {one.key: one.value for one in expected}
        for name, there in sorted(self.cabinet.boxes.items()):
            key = f"box/{name}"
            if there.owner != THEIRS and (keys is None or key in keys):
                lids = wanted[key].lids if key in wanted else []
                value = Box(there.size, there.label, lids, there.material)
                yield Retrieved(key, value, there.index, Origin.NORTHBOUND)


class AsyncBoxes(Boxes):
    """The same, by calls that wait: between two steps of a create too."""

    async def create(self, key: str, value: Box) -> int:
        await asyncio.sleep(0)
        self.begin(key)
        await asyncio.sleep(0)
        return self.finish(key, value)

    async def update(self, key: str, old: Box, new: Box, metadata: int | None) -> None:
        await asyncio.sleep(0)
        super().update(key, old, new, metadata)
        await asyncio.sleep(0)

    async def delete(self, key: str, value: Box, metadata: int | None) -> None:
        await asyncio.sleep(0)
        super().delete(key, value, metadata)
        await asyncio.sleep(0)

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> list[Retrieved]:
        await asyncio.sleep(0)
        return list(super().retrieve(expected, keys))


class BlockingBoxes(Boxes):
    """The same, in threads."""

    blocking = True


class WatchingBoxes(AsyncBoxes):
    """The same, that hears of what others do, and has the engine look."""

    def attach(self, southbound: Southbound) -> None:
        self.southbound = southbound

    async def watch(self) -> None:
        heard: asyncio.Queue[str] = asyncio.Queue()
        self.cabinet.listeners.append(heard.put_nowait)
        try:
            while True:
                self.report(await heard.get())
        finally:
            self.cabinet.listeners.remove(heard.put_nowait)

    def report(self, key: str) -> None:
        self.southbound.request_refresh([key])


class TellingBoxes(WatchingBoxes):
    """The same, that tells what is there."""

    def report(self, key: str) -> None:
        there = self.cabinet.boxes.get(self.label(key))
        value = there and Box(there.size, there.label, [], there.material)
        self.southbound.notify({key: value})


class Lids(Descriptor[str, None]):
    """Lids on boxes: derived values, read with their base."""

    name, key_prefix = "lids", "lid/"

    def __init__(self, cabinet: Cabinet) -> None:
        self.cabinet = cabinet

    def create(self, key: str, value: str) -> None:
        self.cabinet.lids[self.label(key)] = value

    def update(self, key: str, old: str, new: str, metadata: None) -> None:
        self.create(key, new)

    def delete(self, key: str, value: str, metadata: None) -> None:
        self.cabinet.lids.pop(self.label(key), None)


def normal(value: Box) -> Box:
    return dataclasses.replace(value, label=value.label.lower(), lids=[])


def held(index: int, value: Box) -> Held:
    return Held(index, OURS, value.size, value.label.lower(), value.material)


BOXES = st.builds(
    Box,
    size=st.integers(-1, 2),
    label=st.sampled_from(["", "a", "A"]),
    lids=st.sampled_from([(), ("l",), ("k", "l")]).map(list),
    material=st.sampled_from([WOOD, TIN]),
)
PAIRS = st.tuples(st.sampled_from(["box/1", "box/2"]), BOXES)
