# SPDX-License-Identifier: Apache-2.0
"""``Item``: a value that says of itself what it needs, derives and claims."""

from __future__ import annotations

import dataclasses
import functools

from ..model import Depends, DependsOnAny, Derived

__all__ = ["Item"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A value for simulations; two of equal fields configure the same.

    Each entry of ``any_of`` is one any-of dependency: a prefix, or a tuple of prefixes of which
    one is enough. Values of another ``shape`` cannot become one another without a recreate.
    """

    data: int = 0
    needs: tuple[str, ...] = ()
    any_of: tuple[str | tuple[str, ...], ...] = ()
    derives: tuple[tuple[str, Item], ...] = ()
    claims: tuple[str, ...] = ()
    shape: int = 0
    valid: bool = True

    def dependencies(self) -> tuple[Depends | DependsOnAny, ...]:
        """Return the needs in the engine's words."""
        return _dependencies(self.needs, self.any_of)

    def derived(self) -> tuple[Derived, ...]:
        """Return what the item brings along."""
        return tuple(Derived(key, item) for key, item in self.derives)

    def bare(self) -> Item:
        """Return the item without what it derives."""
        return dataclasses.replace(self, derives=()) if self.derives else self

    def __repr__(self) -> str:
        """Show only what differs from a plain item, to keep counterexamples readable."""
        shown = (
            f"{field.name}={getattr(self, field.name)!r}"
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        )
        return f"Item({', '.join(shown)})"


@functools.lru_cache(maxsize=4096)
def _dependencies(
    needs: tuple[str, ...], any_of: tuple[str | tuple[str, ...], ...]
) -> tuple[Depends | DependsOnAny, ...]:
    named = tuple(Depends(key) for key in needs)
    return named + tuple(DependsOnAny(prefixes=_several(entry)) for entry in any_of)


def _several(entry: str | tuple[str, ...]) -> tuple[str, ...]:
    return (entry,) if isinstance(entry, str) else entry
