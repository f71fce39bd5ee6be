# SPDX-License-Identifier: Apache-2.0
"""All that is done with one seed: every single failure, pairs of them, crashes, bad weather."""

from __future__ import annotations

import bisect
import dataclasses
import gc
import itertools
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from kvscheduler.testing import NotificationFaults, Weather
from tests.sim.expected import Edge
from tests.sim.late import LateComer
from tests.sim.life import Life, Options
from tests.sim.strikes import Kind, Place, Strike, singles
from tests.sim.tally import Tally
from tests.sim.universe import Universe, draw
from tests.sim.unrest import Unrest

__all__ = ["Effort", "run_seed"]

# Plans of more operations have too many pairs of failures.
PAIRS_UP_TO = 8
STORMS = 8

FILE_SHARE = 12

Say = Callable[[str], object]
# What fails, how the transaction is committed, and how often the engine is killed meanwhile.
Cell = tuple[tuple[Strike, ...], Options, float]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is done with a seed.

    ``pairs`` of failures are drawn for each way, None: all of them. ``journal`` fixes which
    journal there is.
    """

    pairs: int | None = 24
    crash_share: float = 0.04
    journal: str | None = None


@dataclasses.dataclass(slots=True)
class Way:
    """The runs still to be done on one way: what fails on it, and how."""

    edge: Edge
    cells: list[Cell]
    has_all_pairs: bool = False


class _Pairs(Sequence[tuple[Strike, Strike]]):
    """All pairs of a failure and a later one, of which mostly a few are drawn."""

    def __init__(self, firsts: Sequence[Strike], later: Sequence[Strike]) -> None:
        behind: dict[tuple[Place, int], list[Strike]] = {}
        for one in firsts:
            if (one.place, one.at) not in behind:
                behind[one.place, one.at] = [
                    other for other in later if other.place is not one.place or other.at > one.at
                ]
        self._firsts = firsts
        self._behind = [behind[one.place, one.at] for one in firsts]
        self._ends = list(itertools.accumulate(map(len, self._behind)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: Any) -> Any:
        at = bisect.bisect_right(self._ends, index)
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._firsts[at], self._behind[at][index - self._ends[at]]


class Seed:
    """One seed's universe and what is done in it."""

    def __init__(self, seed: int, effort: Effort, tally: Tally, say: Say | None) -> None:
        self.effort = effort
        self.universe: Universe = draw(seed, journal=effort.journal)
        self.random = random.Random(seed + 1)
        self.life = Life(self.universe, tally)
        self.life.say = say

    async def story(self, life: Life) -> None:
        """Learn the ways, go each with every failure, then have bad weather."""
        ends = self._ends()
        ways: dict[int, Way] = {}
        for target in (ends[0], ends[1], ends[0]):
            edge = life.expectations.edge(life.at, target)
            if edge is None:
                break
            extent = (await life.go(edge, wreck=lambda _moment: True)).extent
            ways[target] = Way(edge, self._chosen(list(self._cells(extent))))
            ways[target].has_all_pairs = self._has_all_pairs(extent)
        life.tally.ways += len(ways)
        life.tally.ways_with_all_pairs += sum(way.has_all_pairs for way in ways.values())
        await self._go_all(ways)
        await Unrest(life, random.Random(f"unrest {self.universe.seed}")).play()
        await self._storms()
        if self.universe.late:
            await self._come_late(ways)

    def _ends(self) -> tuple[int, int]:
        """Choose the two wishes to go to and fro between."""
        count = len(self.universe.targets)
        first, second = self.random.sample(range(count), 2)
        return first, second

    def _cells(self, extent: dict[Place, int]) -> Iterator[Cell]:
        share = self.effort.crash_share
        alone = list(singles(extent, waits=self.universe.waits))
        retries = itertools.cycle((False, True, True, False))
        for strike in alone:
            for revert in (False, True):
                yield (strike,), Options(revert=revert, retry=next(retries)), share
        for strikes in self._pairs(extent, alone):
            options = Options(revert=self.random.random() < 0.6, retry=next(retries))
            yield strikes, options, share / 2

    def _chosen(self, cells: list[Cell]) -> list[Cell]:
        """Leave most out where the journal is a file: a run then takes twenty times as long."""
        if self.universe.journal != "file":
            return cells
        return self.random.sample(cells, len(cells) // FILE_SHARE)

    def _has_all_pairs(self, extent: dict[Place, int]) -> bool:
        small = extent[Place.CALL] <= PAIRS_UP_TO
        return small and self.effort.pairs is None and self.universe.journal != "file"

    def _pairs(
        self, extent: dict[Place, int], alone: Sequence[Strike]
    ) -> Iterator[tuple[Strike, Strike]]:
        """Yield two failures each; the later one may strike what the first has led to."""
        if extent[Place.CALL] > PAIRS_UP_TO:
            return
        longer = {place: 2 * count + 1 for place, count in extent.items()}
        longer[Place.RETRIEVE] = 1
        longer[Place.MOMENT] = extent[Place.MOMENT]
        later = list(singles(longer, waits=self.universe.waits))
        pairs = _Pairs([one for one in alone if one.kind is not Kind.CANCEL], later)
        wanted = self.effort.pairs
        yield from pairs if wanted is None else self.random.sample(pairs, min(wanted, len(pairs)))

    async def _go_all(self, ways: dict[int, Way]) -> None:
        """Go to and fro, each time with the next failure."""
        life = self.life
        for way in ways.values():
            self.random.shuffle(way.cells)
        while any(way.cells for way in ways.values()):
            target = next(
                (
                    one
                    for one in ways
                    if ways[one].cells and life.expectations.edge(life.at, one) is not None
                ),
                None,
            )
            if target is None:  # first to where the last way begins
                target = next((one for one in ways if life.expectations.edge(life.at, one)), None)
                if target is None:
                    return
            edge = life.expectations.edge(life.at, target)
            assert edge is not None
            cells = ways[target].cells
            strikes, options, share = cells.pop() if cells else ((), Options(), 0.0)
            await life.go(edge, options, strikes, wreck=self._sometimes(share))

    def _sometimes(self, share: float) -> Callable[[str], bool] | None:
        return (lambda _moment: self.random.random() < share) if share else None

    async def _come_late(self, ways: Iterable[int]) -> None:
        """Have the descriptor of one prefix come late to each of the wishes."""
        life = self.life
        late = LateComer(life, self.random)
        for target in ways:
            edge = life.expectations.edge(life.expectations.nothing, target)
            if edge is not None:
                await late.play(edge, self.universe.late)

    async def _storms(self) -> None:
        """Go from wish to wish in bad weather, and look at what is left when it is over."""
        life, rng = self.life, self.random
        southbound = life.world.southbound
        southbound.notification_faults = NotificationFaults(
            lost=rng.choice((0.0, 0.3)),
            doubled=rng.choice((0.0, 0.3)),
            overtaken=rng.choice((0.0, 0.3)),
        )
        await life.storm(
            [rng.randrange(len(self.universe.targets)) for _ in range(STORMS)],
            _weather(rng, self.universe),
            [Options(revert=rng.random() < 0.3, retry=rng.random() < 0.5) for _ in range(STORMS)],
        )


def _weather(rng: random.Random, universe: Universe) -> Weather:
    """Draw what kinds of bad weather there are, and how bad."""
    kinds = ["refused", "refused_for_good", "refused_after_effect", "cancelled", "unreadable"]
    kinds += ["hanging", "hanging_after_effect", "stubborn"] if universe.waits else []
    kinds += ["vanishing", "altered"]
    chances = {kind: rng.choice((0.05, 0.15)) for kind in kinds if rng.random() < 0.4}
    # A report that has crossed with a call, and cannot be read back, may be believed in vain.
    announced = 0.0 if "unreadable" in chances else 0.5
    restarting = rng.choice((0.0, 0.0, 0.02))
    if universe.lent:
        restarting = 0.0  # what others made and is lost may be made by us the next time
    return Weather(**chances, restarting=restarting, announced=announced)


def run_seed(seed: int, effort: Effort, say: Say | None = None) -> Tally:
    """Do all that is to be done with a seed; raises what is wrong."""
    tally = Tally(seeds=1)
    begun = time.process_time()
    one = Seed(seed, effort, tally, say)
    thresholds = gc.get_threshold()
    gc.set_threshold(300_000, *thresholds[1:])  # a fifth of the time otherwise
    gc.freeze()
    try:
        one.life.play(one.story)
    except Exception as error:
        error.add_note(f"seed {seed}, run {one.life.number}: {one.life.doing}")
        raise
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
    tally.cpu_s = time.process_time() - begun
    return tally
