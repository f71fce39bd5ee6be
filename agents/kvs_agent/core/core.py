# SPDX-License-Identifier: Apache-2.0
"""What every northbound of an agent works with."""

from __future__ import annotations

import dataclasses

from kvs_agent.orchestrator import Feed, Orchestrator
from kvs_agent.past import Past
from kvscheduler import Scheduler

from .calls import Calls
from .health import Health

__all__ = ["About", "Core"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Which agent this is; ``label`` is its microservice label, part of its keys in etcd.

    ``started`` is in seconds of the epoch.
    """

    name: str
    version: str
    label: str
    started: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """One agent's inside.

    ``past`` is its history on disk, None where it keeps none; ``calls`` counts those of gRPC.
    """

    scheduler: Scheduler
    orchestrator: Orchestrator
    feed: Feed
    health: Health
    about: About
    past: Past | None = None
    calls: Calls = dataclasses.field(default_factory=Calls)
