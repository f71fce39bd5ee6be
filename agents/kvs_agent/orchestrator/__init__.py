# SPDX-License-Identifier: Apache-2.0
"""Several sources, one northbound: who holds what, whose value counts, and what becomes of it."""

from __future__ import annotations

from .feed import Feed, is_settled
from .holdings import Holdings, Proposal
from .orchestrator import Orchestrator, Overloaded, Wish
from .sink import Item, Sink
from .store import Store, StoreError

__all__ = [
    "Feed",
    "Holdings",
    "Item",
    "Orchestrator",
    "Overloaded",
    "Proposal",
    "Sink",
    "Store",
    "StoreError",
    "Wish",
    "is_settled",
]
