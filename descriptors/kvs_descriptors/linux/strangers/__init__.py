# SPDX-License-Identifier: Apache-2.0
"""What others made on this machine: read into values, and taken over by a mark, in place."""

from __future__ import annotations

from .finding import Findings, Left, Request, find
from .marking import Taking, descriptors

__all__ = ["Findings", "Left", "Request", "Taking", "descriptors", "find"]
