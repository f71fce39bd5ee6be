# SPDX-License-Identifier: Apache-2.0
"""A running agent as commands work on it, over its own gRPC service."""

from __future__ import annotations

from .agent import Agent, connected
from .reading import About, Part

__all__ = ["About", "Agent", "Part", "connected"]
