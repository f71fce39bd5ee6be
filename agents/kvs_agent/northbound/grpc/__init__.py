# SPDX-License-Identifier: Apache-2.0
"""The agent's gRPC services: the predecessor's, and our own for what it lacks."""

from __future__ import annotations

from .server import GrpcServer
from .settings import GrpcSettings, Unsafe

__all__ = ["GrpcServer", "GrpcSettings", "Unsafe"]
