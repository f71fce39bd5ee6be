# SPDX-License-Identifier: Apache-2.0
"""Containers by their label: properties that tell which are running, as Docker says.

A label is what a container has in its environment as MICROSERVICE_LABEL; of several containers
with one label the newest counts.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from google.protobuf.empty_pb2 import Empty

from kvscheduler import Descriptor, Origin, PartialRetrieve, Retrieved, Southbound
from ligato.linux.namespace.namespace_pb2 import NetNamespace

from .. import keys as all_keys
from .. import places
from ..kernel.netns import identity
from .docker import Docker, Unavailable, socket_path

if TYPE_CHECKING:
    from ..kernel import Kernel

__all__ = ["MicroserviceDescriptor"]

logger = logging.getLogger(__name__)

VARIABLE = "MICROSERVICE_LABEL="
# Containers that are asked after at once.
MAX_PARALLEL = 8
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0

# What Docker, or who poses as it, can do to us.
TROUBLES = (OSError, ValueError, LookupError, TypeError, EOFError)


@dataclasses.dataclass(frozen=True, slots=True)
class Container:
    """A running container that bears a label."""

    label: str
    process: int
    created: str


class MicroserviceDescriptor(Descriptor[Empty, None]):
    """Running containers, by label: never made here."""

    name = "microservice"
    key_prefix = all_keys.MICROSERVICE

    def __init__(
        self, kernel: Kernel, *, watch: bool = False, docker: Docker | None = None
    ) -> None:
        self._kernel = kernel
        self._is_watching = watch
        self._docker = docker or Docker(socket_path())
        self._containers: dict[str, Container] = {}

    def attach(self, southbound: Southbound) -> None:
        """Learn whom to tell."""
        self._southbound = southbound

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return the labels of what runs now; none where there is no Docker."""
        if keys is None or not self._is_watching:
            await self._read()
        self._kernel.microservices = self._processes()
        self._kernel.look()
        for one in expected:
            self._kernel.told(places.place_of(_reference(self.label(one.key))))
        found = (all_keys.microservice(label) for label in sorted(self._kernel.microservices))
        return [
            Retrieved(key, Empty(), None, Origin.SOUTHBOUND)
            for key in found
            if keys is None or key in keys
        ]

    async def _read(self) -> None:
        try:
            self._containers = await self._list()
        except Unavailable:
            self._containers = {}
        except TROUBLES as error:
            raise PartialRetrieve((), (self.key_prefix,)) from error

    async def watch(self) -> None:
        """Follow what starts and ends, if that is wanted; wait for a Docker to follow."""
        pause_s = FIRST_PAUSE_S
        while self._is_watching:
            try:
                await self._follow()
                pause_s = FIRST_PAUSE_S
            except Unavailable as none:
                logger.debug("no Docker: %s", none)
            except TROUBLES as error:
                logger.warning("Docker's events are lost: %s; again in %s s", error, pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)

    async def _follow(self) -> None:
        async with self._docker.events() as events:
            # Asked for first, so that nothing is missed that happens while this is told.
            self._containers = await self._list()
            self._show()
            async for event in events:
                number = event["Actor"]["ID"]
                if event["Action"] == "die":
                    self._containers.pop(number, None)
                else:
                    self._containers.update(await self._ask(number))
                self._show()

    async def _list(self) -> dict[str, Container]:
        free = asyncio.Semaphore(MAX_PARALLEL)

        async def ask(number: str) -> dict[str, Container]:
            async with free:
                return await self._ask(number)

        asking = [ask(one["Id"]) for one in await self._docker.containers()]
        return {
            number: container
            for answer in await asyncio.gather(*asking)
            for number, container in answer.items()
        }

    async def _ask(self, number: str) -> dict[str, Container]:
        """Return a container by its number, nothing where it bears no label or runs no more."""
        found = await self._docker.container(number)
        container = None if found is None else _container(found)
        return {} if container is None else {number: container}

    def _processes(self) -> dict[str, int]:
        oldest_first = sorted(self._containers.values(), key=lambda one: one.created)
        # One that has ended, of which Docker has not told yet, has no namespace any more.
        return {
            one.label: one.process
            for one in oldest_first
            if identity(f"/proc/{one.process}/ns/net") is not None
        }

    def _show(self) -> None:
        """Tell of labels that have come or gone since."""
        before, now = self._kernel.microservices, self._processes()
        if now == before:
            return
        self._kernel.microservices = now
        new, gone = sorted(now.keys() - before.keys()), sorted(before.keys() - now.keys())
        if new:
            self._southbound.notify({all_keys.microservice(label): Empty() for label in new})
        if gone:
            # Read in the engine's turn, not before: until then what was in them is not made anew.
            self._southbound.request_refresh(map(all_keys.microservice, gone))
        self._kernel.look()


def _reference(label: str) -> NetNamespace:
    return NetNamespace(type=NetNamespace.MICROSERVICE, reference=label)


def _container(found: Mapping[str, Any]) -> Container | None:
    process = found["State"]["Pid"]
    environment = found["Config"]["Env"] or ()
    labels = [one.removeprefix(VARIABLE) for one in environment if one.startswith(VARIABLE)]
    # A label that no reference can name is nobody's.
    if not labels or process <= 0 or not places.is_label(labels[-1]):
        return None
    return Container(labels[-1], process, found["Created"])
