# SPDX-License-Identifier: Apache-2.0
"""The laws of descriptors as a state machine: hypothesis chooses the steps, and shortens them."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from .life import Cut, Family, Life
from .rig import Rig

__all__ = ["DescriptorLaws", "Kit"]

Pair = tuple[str, Any]

_MOST_AT_ONCE = 8
_MOST_WAITS = 8

# Which of those that there are: taken modulo their number.
_PICKS = st.integers(0, 5)
_CUTS = st.builds(
    Cut,
    part=st.sampled_from([0, 0, 0, 1, 2]),
    at=st.integers(1, _MOST_WAITS),
    crashed=st.booleans(),
    wanted=st.booleans(),
)
_PAIRS: st.SearchStrategy[Pair] = st.runner().flatmap(lambda machine: machine.kit.values)


@dataclasses.dataclass(kw_only=True)
class Kit:
    """What an author hands in, and what all examples together have come to.

    ``created`` counts values, so that a test which tests nothing does not pass; ``lacking``
    says why some could not be created.
    """

    family: Family
    values: st.SearchStrategy[Pair]
    southbound: Callable[[], Rig]
    created: int = 0
    lacking: set[str] = dataclasses.field(default_factory=set)

    def check(self) -> None:
        """Raise ``ValueError`` where no example has created anything."""
        if not self.created:
            why = "; ".join(sorted(self.lacking)[:3]) or "values= draws none"
            raise ValueError(
                f"no value was ever created, so nothing was tested: {why}."
                " Have the rig's ground= hold what the values need."
            )


class DescriptorLaws(RuleBasedStateMachine):
    """Does to a descriptor what an engine does, and what crashes and other programs do."""

    kit: ClassVar[Kit]

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._is_whole = False
        self.life = Life(self.kit.family, self.kit.southbound())

    def teardown(self) -> None:
        """Delete everything and look at what is left, if all went well; close in any case."""
        try:
            if self._is_whole:
                self._do(self.life.end())
        finally:
            self.kit.created += self.life.upkeep.created
            self.kit.lacking |= self.life.lacking
            with self._runner:
                self._runner.run(self.life.close())

    def _do(self, step: Coroutine[Any, Any, Any]) -> None:
        self._is_whole = False
        self._runner.run(step)
        self._is_whole = True

    @initialize(pairs=st.lists(_PAIRS, max_size=_MOST_AT_ONCE))
    def open(self, pairs: list[Pair]) -> None:
        """Make a fresh world, and compare what values mean that may be wanted in it."""
        self._do(self.life.open())
        self._do(self.life.compare(pairs))

    @rule(pair=_PAIRS)
    def want(self, pair: Pair) -> None:
        """Want a value."""
        self._do(self.life.want(*pair))

    @precondition(lambda self: self.life.changeable())
    @rule(pick=_PICKS, which=_PICKS, cut=st.none() | _CUTS)
    def change(self, pick: int, which: int, cut: Cut | None) -> None:
        """Want another value that was met before, and perhaps cut the update short."""
        key = _picked(self.life.changeable(), pick)
        values = self.life.others(key)
        value = values[which % len(values)]
        if cut is not None and self.life.is_asynchronous():
            self._do(self.life.interrupt(key, value, cut))
        else:
            self._do(self.life.want(key, value))

    @precondition(lambda self: self.life.standing())
    @rule(pick=_PICKS, forgotten=st.booleans())
    def delete(self, pick: int, *, forgotten: bool) -> None:
        """Want a value no longer."""
        key = _picked(self.life.standing(), pick)
        self._do(self.life.delete(key, forgotten=forgotten))

    @precondition(lambda self: self.life.created_last())
    @rule(pick=_PICKS, crashed=st.booleans())
    def create_again(self, pick: int, *, crashed: bool) -> None:
        """Lose the answer of a create."""
        key = _picked(self.life.created_last(), pick)
        self._do(self.life.create_again(key, crashed=crashed))

    @precondition(lambda self: self.life.updated_last())
    @rule(pick=_PICKS, crashed=st.booleans())
    def update_again(self, pick: int, *, crashed: bool) -> None:
        """Lose the answer of an update."""
        key = _picked(self.life.updated_last(), pick)
        self._do(self.life.update_again(key, crashed=crashed))

    @precondition(lambda self: self.life.gone())
    @rule(pick=_PICKS, forgotten=st.booleans())
    def delete_again(self, pick: int, *, forgotten: bool) -> None:
        """Lose the answer of a delete."""
        key = _picked(self.life.gone(), pick)
        self._do(self.life.delete_again(key, forgotten=forgotten))

    @precondition(lambda self: self.life.standing())
    @rule()
    def crash(self) -> None:
        """Lose the process."""
        self._do(self.life.crash())

    @precondition(lambda self: self.life.standing())
    @rule(picks=st.lists(_PICKS, min_size=1, max_size=3))
    def ask(self, picks: list[int]) -> None:
        """Ask after some keys alone."""
        keys = [*self.life.standing(), *self.life.driver.gone]
        self._do(self.life.ask(sorted({_picked(keys, pick) for pick in picks})))

    @precondition(lambda self: self.life.may_meet())
    @rule(pair=_PAIRS)
    def meet(self, pair: Pair) -> None:
        """Find the place taken by a stranger."""
        self._do(self.life.meet(*pair))

    @precondition(lambda self: self.life.is_asynchronous())
    @rule(pair=_PAIRS, cut=_CUTS)
    def interrupt(self, pair: Pair, cut: Cut) -> None:
        """Cut a create or an update short, and perhaps lose the process."""
        self._do(self.life.interrupt(*pair, cut))

    @precondition(lambda self: self.life.is_asynchronous() and self.life.standing())
    @rule(pick=_PICKS, cut=_CUTS)
    def interrupt_delete(self, pick: int, cut: Cut) -> None:
        """Cut a delete short, and perhaps lose the process."""
        self._do(self.life.interrupt_delete(_picked(self.life.standing(), pick), cut))

    @precondition(lambda self: self.life.is_watching())
    @rule(pick=_PICKS, again=st.booleans())
    def watch(self, pick: int, *, again: bool) -> None:
        """Have something change behind the engine's back while the descriptors watch."""
        keys = self.life.visible()
        self._do(self.life.watch(_picked(keys, pick) if keys else None, again=again))


def _picked(keys: Sequence[str], pick: int) -> str:
    return keys[pick % len(keys)]
