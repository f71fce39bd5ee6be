# SPDX-License-Identifier: Apache-2.0
"""Tells stories of long trouble: what fails goes on failing, and all around it is wanted anew.

``python -m tests.engine.troubled`` writes troubled.txt, one digest a story, anew;
``python -m tests.engine.troubled 17`` prints a story, to compare with that of an older version.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import logging
import random
import sys
from pathlib import Path
from typing import Any

from kvscheduler import ClaimConflict
from kvscheduler.testing import Item, When
from tests.engine.telling import KINDS, Teller
from tests.engine.wishes import CLAIMS, DERIVED, FACTS, NORTH, PREFIXES, STRANGERS, Wishes
from tests.sim.world import World, play

__all__ = ["SEEDS", "digest", "digests", "tell"]

DIGESTS = Path(__file__).with_name("troubled.txt")
SEEDS = range(300)
STEPS = 9
REHEARSALS = 3
FEATURES = ("needs", "any_of", "derives", "claims", "shapes", "strangers", "invalid")
CHANCES = {"needs": 0.8, "claims": 0.7, "invalid": 0.2, "strangers": 0.4}
MORE = (*CLAIMS, "eth4", "eth5", "eth6", "eth7")
SWAPPED = ("claims", "claims", "derives", "derives", "needs", "any_of")


class Troubled(Teller):
    """A teller in whose world failures last, claims and derived values change hands."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        rng = self.rng = random.Random(f"troubled {seed}")
        self.on = frozenset(one for one in FEATURES if rng.random() < CHANCES.get(one, 0.5))
        self.late = rng.choice(("c", "f", *("",) * 6))  # what nobody serves is a fact, till then
        self.world = World(
            prefixes="abc".replace(self.late, "") if self.late else "abc",
            seed=seed,
            loose=rng.random() < 0.3,
            marked=rng.random() < 0.8,
        )
        self.unseen = rng.random() < 0.4
        self.fails = rng.choice((0.0, 0.5, 0.9))
        if rng.random() < 0.4:  # little is in the way of what goes round
            self.on = frozenset(
                {"claims", "derives", "swaps", *self.on} - {"strangers", "invalid"}
            )
            self.fails = rng.choice((0.0, 0.2))

    async def play(self, world: World) -> None:
        for step in range(STEPS):
            if self.unseen:
                world.southbound.unreadable.update({""})
            if self.late and step == STEPS // 2:
                self.lines.append(f"descriptor {self.late} comes")
                world.register(self.late)
            else:
                await self.happen()
            await world.scheduler.settle()
            self.tell_rest()
            self.rehearse()

    async def happen(self) -> None:
        what = self.rng.random()
        if what < 0.16:
            self.drift()
        elif what < 0.2:
            self.break_one()
        elif what < 0.25:
            self.alter_one()
        elif what < 0.32:
            await self.mend()
        else:
            self.plan_faults()
            await self.commit(redrawn(self.rng, self.on, self.wanted))

    def alter_one(self) -> None:
        southbound = self.world.southbound
        if southbound.held:
            key = self.rng.choice(sorted(southbound.held))
            self.lines.append(f"{key} is altered")
            southbound.alter(key, Item(data=self.rng.randrange(4)), announce=True)

    async def mend(self) -> None:
        """Have all work again, and read it or not."""
        self.lines.append("all works again")
        self.world.southbound.heal()
        self.world.southbound.unreadable.clear()
        if self.rng.random() < 0.5:
            await self.world.scheduler.resync(self.rng.choice(("full", "upstream", "downstream")))

    def plan_faults(self) -> None:
        for _ in range(2):
            if self.rng.random() < self.fails:
                key = self.rng.choice((*NORTH, *DERIVED))
                for kind in sorted({self.rng.choice(KINDS), self.rng.choice(KINDS)}):
                    when, times = self.rng.choice(tuple(When)), self.rng.choice((1, 2, None))
                    self.world.southbound.fail(key, kind, when=when, times=times)

    async def commit(self, after: Wishes) -> None:
        self.lines.append("so be it:")
        options = {"revert": self.rng.random() < 0.15}
        transaction = self.world.transaction(self.wish(after), **options)
        try:
            self.tell_plan(transaction.plan())
            result = await transaction.commit()
        except ClaimConflict as conflict:
            self.lines.append(f"refused: {conflict}")
            return
        self.lines.append("all or nothing:" if options["revert"] else "best effort:")
        self.tell_result(result)
        if not (options["revert"] and result.errors):
            self.wanted = after

    def wish(self, after: Wishes) -> dict[str, Item | None]:
        """Return the change that leads to other wishes, sometimes with some that are not new."""
        old = self.wanted
        changes = {key: after.get(key) for key in NORTH if after.get(key) != old.get(key)}
        if self.rng.random() < 0.3:
            again = self.rng.choice(NORTH)
            changes[again] = after.get(again)
        self.lines.extend(f"want {key}: {value!r}" for key, value in changes.items())
        return changes

    def rehearse(self) -> None:
        """Plan what could be wanted now, and do nothing of it."""
        for _ in range(REHEARSALS):
            self.lines.append("if so:")
            resync = self.rng.choice((*(None,) * 9, "full", "downstream"))
            after = redrawn(self.rng, self.on, self.wanted)
            change = {} if resync == "downstream" else self.wish(after)
            try:
                self.tell_plan(self.world.transaction(change, resync=resync).plan())
            except ClaimConflict as conflict:
                self.lines.append(f"refused: {conflict}")


