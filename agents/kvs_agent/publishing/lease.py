# SPDX-License-Identifier: Apache-2.0
"""The lease that what is published hangs on: kept alive for as long as somebody publishes."""

from __future__ import annotations

import asyncio
import logging

from kvs_agent.etcd import Client, EtcdError
from kvs_agent.etcd.pacing import pause

__all__ = ["Lease"]

logger = logging.getLogger(__name__)


class Lease:
    """At most one lease at a time; ``id`` is 0 while there is none."""

    def __init__(self, ttl_s: int) -> None:
        self.id = 0
        self._ttl_s = ttl_s
        self._renew_at = 0.0

    def is_due(self, now: float) -> bool:
        """Tell whether it has to be granted, or kept alive, by now."""
        return not self.id or now >= self._renew_at

    def renewed(self, asked_at: float) -> None:
        """Note that it was; that counts from before the call, and thrice within its life."""
        self._renew_at = asked_at + self._ttl_s / 3

    async def until_needed(self, client: Client, wake: asyncio.Event, pace_s: float) -> None:
        """Wait for news, but no longer than the lease allows, and not too short."""
        clock = client.clock
        await pause(clock, pace_s)
        timer = clock.call_later(max(0.0, self._renew_at - clock.monotonic()), wake.set)
        try:
            await wake.wait()
        finally:
            timer.cancel()

    async def say_goodbye(self, client: Client, within_s: float, what: str) -> None:
        """Have what hangs on it go now, if etcd can be told in time."""
        lease, self.id = self.id, 0
        if not lease:
            return
        try:
            async with asyncio.timeout(within_s):
                await client.revoke(lease)
        except (EtcdError, TimeoutError) as error:
            logger.info("etcd: %s stay until their lease ends: %s", what, error)
