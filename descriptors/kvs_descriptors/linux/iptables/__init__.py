# SPDX-License-Identifier: Apache-2.0
"""Chains of packet filter rules, through the iptables that the host has."""

from __future__ import annotations

from .descriptor import RuleChainDescriptor
from .tool import ToolFailed, ToolMissing

__all__ = ["RuleChainDescriptor", "ToolFailed", "ToolMissing"]
