# SPDX-License-Identifier: Apache-2.0
"""How long to wait after failures: longer each time, and not all at the same moment."""

from __future__ import annotations

import random

__all__ = ["Retrying"]


class Retrying:
    """Counts failures in a row."""

    def __init__(self, first_s: float = 0.2, longest_s: float = 10.0) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        # Spreads those who lost the same manager. Nothing that anybody could gain from guessing.
        self._random = random.Random()  # noqa: S311 - see above
        self.failures = 0

    def reset(self) -> None:
        """Begin anew: it has worked."""
        self.failures = 0

    def next_s(self) -> float:
        """Return how long to wait after one more failure."""
        longest_s = min(self._longest_s, self._first_s * (1 << self.failures))
        self.failures = min(self.failures + 1, 32)
        return longest_s * self._random.uniform(0.5, 1.0)
