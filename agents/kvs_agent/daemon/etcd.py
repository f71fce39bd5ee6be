# SPDX-License-Identifier: Apache-2.0
"""etcd as a part of an agent: the source, and the statuses that are published."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Mapping
from typing import Final

from kvs_agent import etcd, models
from kvs_agent.core.core import Core
from kvs_agent.core.health import State
from kvs_agent.publishing.etcd import Limits, StatusPublisher
from kvs_agent.publishing.notifications import Notifications
from kvs_agent.sources.etcd import EtcdSource

from .settings import EtcdSettings

__all__ = ["EtcdPart", "expanding"]

_VARIABLE: Final = re.compile(rb"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")

Decode = Callable[[str, bytes], object]


class EtcdPart:
    """Follows etcd for as long as the agent lives, and tells of its health.

    The agent is not ready before etcd has been read for the first time; after that its loss is
    told, and the agent goes on with what it knows.
    """

    def __init__(
        self, settings: EtcdSettings, core: Core, notifications: Notifications | None = None
    ) -> None:
        self._notifications = notifications
        self._settings = settings
        self._core = core
        core.health.report("etcd", State.INIT)  # before anything else could make it ready
        self._client = etcd.Client(_client_settings(settings))
        decode: Decode = models.decode
        if settings.expand_variables:
            decode = expanding(decode, os.environ)
        self._source = EtcdSource(
            self._client,
            core.orchestrator,
            decode,
            label=core.about.label,
            allow_delayed_start=settings.allow_delayed_start,
            report=self._tell,
        )

    def __repr__(self) -> str:
        return "etcd"

    async def run(self) -> None:
        """Follow and publish until cancelled."""
        async with self._client, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._source.run(), name="etcd")
            tasks.create_task(self._tell_first(), name="first sync with etcd")
            if self._settings.publish_status:
                publisher = StatusPublisher(
                    self._client,
                    self._core.scheduler,
                    label=self._core.about.label,
                    limits=Limits(ttl_s=self._settings.session_ttl),
                )
                tasks.create_task(publisher.run(), name="statuses to etcd")
            if self._notifications is not None:
                told = self._notifications.run(self._client)
                tasks.create_task(told, name="notifications to etcd")

    async def _tell_first(self) -> None:
        await self._source.until_synced()
        self._tell(self._source.health)

    def _tell(self, health: etcd.Health) -> None:
        if not self._source.is_synced:
            self._core.health.report("etcd", State.INIT, "" if health.connected else health.error)
        elif health.connected:
            self._core.health.report("etcd", State.OK, needed=False)
        else:
            self._core.health.report("etcd", State.ERROR, health.error, needed=False)


def _client_settings(settings: EtcdSettings) -> etcd.Settings:
    tls = None
    if settings.ca or settings.cert or settings.key:
        tls = etcd.Tls(
            ca=settings.ca, cert=settings.cert, key=settings.key, server_name=settings.server_name
        )
    return etcd.Settings(
        endpoints=settings.endpoints,
        tls=tls,
        dial_timeout_s=settings.dial_timeout_s,
        operation_timeout_s=settings.operation_timeout_s,
    )


def expanding(decode: Decode, variables: Mapping[str, str]) -> Decode:
    """Return a reader that puts variables in first; one that is not set is nothing, as in Go."""

    def value_of(found: re.Match[bytes]) -> bytes:
        return variables.get((found[1] or found[2]).decode(), "").encode()

    return lambda key, data: decode(key, _VARIABLE.sub(value_of, data))
