# SPDX-License-Identifier: Apache-2.0
"""Which endpoints there are in the mesh, as properties that other values may need."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kvscheduler import Descriptor

from ..wire.links import Links
from .descriptor import FoundDescriptor, SoughtDescriptor

__all__ = ["FoundDescriptor", "SoughtDescriptor", "descriptors"]


def descriptors(links: Links, services: Iterable[str] = ()) -> tuple[Descriptor[Any, Any], ...]:
    """Return the descriptors of what is found; ``services`` are looked for in any case."""
    sought = SoughtDescriptor(links, services)
    return sought, FoundDescriptor(sought)
