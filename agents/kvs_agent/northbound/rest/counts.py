# SPDX-License-Identifier: Apache-2.0
"""``/stats/configurator``: how often the configuration was asked for and changed."""

from __future__ import annotations

from typing import Final

from kvs_agent.northbound.access import Role

from . import schemas
from .endpoint import JSON, Answer, Call, Endpoint

__all__ = ["ENDPOINTS"]


async def configurator(call: Call) -> Answer:
    """Return the counts of operations on the configuration, in seconds where they took any."""
    return Answer(call.service.calls.data())


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/stats/configurator",
        role=Role.READ,
        group="Stats",
        summary="How often the configuration was asked for and changed, and how long that took",
        handler=configurator,
        answers={200: (JSON, schemas.OBJECT)},
    ),
)
