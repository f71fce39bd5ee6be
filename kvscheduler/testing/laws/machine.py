# SPDX-License-Identifier: Apache-2.0
"""The laws of descriptors as a state machine: hypothesis chooses the steps, and shortens them."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from .life import Family, Life
from .rig import Rig

__all__ = ["DescriptorLaws", "Kit"]

Pair = tuple[str, Any]

_MOST_AT_ONCE = 6
_MOST_WAITS = 8

# Which of those that there are: taken modulo their number.
_PICKS = st.integers(0, 5)
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

    @initialize()
    def open(self) -> None:
        """Make a fresh world."""
        self._do(self.life.open())

    @rule(pair=_PAIRS)
    def want(self, pair: Pair) -> None:
        """Want a value."""
        self._do(self.life.want(*pair))

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

    @rule(pairs=st.lists(_PAIRS, min_size=2, max_size=_MOST_AT_ONCE))
    def compare(self, pairs: list[Pair]) -> None:
        """Compare what values mean."""
        self._do(self.life.compare(pairs))

    @precondition(lambda self: type(self.life.rig).stranger is not Rig.stranger)
    @rule(pair=_PAIRS)
    def meet(self, pair: Pair) -> None:
        """Find the place taken by a stranger."""
        self._do(self.life.meet(*pair))

    @precondition(lambda self: self.life.is_asynchronous())
    @rule(pair=_PAIRS, at=st.integers(1, _MOST_WAITS), wanted=st.booleans())
    def interrupt(self, pair: Pair, at: int, *, wanted: bool) -> None:
        """Cut a create short, and lose the process."""
        self._do(self.life.interrupt(*pair, at, wanted=wanted))


def _picked(keys: Sequence[str], pick: int) -> str:
    return keys[pick % len(keys)]
