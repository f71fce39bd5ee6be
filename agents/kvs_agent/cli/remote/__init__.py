# SPDX-License-Identifier: Apache-2.0
"""A running agent as commands work on it, over its own gRPC service."""

from __future__ import annotations

import os

# Of gRPC's own words none is for people; ours say what they say. It reads this when it is loaded.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from .agent import Agent, connected
from .reading import About, Part

__all__ = ["About", "Agent", "Part", "connected"]
