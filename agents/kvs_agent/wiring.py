# SPDX-License-Identifier: Apache-2.0
"""Which engine with which descriptors: the one place where they meet."""

from __future__ import annotations

from pathlib import Path

import kvs_agent.models  # noqa: F401 - loads the classes that a journal can hold
from kvs_descriptors import linux
from kvscheduler import Scheduler

__all__ = ["DEADLINE_S", "MAX_PARALLEL", "linux_scheduler"]

# Both ends of a cable should be under way together, and the kernel answers at once: what limits
# the requests in flight is each namespace's socket, not this.
MAX_PARALLEL = 1024
DEADLINE_S = 30.0


def linux_scheduler(
    state: Path | None,
    *,
    owner: str = "kvs",
    max_parallel: int = MAX_PARALLEL,
    deadline_s: float = DEADLINE_S,
    watch: bool = False,
) -> Scheduler:
    """Return an engine for this machine's networking that begins nothing by itself.

    It takes up what the journal in ``state`` says, and changes the system only when told to. A
    journal can hold every value that files can, so all their classes are loaded. What another
    ``owner`` has made on this machine is a stranger's. ``watch``: what drifts is put back at once.
    """
    return Scheduler(
        linux.descriptors(owner, watch=watch),
        journal=state,
        recover=False,
        max_parallel=max_parallel,
        deadline_s=deadline_s,
    )
