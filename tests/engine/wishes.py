# SPDX-License-Identifier: Apache-2.0
"""Wishes drawn from a seed for stories that are told: few keys, so that all of it meets often."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence

from kvscheduler.testing import Item

__all__ = ["DERIVED", "FEATURES", "NORTH", "STRANGERS", "Wishes", "changed"]

Wishes = Mapping[str, Item]

NORTH = ("a/1", "a/2", "a/3", "b/1", "b/2", "c/1", "c/2")
DERIVED = ("a/z", "b/y", "c/x")
FACTS = ("f/1", "f/2")
STRANGERS = ("a/p", "b/p")
CLAIMS = ("eth0", "eth1", "eth2", "eth3")
PREFIXES = ("a/", "b/", "c/", "f/")
FEATURES = ("needs", "any_of", "derives", "claims", "shapes", "strangers", "invalid")


def changed(rng: random.Random, on: frozenset[str], before: Wishes) -> Wishes:
    """Draw what is wanted next: some of it gone, changed a little, or new."""
    after = dict(before)
    for key in rng.sample(NORTH, rng.randint(1, 4)):
        what = rng.random()
        if key in after and what < 0.3:
            del after[key]
        elif key in after and what < 0.6:
            after[key] = dataclasses.replace(after[key], data=after[key].data + 1)
        else:
            after[key] = _wish(rng, on, key, sorted({*after, key}))
    return after


def _wish(
    rng: random.Random, on: frozenset[str], key: str, known: Sequence[str], *, own: bool = True
) -> Item:
    pool = [*known, *known, *NORTH]
    pool += [*DERIVED, *FACTS] if "derives" in on else []
    pool += STRANGERS if "strangers" in on else ()
    names: list[str] = []
    if own and "derives" in on and rng.random() < 0.5:
        names = sorted(rng.sample(DERIVED + FACTS, rng.randint(1, 2)))
    several = rng.choice((0, 1, 1, 2)) if "needs" in on else 0
    any_of: tuple[str | tuple[str, ...], ...] = ()
    if "any_of" in on and rng.random() < 0.35:
        any_of = (rng.choice((*PREFIXES, ("a/", "c/"), ("b/", "f/"), ("b/y", "c/1"))),)
    return Item(
        data=rng.randint(0, 1),
        needs=tuple(sorted({rng.choice(pool) for _ in range(several)} - {key})),
        any_of=any_of,
        derives=tuple((name, _wish(rng, on, name, known, own=False)) for name in names),
        claims=(rng.choice(CLAIMS),) if "claims" in on and rng.random() < 0.4 else (),
        shape=int(rng.random() < 0.3) if "shapes" in on else 0,
        valid=rng.random() < 0.85 if "invalid" in on else True,
    )
