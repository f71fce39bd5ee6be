# SPDX-License-Identifier: Apache-2.0
"""Addresses by name: what is allocated to whom, for every southbound to refer to."""

from __future__ import annotations

from typing import Any

from kvscheduler import Descriptor

from . import keys, reference
from .allocation import AllocationDescriptor
from .reference import Allocation, NotAllocated, Reference

__all__ = [
    "Allocation",
    "AllocationDescriptor",
    "NotAllocated",
    "Reference",
    "descriptors",
    "keys",
    "reference",
]


def descriptors() -> list[Descriptor[Any, Any]]:
    """Return what takes allocations, for one engine."""
    return [AllocationDescriptor()]