def redrawn(rng: random.Random, on: frozenset[str], before: Wishes) -> Wishes:
    """Draw what is wanted next; what others claimed or derived is mostly taken from them."""
    after = dict(before)
    few = (1, 1, 2, 3) if before or "swaps" not in on else (6,)
    for key in rng.sample(NORTH, rng.choice(few)):
        known, what = after.get(key), rng.random()
        if known is not None and what < 0.25:
            del after[key]
        elif known is not None and what < 0.45:
            after[key] = dataclasses.replace(known, data=known.data + 1)
        elif known is not None and what < 0.6:
            fresh = _drawn(rng, on, key)
            after[key] = dataclasses.replace(known, needs=fresh.needs, any_of=fresh.any_of)
        else:
            after[key] = _drawn(rng, on, key)
        if key in after and rng.random() < 0.9:
            _take_from_others(after, key)
    if "swaps" in on and len(before) > 1 and rng.random() < 0.6:
        return _swapped(rng, before if rng.random() < 0.6 else after)
    return after


def _swapped(rng: random.Random, wishes: Wishes) -> Wishes:
    """Have what some values claim, derive or need go round among them."""
    after = dict(wishes)
    for _ in range(rng.choice((1, 1, 2, 3))):
        keys = rng.sample(sorted(after), min(len(after), rng.choice((2, 2, 3))))
        name = rng.choice(SWAPPED)
        values = [getattr(after[key], name) for key in keys]
        for key, value in zip(keys, (*values[1:], *values[:1]), strict=True):
            kept = tuple(one for one in value if name != "needs" or one != key)
            given: dict[str, Any] = {name: kept}
            after[key] = dataclasses.replace(after[key], **given)
    return after


def _take_from_others(wishes: dict[str, Item], taker: str) -> None:
    item = wishes[taker]
    claims = {*item.claims, *(claim for _, one in item.derives for claim in one.claims)}
    names = {taker, *(name for name, _ in item.derives)}
    for key, other in wishes.items():
        if key != taker:
            derives = tuple(
                (name, dataclasses.replace(one, claims=_less(one.claims, claims)))
                for name, one in other.derives
                if name not in names
            )
            kept = _less(other.claims, claims)
            wishes[key] = dataclasses.replace(other, derives=derives, claims=kept)


def _less(claims: tuple[str, ...], taken: set[str]) -> tuple[str, ...]:
    return tuple(claim for claim in claims if claim not in taken)


def _drawn(rng: random.Random, on: frozenset[str], key: str, *, own: bool = True) -> Item:
    pool = [*NORTH, *NORTH]
    pool += [*DERIVED, *DERIVED, *FACTS] if "derives" in on else []
    is_few = "swaps" in on and rng.random() < 0.7
    pool += STRANGERS if "strangers" in on else ()
    names: list[str] = []
    if own and "derives" in on and rng.random() < 0.6:
        names = sorted(rng.sample(DERIVED + FACTS, rng.choice((1, 1, 2, 3))))
    several = rng.choice((0, 1, 1, 2)) if "needs" in on and not is_few else 0
    any_of: tuple[str | tuple[str, ...], ...] = ()
    for _ in range(2):
        if "any_of" in on and not is_few and rng.random() < 0.3:
            any_of += (rng.choice((*PREFIXES, ("a/", "c/"), ("b/", "f/"), ("b/y", "c/1"))),)
    claims: tuple[str, ...] = ()
    if "claims" in on:
        claims = tuple(rng.sample(MORE if "swaps" in on else CLAIMS, rng.choice((0, 1, 1, 2))))
    return Item(
        data=rng.randint(0, 1),
        needs=tuple(sorted({rng.choice(pool) for _ in range(several)} - {key})),
        any_of=any_of,
        derives=tuple((name, _drawn(rng, on, name, own=False)) for name in names),
        claims=claims if own or rng.random() < 0.3 else (),
        shape=int(rng.random() < 0.3) if "shapes" in on else 0,
        valid=rng.random() < 0.85 if "invalid" in on else True,
    )


def tell(seed: int) -> str:
    """Return the story of a seed."""
    logging.disable(logging.CRITICAL)  # what the engine warns of is part of the story
    try:
        teller = Troubled(seed)
        play(teller.play, teller.world)
        teller.world.southbound.check()
    finally:
        logging.disable(logging.NOTSET)
    return "\n".join(teller.lines)


def digest(story: str) -> str:
    """Return the digest of a story."""
    return hashlib.sha256(story.encode()).hexdigest()[:16]


@functools.cache
def digests() -> dict[int, str]:
    """Return the digests of the stories as they were told when they were last looked at."""
    lines = DIGESTS.read_text().split("\n")
    return {int(line.split()[0]): line.split()[1] for line in lines if line}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(f"{tell(int(sys.argv[1]))}\n")
    else:
        DIGESTS.write_text("".join(f"{seed} {digest(tell(seed))}\n" for seed in SEEDS))
