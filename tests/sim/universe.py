# SPDX-License-Identifier: Apache-2.0
"""Universes drawn from a seed: what may be wanted, what others made, what drives it.

Each seed switches some of the features off, so that the others come to meet more often.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence

from kvscheduler.testing import (
    AsyncSimulatedDescriptor,
    BlockingSimulatedDescriptor,
    Item,
    SimulatedDescriptor,
)

__all__ = ["Universe", "draw"]

Wanted = Mapping[str, Item]

NORTH = ("a/1", "a/2", "a/3", "b/1", "b/2", "b/3", "c/1", "c/2")
DERIVED = ("c/x", "b/y", "a/z")
FACTS = ("f/1", "f/2")
STRANGERS = ("a/p", "b/p")
LENT = ("a/t", "b/t")
NOBODYS = "d/1"
CLAIMS = ("eth0", "eth1", "eth2")
PREFIXES = ("a/", "b/", "c/", "f/", "c/x")
FEATURES = ("needs", "any_of", "derives", "claims", "shapes", "invalid", "strangers", "nobodys")
THREADS = 0.1
WAITING = (AsyncSimulatedDescriptor, BlockingSimulatedDescriptor)
RARE = {"invalid": 0.25, "nobodys": 0.2, "strangers": 0.4}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """All that a seed decides before anything happens.

    ``targets`` are what the northbound may want as a whole; ``journal`` is "", "memory" or
    "file". ``troubled``: recoveries fail, or are killed, too; ``rehearsed``: there are dry runs
    between transactions and in the middle of them; ``lent`` are those of the strangers that
    the northbound may come to want, and so take over; ``late`` is the prefix whose descriptor
    registers late now and then, "" for none.
    """

    seed: int
    on: frozenset[str]
    strangers: Wanted
    targets: tuple[Wanted, ...]
    kinds: Mapping[str, type[SimulatedDescriptor]]
    marked: bool
    loose: bool
    latency: bool
    journal: str
    troubled: bool
    rehearsed: bool
    lent: Wanted
    late: str

    @property
    def waits(self) -> bool:
        """Whether every descriptor's calls may take time."""
        return all(issubclass(kind, WAITING) for kind in self.kinds.values())

    @property
    def threaded(self) -> bool:
        """Whether some calls run in threads."""
        return BlockingSimulatedDescriptor in self.kinds.values()


def draw(seed: int, *, journal: str | None = None) -> Universe:
    """Draw the universe of a seed; ``journal`` fixes which journal it has."""
    rng = random.Random(seed)
    more = random.Random(f"more {seed}")  # so that what came later leaves the rest as it was
    on = frozenset(one for one in FEATURES if rng.random() < RARE.get(one, 0.65))
    kind = rng.choice(("plain", "plain", "async", "async", "mixed"))
    drawn = rng.choices(("", "memory", "file"), (8, 16, 1))[0]
    chosen = rng.sample(NORTH, rng.randint(2, 5))
    targets: list[Wanted] = [sound({key: item(rng, on, key, chosen) for key in chosen})]
    for _ in range(rng.choice((1, 1, 2))):
        targets.append(changed(rng, on, targets[-1]))
    strangers = _strangers(rng, on)
    lent = _lent(more)
    universe = Universe(
        seed=seed,
        on=on,
        strangers={**strangers, **lent},
        lent=lent,
        targets=tuple(_borrowing(more, one, lent) for one in targets),
        kinds={
            name: AsyncSimulatedDescriptor
            if kind == "async" or (kind == "mixed" and rng.random() < 0.5)
            else SimulatedDescriptor
            for name in "abc"
        },
        marked=rng.random() < 0.7,
        loose=rng.random() < 0.15,
        latency=rng.random() < 0.3 and kind == "async",
        journal=drawn if journal is None else journal,
        troubled=more.random() < 0.4,
        rehearsed=more.random() < 0.3,
        late=more.choice("abc") if more.random() < 0.3 else "",
    )
    return _with_threads(more, universe)


def _with_threads(rng: random.Random, universe: Universe) -> Universe:
    """Let the calls of a descriptor or two run in threads, now and then."""
    if rng.random() > THREADS:
        return universe
    blocking = dict.fromkeys(rng.sample("abc", rng.randint(1, 3)), BlockingSimulatedDescriptor)
    return dataclasses.replace(universe, kinds={**universe.kinds, **blocking})


