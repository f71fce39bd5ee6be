# SPDX-License-Identifier: Apache-2.0
"""Files as a source: an initial configuration and a folder that is watched, as one."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from kvs_agent.orchestrator import Item, Sink

from . import config
from .config import Configuration
from .problems import ConfigError

__all__ = ["Folder", "Report"]

logger = logging.getLogger(__name__)

SOURCE: Final = "file"
SUFFIXES: Final = (".yaml", ".yml", ".json")
MAX_FILES: Final = 10_000
# Editors write in several steps, which should be one change.
QUIET_MS: Final = 50

# Told what is wrong, after each look; an empty sequence says that nothing is.
Report = Callable[[Sequence[str]], None]


@dataclasses.dataclass(frozen=True, slots=True)
class _Seen:
    """A file as it was read last: what tells whether it has changed, and what it said."""

    stamp: tuple[int, int, int]
    good: Configuration | None
    problems: tuple[str, ...]


class Folder:
    """Holds what files say, and follows them.

    A file that cannot be used as it stands keeps what it said before, and costs no other file
    anything. While one has never been usable, nothing is given up that files held in an earlier
    life. Of two files that have one key the one whose name sorts first counts. A folder that
    does not exist is empty.
    """

    def __init__(
        self,
        sink: Sink,
        folder: Path | None,
        initial: Path | None = None,
        *,
        report: Report = lambda _problems: None,
    ) -> None:
        self._sink = sink
        self._folder = folder
        self._initial = initial
        self._report = report
        self._seen: dict[Path, _Seen] = {}
        self._lock = asyncio.Lock()

    async def reload(self) -> None:
        """Look at the files, and hold what they say now; nothing new costs no transaction."""
        async with self._lock:
            problems = await asyncio.to_thread(self._look)
            items, twice = self._merged()
            told = (*problems, *twice)
            for problem in told:
                logger.warning("%s", problem)
            if any(one.good is None for one in self._seen.values()):
                await self._sink.change(SOURCE, items, description="files")
            else:
                await self._sink.replace(SOURCE, items, description="files")
            self._report(told)

    async def run(self) -> None:
        """Follow the files for ever; folders that are made, or made anew, as well."""
        import watchfiles  # noqa: PLC0415 - an optional extra: [files]

        while True:
            places = self._places()
            changes = watchfiles.awatch(
                *(path for path, _ in places), step=QUIET_MS, recursive=False
            )
            change = asyncio.ensure_future(anext(changes))
            try:
                await asyncio.sleep(0)  # from now on the kernel tells
                await self.reload()  # what it told nobody before
                while places == self._places():
                    await change
                    change = asyncio.ensure_future(anext(changes))
                    await self.reload()
            finally:
                change.cancel()
                await asyncio.gather(change, return_exceptions=True)
                await changes.aclose()

    def _places(self) -> set[tuple[Path, int]]:
        """Return the folders to follow, each with its number, as it may be another one later."""
        wanted = {path for path in (self._folder, self._initial and self._initial.parent) if path}
        found = {next(one for one in (path, *path.parents) if one.is_dir()) for path in wanted}
        return {(path, path.stat().st_ino) for path in found}

    def _paths(self) -> Iterator[Path]:
        """Yield the files in the order in which they count."""
        if self._initial is not None and self._initial.is_file():
            yield self._initial
        if self._folder is not None and self._folder.is_dir():
            names = sorted(entry.name for entry in os.scandir(self._folder))
            visible = [name for name in names if not name.startswith(".")]
            for name in visible[:MAX_FILES]:
                path = self._folder / name
                if name.endswith(SUFFIXES) and path != self._initial and path.is_file():
                    yield path

    def _look(self) -> list[str]:
        """Read what has changed; return what is wrong with any file."""
        seen = {path: self._read(path) for path in self._paths()}
        self._seen = seen
        return [problem for one in seen.values() for problem in one.problems]

    def _read(self, path: Path) -> _Seen:
        before = self._seen.get(path)
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if before is not None and before.stamp == stamp:
                return before
            return _Seen(stamp, config.load([path]), ())
        except ConfigError as error:
            problems = tuple(map(str, error.problems))
        except OSError as error:
            stamp, problems = (0, 0, 0), (f"{path}: {error.strerror or error}",)
        return _Seen(stamp, before.good if before is not None else None, problems)

    def _merged(self) -> tuple[dict[str, Item], list[str]]:
        items: dict[str, Item] = {}
        owners: dict[str, Path] = {}
        twice: list[str] = []
        for path, one in self._seen.items():
            for key in _keys(one.good):
                if key in owners:
                    twice.append(f"{path}: {key}: is in {owners[key]} already, which counts")
                    continue
                assert one.good is not None
                owners[key] = path
                items[key] = Item(one.good[key])
        return items, twice


def _keys(good: Configuration | None) -> Iterable[str]:
    """Return the keys that a file has itself: what these imply is the orchestrator's to add."""
    return good.places if good is not None else ()
