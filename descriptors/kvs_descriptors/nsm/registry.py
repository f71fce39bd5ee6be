# SPDX-License-Identifier: Apache-2.0
"""Which network services and endpoints there are: told to a manager, and asked of it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Final

from kvs_proto.registry.registry_pb2 import (
    NetworkService,
    NetworkServiceEndpoint,
    NetworkServiceEndpointQuery,
    NetworkServiceEndpointResponse,
    NetworkServiceQuery,
)

from .errors import Refused
from .wire import methods
from .wire.links import Links

__all__ = ["Registration", "find_endpoints", "find_services", "watch_endpoints"]

_TIMEOUT_S: Final = 15.0
_PATH: Final = "path"
# A registration that nobody has seen yet.
_FRESH: Final = '{"Index":0,"PathSegments":null}'
_MAX_PATH: Final = 256 * 1024


class Registration:
    """One endpoint, and the network services that it serves, as the mesh knows them.

    The mesh gives a path with each answer, by which it knows that it is us who come again.
    """

    def __init__(self, links: Links, endpoint: NetworkServiceEndpoint) -> None:
        self._links = links
        self._endpoint = endpoint
        self._paths: dict[str, str] = {}

    async def register(self, *, payload: str = "IP") -> NetworkServiceEndpoint:
        """Register, or refresh; the answer says until when it holds."""
        for service in self._endpoint.network_service_names:
            await self._announce(NetworkService(name=service, payload=payload))
        asked = NetworkServiceEndpoint()
        asked.CopyFrom(self._endpoint)
        # What an earlier answer says of it would be taken for all that is wanted.
        asked.ClearField("expiration_time")
        known, told = await self._links.call(
            methods.REGISTER_ENDPOINT, asked, timeout_s=_TIMEOUT_S, metadata=self._path("endpoint")
        )
        self._keep("endpoint", told)
        self._endpoint.initial_registration_time.CopyFrom(known.initial_registration_time)
        return known

    async def unregister(self) -> None:
        """Take the endpoint away. Its network services stay: others may serve them."""
        await self._links.call(
            methods.UNREGISTER_ENDPOINT,
            self._endpoint,
            timeout_s=_TIMEOUT_S,
            metadata=self._path("endpoint"),
        )
        self._paths.pop("endpoint", None)

    async def _announce(self, service: NetworkService) -> None:
        key = f"service {service.name}"
        if await find_services(self._links, service.name):
            # Somebody may have given it rules, which registering again would take away.
            return
        try:
            _, told = await self._links.call(
                methods.REGISTER_SERVICE, service, timeout_s=_TIMEOUT_S, metadata=self._path(key)
            )
        except Refused as error:
            if error.code != "PERMISSION_DENIED":
                raise
            # Another identity owns it. That does not keep us from serving it.
            return
        self._keep(key, told)

    def _path(self, key: str) -> tuple[tuple[str, str], ...]:
        return ((_PATH, self._paths.get(key, _FRESH)),)

    def _keep(self, key: str, told: dict[str, str]) -> None:
        path = told.get(_PATH, "")
        if path and len(path) <= _MAX_PATH:
            self._paths[key] = path


async def find_endpoints(
    links: Links, wanted: NetworkServiceEndpoint
) -> list[NetworkServiceEndpoint]:
    """Return the endpoints that there are now and that are like the one that is wanted."""
    query = NetworkServiceEndpointQuery(network_service_endpoint=wanted)
    answers = links.stream(methods.FIND_ENDPOINTS, query)
    async with contextlib.aclosing(answers):
        return [one.network_service_endpoint async for one in answers if not one.deleted]


async def find_services(links: Links, name: str = "") -> list[NetworkService]:
    """Return the network services of that name, or all."""
    query = NetworkServiceQuery(network_service=NetworkService(name=name))
    answers = links.stream(methods.FIND_SERVICES, query)
    async with contextlib.aclosing(answers):
        return [one.network_service async for one in answers if not one.deleted]


def watch_endpoints(
    links: Links, wanted: NetworkServiceEndpoint
) -> AsyncGenerator[NetworkServiceEndpointResponse, None]:
    """Yield endpoints like the one that is wanted, then what comes and goes."""
    query = NetworkServiceEndpointQuery(network_service_endpoint=wanted, watch=True)
    return links.stream(methods.FIND_ENDPOINTS, query)
