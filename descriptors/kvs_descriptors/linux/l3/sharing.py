# SPDX-License-Identifier: Apache-2.0
"""Questions that are asked at about the same time, about things in one place, become one."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

__all__ = ["Shared"]

T = TypeVar("T")
R = TypeVar("R")

Look = Callable[[str, Mapping[str, T]], Awaitable[R]]


@dataclasses.dataclass(slots=True, eq=False)
class _Asked(Generic[T, R]):
    about: dict[str, T]
    answer: asyncio.Future[R | None]


class Shared(Generic[T, R]):
    """Looks once for all that ask in one turn of the event loop.

    ``look`` is given a place and what is asked about there, by name. Whoever asks later is told
    what is seen later.
    """

    def __init__(self, look: Look[T, R]) -> None:
        self._look = look
        self._asking: dict[str, _Asked[T, R]] = {}

    async def ask(self, place: str, name: str, about: T) -> R:
        """Return what is seen in a place."""
        while True:
            asked = self._asking.get(place)
            if asked is None:
                return await self._lead(place, name, about)
            asked.about[name] = about
            # Shielded, since several wait for it. None: who led has failed or been cut short.
            answer = await asyncio.shield(asked.answer)
            if answer is not None:
                return answer

    async def _lead(self, place: str, name: str, about: T) -> R:
        asked = self._asking[place] = _Asked({name: about}, asyncio.Future())
        answer = None
        try:
            # By then all that run in this turn of the loop have asked.
            await asyncio.sleep(0)
            del self._asking[place]
            answer = await self._look(place, asked.about)
            return answer
        finally:
            if self._asking.get(place) is asked:
                del self._asking[place]
            asked.answer.set_result(answer)
