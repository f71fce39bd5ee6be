# SPDX-License-Identifier: Apache-2.0
"""Dummies: links that go nowhere, to put addresses on."""

from __future__ import annotations

from ligato.linux.interfaces.interface_pb2 import Interface

from .kind import Kind

__all__ = ["Dummy"]


class Dummy(Kind):
    """A link that goes nowhere."""

    type = Interface.DUMMY
    kernel_name = "dummy"
