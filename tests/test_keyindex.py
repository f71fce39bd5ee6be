# SPDX-License-Identifier: Apache-2.0
"""Keys found by prefix, and prefixes by key, as by looking at all of them."""

from __future__ import annotations

import random

import pytest

from kvscheduler.keyindex import KeyIndex, PrefixIndex

PARTS = ("a", "b", "ab", "")
PREFIXES = ("", "a", "a/", "a/b", "a/b/", "ab/", "b/a/", "//")
STEPS = 60
SEEDS = range(80)


def some_key(rng: random.Random) -> str:
    return "/".join(rng.choice(PARTS) for _ in range(rng.randint(1, 4)))


@pytest.mark.parametrize("first", SEEDS[::20])
def test_below_a_prefix_are_the_keys_that_start_with_it_each_once(first: int) -> None:
    for seed in range(first, first + 20):
        rng = random.Random(seed)
        known = {some_key(rng) for _ in range(rng.choice((4, 9, 40, 60)))}
        index = KeyIndex(known)
        for _ in range(STEPS):
            key, add = some_key(rng), rng.random() < 0.5
            (index.add if add else index.discard)(key)
            (known.add if add else known.discard)(key)
            for prefix in (rng.choice(PREFIXES), some_key(rng)):
                expected = sorted(one for one in known if one.startswith(prefix))
                assert sorted(index.below(prefix)) == expected


def test_nothing_is_left_of_keys_that_are_gone() -> None:
    rng = random.Random(1)
    keys = {some_key(rng) for _ in range(60)}
    index = KeyIndex(keys)

    for key in sorted(keys):
        index.discard(key)

    assert not any(folder.keys for folder in index._keys.values())
    assert not any(index._folders.values())
    assert set(index._keys) <= {""}


@pytest.mark.parametrize("count", [10, 64, 65, 66, 200])
def test_many_new_keys_are_found_as_a_few_are(count: int) -> None:
    index = KeyIndex(["a/x", "a/0"])
    sorted(index.below("a/"))

    for number in reversed(range(count)):
        index.add(f"a/n{number:03}")
    for number in range(0, count, 2):
        index.discard(f"a/n{number:03}")

    odd = [f"a/n{number:03}" for number in range(1, count, 2)]
    assert sorted(index.below("a/n")) == odd
    assert sorted(index.below("a/")) == ["a/0", *odd, "a/x"]


def test_names_of_keys_that_are_gone_do_not_pile_up() -> None:
    index = KeyIndex(["a/0"])

    for number in range(1000):
        index.add(f"a/{number}")
        list(index.below("a/"))
        index.discard(f"a/{number}")
        list(index.below("a/"))

    assert len(index._keys["a/"].names if "a/" in index._keys else ()) < 200


@pytest.mark.parametrize("first", SEEDS[::20])
def test_watchers_are_found_by_every_key_below_what_they_watch(first: int) -> None:
    for seed in range(first, first + 20):
        rng = random.Random(seed)
        index, watched = PrefixIndex(), set[tuple[str, str]]()
        for _ in range(STEPS):
            prefixes = rng.sample(PREFIXES, rng.randrange(4))
            watcher, add = f"w{rng.randrange(3)}", rng.random() < 0.5
            (index.add if add else index.discard)(prefixes, watcher)
            pairs = {(prefix, watcher) for prefix in prefixes}
            watched = watched | pairs if add else watched - pairs
            keys = [some_key(rng), some_key(rng)]
            fitting = {p for p, _ in watched if keys[0].startswith(p)}
            assert set(index.prefixes_of(keys[0])) == fitting
            assert set(index.of(*keys)) == {
                w for p, w in watched if any(k.startswith(p) for k in keys)
            }
            assert bool(index) is bool(watched)
            assert set(index.watchers("a/")) == {w for p, w in watched if p == "a/"}


def test_a_key_that_comes_and_goes_piles_up_nowhere() -> None:
    index = KeyIndex(f"a/{number}" for number in range(17))

    for _ in range(1_000):
        index.add("a/x")
        index.discard("a/x")

    assert len(index._keys["a/"].fresh) < 100
