# SPDX-License-Identifier: Apache-2.0
"""What one write adds to a journal, as text, and the state that a series of them leads to.

A batch is a JSON object of objects, applied in this order: ``made`` (outcomes: key to
``[value, metadata, flags]``, null where it is gone; a null value is the one intended before),
``wanted`` (key to ``[value, retry, base]``, null where no longer wanted; the base is null), then
``rejected`` (the same for wishes that were invalid, until the key's next valid one, and, with a
base, for what counts in the place of an invalid derived value; left out where there are none) and
``intents`` (key to value, null where it is the wanted one). Values are what the codec made,
byte by character.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["ADOPTED", "DOUBTFUL", "Batch", "MadeEntry", "Retry", "State", "WantedEntry"]

ADOPTED: Final = 1
DOUBTFUL: Final = 2

Retry = Mapping[str, Any]
WantedEntry = tuple[str, Retry | None, str | None]
MadeEntry = tuple[str | None, str | None, int]

_dump = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """One step of a journal, stored as a whole or not at all."""

    made: Mapping[str, MadeEntry | None] = dataclasses.field(default_factory=dict)
    wanted: Mapping[str, WantedEntry | None] = dataclasses.field(default_factory=dict)
    intents: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    rejected: Mapping[str, WantedEntry] = dataclasses.field(default_factory=dict)

    def is_empty(self) -> bool:
        """Tell whether there is nothing to store."""
        return not (self.made or self.wanted or self.intents or self.rejected)

    def text(self) -> str:
        """Return the batch as it stands in the file: ASCII."""
        parts = {"made": self.made, "wanted": self.wanted, "intents": self.intents}
        if self.rejected:
            parts["rejected"] = self.rejected
        return _dump(parts)


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """What a journal holds, still encoded."""

    wanted: dict[str, WantedEntry] = dataclasses.field(default_factory=dict)
    made: dict[str, tuple[str, str | None, int]] = dataclasses.field(default_factory=dict)
    rejected: dict[str, WantedEntry] = dataclasses.field(default_factory=dict)

    def apply(self, text: str) -> None:
        """Bring in one batch."""
        batch: dict[str, dict[str, Any]] = json.loads(text)
        wanted, made, rejected = self.wanted, self.made, self.rejected
        for key, outcome in batch["made"].items():
            if outcome is None:
                made.pop(key, None)
            else:
                value, metadata, flags = outcome
                if type(flags) is not int:
                    raise TypeError(f"the flags of {key} are {flags!r}")
                made[key] = (made[key][0] if value is None else value, metadata, flags)
        for key, wish in batch["wanted"].items():
            rejected.pop(key, None)
            if wish is None:
                wanted.pop(key, None)
            else:
                wanted[key] = _entry(wish)
        for key, wish in batch.get("rejected", {}).items():
            rejected[key] = _entry(wish)
        for key, intended in batch["intents"].items():
            value = wanted[key][0] if intended is None else intended
            _, metadata, flags = made.get(key, (None, None, 0))
            made[key] = (value, metadata, flags | DOUBTFUL)

    def snapshot(self) -> Batch:
        """Return the one batch that leads here from nothing."""
        return Batch(made=self.made, wanted=self.wanted, rejected=self.rejected)


def _entry(wish: list[Any]) -> WantedEntry:
    """Return a wish as read; the first version of the format knew no bases."""
    value, retry, base = (*wish, None)[:3]
    return value, retry, base
