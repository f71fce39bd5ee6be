# SPDX-License-Identifier: Apache-2.0
"""From what is known and what is wanted to a plan: pure decisions, no effects."""

from __future__ import annotations

from .change import Change, Draft
from .planner import draft

__all__ = ["Change", "Draft", "draft"]
