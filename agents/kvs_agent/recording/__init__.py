# SPDX-License-Identifier: Apache-2.0
"""What was done and how values stood, kept for people to look back at; bounded, in memory."""

from __future__ import annotations

from .following import Following
from .recorder import Limits, Recorder
from .timeline import Revision
from .transactions import Entry, Record

__all__ = ["Entry", "Following", "Limits", "Record", "Recorder", "Revision"]