def _strangers(rng: random.Random, on: frozenset[str]) -> Wanted:
    if "strangers" not in on:
        return {}
    chosen = rng.sample(STRANGERS, rng.randint(1, 2))
    return {key: Item(data=rng.randint(0, 1)) for key in chosen}


def _lent(rng: random.Random) -> Wanted:
    """Draw what others made and the northbound may want as well."""
    if rng.random() < 0.7:
        return {}
    return {key: Item(data=rng.randint(0, 1)) for key in rng.sample(LENT, rng.randint(1, 2))}


def _borrowing(rng: random.Random, wanted: Wanted, lent: Wanted) -> Wanted:
    """Draw what of it is wanted; another shape would take a recreate, which nobody may do."""
    borrowed = {
        key: Item(
            data=rng.randint(0, 2),
            shape=int(rng.random() < 0.15),
            needs=tuple(rng.sample(sorted(wanted), rng.randint(0, 1))),
        )
        for key in lent
        if rng.random() < 0.6
    }
    return {**wanted, **borrowed}


def changed(rng: random.Random, on: frozenset[str], before: Wanted) -> Wanted:
    """Draw what is wanted next: some of it as before, some changed, gone or new."""
    after = dict(before)
    for key in rng.sample(NORTH, rng.randint(1, 5)):
        what = rng.random()
        if key in after and what < 0.35:
            del after[key]
        elif key in after and what < 0.55:
            after[key] = dataclasses.replace(after[key], data=after[key].data + 1)
        else:
            after[key] = item(rng, on, key, sorted({*after, key}))
    if "nobodys" in on and rng.random() < 0.5:
        after[NOBODYS] = Item(data=rng.randint(0, 1))
    result = sound(after)
    if result == before:
        result[rng.choice(NORTH)] = Item(data=rng.randint(5, 9))
    return result


def item(
    rng: random.Random,
    on: frozenset[str],
    key: str,
    pool: Sequence[str],
    *,
    derived: bool = False,
) -> Item:
    """Draw an item that needs, mostly, what is in the pool; a derived one derives nothing."""
    targets = [*pool, *pool, *pool, rng.choice(NORTH)]
    targets += DERIVED + FACTS if "derives" in on else ()
    targets += STRANGERS if "strangers" in on else ()
    names: Sequence[str] = ()
    if "derives" in on and not derived and rng.random() < 0.5:
        names = sorted(rng.sample(DERIVED + FACTS, rng.randint(1, 2)))
    few = rng.choice((0, 1, 1, 2)) if "needs" in on else 0
    return Item(
        data=rng.randint(0, 1),
        needs=tuple(sorted({rng.choice(targets) for _ in range(few)} - {key})),
        any_of=_any_of(rng) if "any_of" in on and rng.random() < 0.3 else (),
        derives=tuple((name, item(rng, on, name, pool, derived=True)) for name in names),
        claims=(rng.choice(CLAIMS),) if "claims" in on and rng.random() < 0.5 else (),
        shape=int(rng.random() < 0.25) if "shapes" in on else 0,
        valid=rng.random() < 0.9 if "invalid" in on else True,
    )


def sound(wanted: Wanted) -> dict[str, Item]:
    """Leave out what would be wanted or claimed a second time."""
    owned, claimed = set(wanted), set[str]()
    result = {}
    for key, value in sorted(wanted.items()):
        kept = tuple(one for one in value.derives if one[0] not in owned)
        owned.update(name for name, _ in kept)
        whole = dataclasses.replace(_unclaimed(value, claimed), derives=())
        kept = tuple((name, _unclaimed(one, claimed)) for name, one in kept)
        result[key] = dataclasses.replace(whole, derives=kept)
    return result


def _unclaimed(value: Item, claimed: set[str]) -> Item:
    claims = tuple(one for one in value.claims if one not in claimed)
    claimed.update(claims)
    return value if claims == value.claims else dataclasses.replace(value, claims=claims)


def _any_of(rng: random.Random) -> tuple[str | tuple[str, ...], ...]:
    if rng.random() < 0.5:
        return (rng.choice(PREFIXES),)
    return (tuple(sorted(rng.sample(PREFIXES, 2))),)
