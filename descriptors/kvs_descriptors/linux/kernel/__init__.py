# SPDX-License-Identifier: Apache-2.0
"""The way into the kernel that all descriptors share: a channel for each namespace in use."""

from __future__ import annotations

from .kernel import PROTOCOL, Kernel, NamespaceGone

__all__ = ["PROTOCOL", "Kernel", "NamespaceGone"]
