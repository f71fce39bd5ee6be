# SPDX-License-Identifier: Apache-2.0
"""Files as a source: each by itself, followed, and nothing lost to one that is broken."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from kvs_agent.orchestrator import Item
from kvs_agent.sources.folder import Folder
from kvscheduler import TransactionResult

PREFIX = "config/linux/interfaces/v2/interface/"
_PATIENCE_S = 20.0


class Held:
    """Notes what a source holds."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.told: list[Sequence[str]] = []
        self.news = asyncio.Event()

    async def change(
        self, source: str, changes: Mapping[str, Item | None], *, description: str = ""
    ) -> TransactionResult | None:
        assert source == "file"
        self.items.update({key: item for key, item in changes.items() if item is not None})
        self.news.set()
        return None

    async def replace(
        self, source: str, items: Mapping[str, Item], *, description: str = ""
    ) -> TransactionResult | None:
        assert source == "file"
        self.items = dict(items)
        self.news.set()
        return None

    @property
    def names(self) -> list[str]:
        return sorted(key.removeprefix(PREFIX) for key in self.items)


def write(path: Path, *names: str) -> None:
    ones = "".join(f"\n  - {{name: {name}, type: LOOPBACK}}" for name in names)
    path.write_text(f"linuxConfig:\n interfaces:{ones}\n", encoding="utf-8")


def look(folder: Path, held: Held, initial: Path | None = None) -> Folder:
    return Folder(held, folder, initial, report=held.told.append)


def test_all_files_of_a_folder_are_one_source(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "one", "two")
    write(tmp_path / "b.yml", "three")
    write(tmp_path / ".hidden.yaml", "four")
    write(tmp_path / "notes.txt", "five")
    held = Held()

    asyncio.run(look(tmp_path, held).reload())

    assert held.names == ["one", "three", "two"]
    assert held.told == [()]


def test_a_folder_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    held = Held()
    asyncio.run(look(tmp_path / "none", held, tmp_path / "none.yaml").reload())

    assert held.names == []


def test_an_initial_file_counts_before_the_folder(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    write(tmp_path / "first.yaml", "one")
    write(tmp_path / "d" / "a.yaml", "one", "two")
    held = Held()

    asyncio.run(look(tmp_path / "d", held, tmp_path / "first.yaml").reload())

    assert held.names == ["one", "two"]
    ((problem,),) = held.told
    assert problem.endswith(f"is in {tmp_path}/first.yaml already, which counts")


def test_a_file_that_breaks_keeps_what_it_said_and_costs_no_other(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "one")
    write(tmp_path / "b.yaml", "two")
    held = Held()
    folder = look(tmp_path, held)

    async def story() -> None:
        await folder.reload()
        (tmp_path / "a.yaml").write_text("linuxConfig: {interfces: []}", encoding="utf-8")
        write(tmp_path / "b.yaml", "three")
        await folder.reload()

    asyncio.run(story())

    assert held.names == ["one", "three"]
    assert "did you mean interfaces" in held.told[-1][0]


def test_while_a_file_was_never_usable_nothing_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("[", encoding="utf-8")
    write(tmp_path / "b.yaml", "two")
    held = Held()
    held.items = {f"{PREFIX}of-an-earlier-life": Item("x")}
    folder = look(tmp_path, held)

    async def story() -> None:
        await folder.reload()
        assert held.names == ["of-an-earlier-life", "two"]
        write(tmp_path / "a.yaml", "one")
        await folder.reload()

    asyncio.run(story())

    assert held.names == ["one", "two"]


def test_a_file_that_goes_takes_its_values_along(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "one")
    write(tmp_path / "b.yaml", "two")
    held = Held()
    folder = look(tmp_path, held)

    async def story() -> None:
        await folder.reload()
        (tmp_path / "a.yaml").unlink()
        await folder.reload()

    asyncio.run(story())

    assert held.names == ["two"]


@contextlib.asynccontextmanager
async def following(folder: Folder) -> AsyncIterator[None]:
    task = asyncio.create_task(folder.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(held: Held, *names: str) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while held.names != sorted(names):
            held.news.clear()
            await held.news.wait()


def test_what_is_written_moved_and_removed_is_followed(tmp_path: Path) -> None:
    async def story() -> None:
        held = Held()
        folder = look(tmp_path, held)
        await folder.reload()
        async with following(folder):
            write(tmp_path / "a.yaml", "one")
            await until(held, "one")
            write(tmp_path / "b.tmp", "one", "two")
            (tmp_path / "b.tmp").rename(tmp_path / "a.yaml")
            await until(held, "one", "two")
            (tmp_path / "a.yaml").unlink()
            await until(held)

    asyncio.run(story())


def test_what_is_written_just_as_it_begins_to_follow_is_not_missed(tmp_path: Path) -> None:
    async def story() -> None:
        held = Held()
        folder = look(tmp_path, held)
        await folder.reload()
        write(tmp_path / "a.yaml", "one")
        async with following(folder):
            await until(held, "one")

    asyncio.run(story())


def test_folders_that_are_made_later_are_followed(tmp_path: Path) -> None:
    inside = tmp_path / "new" / "config.d"

    async def story() -> None:
        held = Held()
        folder = look(inside, held)
        async with following(folder):
            await asyncio.sleep(0.1)
            inside.mkdir(parents=True)
            write(inside / "a.yaml", "one")
            await until(held, "one")
            (inside / "a.yaml").unlink()
            inside.rmdir()
            await until(held)
            inside.mkdir()
            write(inside / "b.yaml", "two")
            await until(held, "two")

    asyncio.run(story())
