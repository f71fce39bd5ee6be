# SPDX-License-Identifier: Apache-2.0
"""The bench of Linux, on which allocated addresses are used."""

from __future__ import annotations

from tests.linux.conftest import bench, privileged

__all__ = ["bench", "privileged"]
