# SPDX-License-Identifier: Apache-2.0
"""Holding the garbage collector back while a large change is planned and run inline."""

from __future__ import annotations

import gc

__all__ = ["LARGE", "collector_paused"]

LARGE = 500


class collector_paused:  # noqa: N801 - reads as what it does, as in contextlib
    """Collect nothing inside where many values are at stake; for sections that never wait.

    A change of 20,000 values makes half a million objects that all stay. The collector would
    walk through all of them again and again, for a quarter of the time, and find nothing.
    """

    __slots__ = ("_pauses",)

    def __init__(self, values: int) -> None:
        self._pauses = values >= LARGE and gc.isenabled()

    def __enter__(self) -> None:
        if self._pauses:
            gc.disable()

    def __exit__(self, *raised: object) -> None:
        if self._pauses:
            gc.enable()
