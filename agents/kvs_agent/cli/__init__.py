# SPDX-License-Identifier: Apache-2.0
"""``kvsctl``: plan, apply, repair and explain a configuration from the command line.

Exit codes: 0 done or nothing to do, 1 error, 2 there were changes (with
``--detailed-exitcode``), 128 + n ended by signal n.
"""

from __future__ import annotations

from collections.abc import Sequence

from .app import run

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    return run(arguments)
