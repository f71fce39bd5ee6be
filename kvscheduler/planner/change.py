# SPDX-License-Identifier: Apache-2.0
"""What the planner is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from ..errors import InvalidValue
from ..graph import Spec
from ..plan import Operation

__all__ = ["Change", "Draft"]


_NONE: Mapping[Any, Any] = MappingProxyType({})


class Change(NamedTuple):
    """A wanted change.

    ``replace``: what is not in ``values`` is wanted no longer. ``rebind``: descriptors have
    come, look up every key anew. ``unblock``: failed keys to try again, None for all of them.
    ``purge``: remove what the northbound once made and nobody wants. ``lenient``: refuse the
    later of two excluding values instead of the change. ``against``: the first and the last place
    of keys in an order that is to be gone backwards where nothing else decides. ``stood``: what
    is wanted as it once stood, None for nothing; then there are no ``values``.
    """

    values: Mapping[str, Any] = _NONE
    deletes: tuple[str, ...] = ()
    replace: bool = False
    rebind: bool = False
    unblock: tuple[str, ...] | None = ()
    purge: bool = False
    against: Mapping[str, tuple[int, int]] = _NONE
    stood: Mapping[str, Spec | None] = _NONE
    lenient: bool = False


class Draft(NamedTuple):
    """What a change comes to: operations with their order, and what to note when they are done.

    ``wants`` are the changed wishes, ``rejected`` the invalid ones as (value, base, error).
    ``absorbed`` keys stand already as they are wanted; those in ``released`` are handed back to
    whoever made them. ``facts`` maps an operation's number to the facts that come (spec) or go
    (None) with it; number -1 stands for at once. Those in ``leaving`` go when all else is done.
    ``waiting`` says of each wanted key that was looked at and is left out, why; ``refused`` of
    changes that others' values do not allow; ``held`` of what cannot become what is wanted yet,
    for the sake of others. ``edges`` past the operations are those of gates: steps without an
    operation that many wait for.
    """

    wants: Mapping[str, Spec | None]
    seeds: Sequence[str]
    operations: Sequence[Operation]
    edges: Sequence[tuple[int, ...]]
    rejected: Mapping[str, tuple[Any, str | None, InvalidValue]] = _NONE
    unblocked: Iterable[str] = ()
    absorbed: Sequence[str] = ()
    released: Sequence[str] = ()
    facts: Mapping[int, list[tuple[str, Spec | None]]] = _NONE
    leaving: Sequence[str] = ()
    waiting: Mapping[str, str] = _NONE
    refused: Mapping[str, str] = _NONE
    held: Mapping[str, str] = _NONE
