# SPDX-License-Identifier: Apache-2.0
"""Which engine with which descriptors: the one place where they meet."""

from __future__ import annotations

from pathlib import Path

import kvs_agent.sources.models  # noqa: F401 - loads the classes that a journal can hold
from kvs_descriptors import linux
from kvscheduler import Scheduler

__all__ = ["linux_scheduler"]


def linux_scheduler(state: Path) -> Scheduler:
    """Return an engine for this machine's networking that begins nothing by itself.

    It takes up what the journal says, and changes the system only when told to. A journal can
    hold every value that files can, so all their classes are loaded.
    """
    return Scheduler(linux.descriptors(), journal=state, recover=False)
