# SPDX-License-Identifier: Apache-2.0
"""The REST northbound: the predecessor's endpoints, and beside them what it lacked."""

from __future__ import annotations

from .server import RestServer
from .settings import RestSettings

__all__ = ["RestServer", "RestSettings"]
