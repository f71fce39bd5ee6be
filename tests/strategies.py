# SPDX-License-Identifier: Apache-2.0
"""The universes that all tests of the engine are about: the public strategies, on their defaults.

Every example switches some of the features off, so that the others come to meet more often.
"""

from __future__ import annotations

from kvscheduler.testing.strategies import (
    Changes,
    Features,
    Universe,
    changes,
    features,
    items,
    stories,
)

__all__ = [
    "ALL",
    "DERIVED",
    "FACTS",
    "NORTH",
    "PROPERTIES",
    "Changes",
    "Features",
    "changes",
    "features",
    "items",
    "stories",
]

NORTH = Universe().north
DERIVED = Universe().derived
FACTS = Universe().facts
PROPERTIES = Universe().properties

ALL = Features(invalid=True, properties=True)
