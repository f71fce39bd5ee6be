# SPDX-License-Identifier: Apache-2.0
"""Law 3 by brute force: whether the change could have been had with less."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .oracle import Rules, Unit
from .replay import Replay, Step

__all__ = ["Move", "check_least_work", "legal_order", "moves"]

# Beyond so many operations a search over all orders takes too long to be of use in a test.
_MAX_MOVES = 11


@dataclasses.dataclass(frozen=True, slots=True)
class Move:
    """One operation as far as the search is concerned."""

    kind: str
    key: str
    new: Any = None


def check_least_work(
    rules: Rules,
    steps: Sequence[Step],
    before: Mapping[str, Unit],
    after: Mapping[str, Unit],
    given: Iterable[str] = (),
) -> list[str]:
    """Return what in a plan is not needed, or missing, to get from ``before`` to ``after``."""
    kinds: dict[str, list[str]] = {}
    for step in steps:
        kinds.setdefault(step.key, []).append(step.kind)
    recreated = {key for key, done in kinds.items() if done == ["delete", "create"]}
    expected: dict[str, list[str]] = {}
    for move in moves(before, after, recreated):
        expected.setdefault(move.key, []).append(move.kind)
    problems = [
        f"{key}: does {kinds.get(key, [])} where {expected.get(key, [])} is due"
        for key in sorted(set(kinds) | set(expected))
        if kinds.get(key, []) != expected.get(key, [])
    ]
    for key in sorted(recreated):
        spared = recreated - {key}
        if not _demanded(key, before, after) and legal_order(
            rules, before, after, spared, given=given
        ):
            problems.append(f"{key}: is recreated for nothing")
    return problems


def moves(
    before: Mapping[str, Unit], after: Mapping[str, Unit], recreated: Iterable[str]
) -> list[Move]:
    """Return the operations that are due where just these keys are recreated."""
    again, due = set(recreated), []
    for key in sorted(set(before) | set(after)):
        old, new = before.get(key), after.get(key)
        if (old or new).is_fact:  # type: ignore[union-attr]  # one of the two is there
            continue
        if old is not None and (new is None or key in again):
            due.append(Move("delete", key))
        if new is not None and (old is None or key in again):
            due.append(Move("create", key, new.value))
        elif new is not None and old is not None and not _equal(old, new):
            due.append(Move("update", key, new.value))
    return due


def legal_order(
    rules: Rules,
    before: Mapping[str, Unit],
    after: Mapping[str, Unit],
    recreated: Iterable[str],
    *,
    given: Iterable[str] = (),
) -> list[Move] | None:
    """Return an order of the operations that breaks neither law 2 nor law 4, if there is one.

    None too where there are too many operations to try.
    """
    due = moves(before, after, recreated)
    if len(due) > _MAX_MOVES:
        return None
    again = set(recreated)
    if any(_demanded(key, before, after) for key in set(before) & set(after) - again):
        return None
    seen: set[frozenset[int]] = set()
    waiting: list[tuple[int, ...]] = [()]
    while waiting:
        done = waiting.pop()
        if len(done) == len(due):
            return [due[at] for at in done]
        for at in range(len(due)):
            state = frozenset((*done, at))
            if at in done or state in seen or _too_early(due, at, done):
                continue
            if _is_legal(rules, due, (*done, at), before, after, given):
                seen.add(state)
                waiting.append((*done, at))
    return None


def _too_early(due: Sequence[Move], at: int, done: Sequence[int]) -> bool:
    """Tell whether a create would come before the delete of the same key."""
    return due[at].kind == "create" and any(
        move.key == due[at].key and move.kind == "delete" and other not in done
        for other, move in enumerate(due)
    )


def _is_legal(
    rules: Rules,
    due: Sequence[Move],
    done: Sequence[int],
    before: Mapping[str, Unit],
    after: Mapping[str, Unit],
    given: Iterable[str],
) -> bool:
    replay = Replay(rules, before, after, given)
    replay.expect(due)
    for at in done:
        replay.start(due[at])
        replay.end(due[at])
    return not replay.problems


def _equal(old: Unit, new: Unit) -> bool:
    descriptor = new.descriptor
    return descriptor is not None and descriptor.equivalent(new.key, old.value, new.value)


def _demanded(key: str, before: Mapping[str, Unit], after: Mapping[str, Unit]) -> bool:
    """Tell whether the descriptor itself asks for the recreate."""
    old, new = before.get(key), after.get(key)
    if old is None or new is None or new.descriptor is None or _equal(old, new):
        return False
    return new.descriptor.requires_recreate(key, old.value, new.value, None)
