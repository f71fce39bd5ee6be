# SPDX-License-Identifier: Apache-2.0
"""The Linux bench, for what goes down to the kernel."""

from __future__ import annotations

from tests.linux.conftest import bench, privileged

__all__ = ["bench", "privileged"]
