# SPDX-License-Identifier: Apache-2.0
"""Our own service, for what the predecessor's lack."""

from __future__ import annotations

from kvs_agent.core.core import Core

from .changing import Changing
from .looking import Looking
from .recalling import Recalling
from .trials import Trials

__all__ = ["AgentService"]


class AgentService:
    """``kvscheduler.agent.v1.AgentService``."""

    def __init__(self, core: Core, trials: Trials) -> None:
        self.methods = {
            **Changing(core, trials).methods,
            **Looking(core).methods,
            **Recalling(core).methods,
        }
