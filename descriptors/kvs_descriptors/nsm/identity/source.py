# SPDX-License-Identifier: Apache-2.0
"""Where an identity comes from: something that has one now, and tells when it is another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from .svid import Identity

__all__ = ["Current", "Fixed", "Source"]


class Source(Protocol):
    """Gives identities."""

    async def identity(self) -> Identity:
        """Return the present identity; wait for the first one."""
        ...

    def changes(self) -> AsyncIterator[Identity]:
        """Yield the present identity, then each that takes its place; a slow reader skips some."""
        ...


class Current:
    """The identity of now, for whoever asks; its owner sets it."""

    def __init__(self) -> None:
        self._identity: Identity | None = None
        self._changed = asyncio.Event()

    def set(self, identity: Identity) -> None:
        """Take another identity."""
        self._identity = identity
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def identity(self) -> Identity:
        """Return the present identity; wait for the first one."""
        while self._identity is None:
            await self._changed.wait()
        return self._identity

    async def changes(self) -> AsyncIterator[Identity]:
        """Yield the present identity, then each that takes its place; a slow reader skips some."""
        while True:
            changed = self._changed
            if self._identity is not None:
                yield self._identity
            await changed.wait()


class Fixed(Current):
    """An identity that stays."""

    def __init__(self, identity: Identity) -> None:
        super().__init__()
        self.set(identity)
