# SPDX-License-Identifier: Apache-2.0
"""The table of all endpoints."""

from __future__ import annotations

from typing import Final

from . import (
    configuration,
    counts,
    info,
    linux,
    logs,
    own,
    probes,
    scheduler_graph,
    scheduler_past,
    scheduler_values,
)

__all__ = ["ENDPOINTS"]

ENDPOINTS: Final = (
    *info.ENDPOINTS,
    *configuration.ENDPOINTS,
    *scheduler_values.ENDPOINTS,
    *scheduler_past.ENDPOINTS,
    *scheduler_graph.ENDPOINTS,
    *own.ENDPOINTS,
    *linux.ENDPOINTS,
    *counts.ENDPOINTS,
    *logs.ENDPOINTS,
    *probes.ENDPOINTS,
)
