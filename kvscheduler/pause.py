# SPDX-License-Identifier: Apache-2.0
"""Holding the garbage collector back while a large change is planned and run inline."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["collector_paused"]

_LARGE = 500


@contextlib.contextmanager
def collector_paused(values: int) -> Iterator[None]:
    """Collect nothing inside where many values are at stake; for sections that never wait.

    A change of 20,000 values makes half a million objects that all stay. The collector would
    walk through all of them again and again, for a quarter of the time, and find nothing.
    """
    if values < _LARGE or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
