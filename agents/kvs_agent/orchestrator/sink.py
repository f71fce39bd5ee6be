# SPDX-License-Identifier: Apache-2.0
"""What sources of configuration see of the orchestrator."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Protocol

from kvscheduler import TransactionResult, Unreadable

__all__ = ["Item", "Sink"]


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """What a source holds under a key: a message, or ``Unreadable``; labels are the users'.

    ``good`` is what could be read last, where ``value`` cannot: whoever takes an item in sets it.
    """

    value: object
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    good: object = dataclasses.field(default=None, compare=False)

    @property
    def readable(self) -> object:
        """What can be read of it, if only from before; None where nothing ever could."""
        return self.good if isinstance(self.value, Unreadable) else self.value


class Sink(Protocol):
    """Takes in what sources hold; each call is one transaction of the engine.

    Returns when that is committed and stored; None where nothing changed for the engine, since
    another source's value counts. Nothing is raised for values that fail: their statuses tell.
    """

    async def change(
        self, source: str, changes: Mapping[str, Item | None], *, description: str = ""
    ) -> TransactionResult | None:
        """Have a source hold these, and hold no more (None) those."""

    async def replace(
        self, source: str, items: Mapping[str, Item], *, description: str = ""
    ) -> TransactionResult | None:
        """Make this all that a source holds; only the difference reaches the engine."""
