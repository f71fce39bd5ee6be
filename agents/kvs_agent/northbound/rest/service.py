# SPDX-License-Identifier: Apache-2.0
"""What the endpoints work with: the agent's core, and what is recorded and counted of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kvs_agent.core.core import Core
from kvs_agent.recording import Following, Recorder
from kvs_agent.recording.calls import Calls
from kvs_agent.recording.statistics import Statistics

if TYPE_CHECKING:
    from kvs_agent.metrics import Metrics

__all__ = ["Service"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One server's inside. ``models`` are metrics that can be asked for by a model's name."""

    core: Core
    following: Following
    recorder: Recorder
    statistics: Statistics
    metrics: Metrics
    calls: Calls
    models: Mapping[str, Callable[[], Any]]
    description: Callable[[], Mapping[str, Any]]
    max_body_bytes: int

    def value(self, key: str) -> Any:
        """Return what is wanted under a key, or else what stands there; None for neither."""
        return known_value(self.core, key)


def known_value(core: Core, key: str) -> Any:
    """Return what is wanted under a key, or else what stands there; None for neither."""
    for view in ("desired", "configured"):
        found = core.scheduler.values(key, view).get(key)
        if found is not None:
            return found
    return None
