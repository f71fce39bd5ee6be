# SPDX-License-Identifier: Apache-2.0
"""Endpoints: served at once, registered by what watches; what comes of them are properties."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from google.protobuf.message import Message

from kvs_proto.cnf.nsm.nsm_pb2 import NetworkServiceEndpoint
from kvs_proto.nsm.v1.endpoint_pb2 import EndpointConnection, HeldConnections
from kvscheduler import Derived, Descriptor, Origin, Retrieved, Southbound

from .. import keys
from ..errors import MeshError, Unavailable
from ..interfaces import Interface, unconfigured
from ..notifications import Notifier, Publish, unpublished
from ..serving.server import EndpointServer
from ..standing.presence import Presence, Registered
from ..standing.retrying import Retrying
from ..wire.links import Links
from . import meaning
from .endpoint import Endpoint
from .meaning import Site
from .service import EndpointService

__all__ = ["EndpointDescriptor"]

# What an endpoint holds is written down as a whole: of many connections less often. One that is
# lost for that is known by what its client brings.
_FEW: Final = 32
_EACH_S: Final = 0.001
_LONGEST_S: Final = 1.0


class EndpointDescriptor(Descriptor[NetworkServiceEndpoint, HeldConnections]):
    """Endpoints, all behind one server; the metadata is the connections that they hold.

    ``interface`` is what configures interfaces here: it says what is derived for one.
    ``publish`` is told which labels are advertised. ``reserved`` tells which interfaces, of
    clients for one, are not to be given away.
    """

    name = "nsm-endpoint"
    key_prefix = keys.ENDPOINT
    # To reach a manager, and to be answered by it, may take most of the usual one.
    deadline_s = 60.0

    def __init__(
        self,
        links: Links,
        server: EndpointServer,
        site: Site,
        interface: Interface = unconfigured,
        publish: Publish = unpublished,
        reserved: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.server = server
        self._links = links
        self._site = site
        self._interface = interface
        self._notifier = Notifier(publish)
        self._reserved = reserved
        self._endpoints: dict[str, Endpoint] = {}
        self._unwritten: set[str] = set()
        self._has_news = asyncio.Event()
        self._southbound: Southbound | None = None

    def attach(self, southbound: Southbound) -> None:
        """Remember whom properties are told to."""
        self._southbound = southbound

    # What an endpoint means.

    def validate(self, key: str, value: NetworkServiceEndpoint) -> None:
        """Check names, labels and addresses."""
        meaning.check(key, value, self._site)

    def equivalent(
        self, key: str, old: NetworkServiceEndpoint, new: NetworkServiceEndpoint
    ) -> bool:
        """Tell whether two say the same."""
        return meaning.is_same(old, new)

    def derived(self, key: str, value: NetworkServiceEndpoint) -> Iterable[Derived]:
        """Bring along the configuration of the one interface, where it is known beforehand."""
        service = value.network_service
        yield Derived(keys.sought(service, f"endpoint/{meaning.name_of(value)}"), service)
        if (wish := meaning.wish(value)) is not None:
            yield from self._interface(wish)

    def claims(self, key: str, value: NetworkServiceEndpoint) -> Iterable[str]:
        """Hold the name of the one interface."""
        if only := meaning.naming(value).only:
            yield f"nsm-interface:{only}"

    def requires_recreate(
        self,
        key: str,
        old: NetworkServiceEndpoint,
        new: NetworkServiceEndpoint,
        metadata: HeldConnections | None,
    ) -> bool:
        """Begin anew for all that clients were connected by; labels and addresses can change."""
        return meaning.is_other_endpoint(old, new)

    # What is done about it.

    def create(self, key: str, value: NetworkServiceEndpoint) -> HeldConnections:
        """Serve it. Registering it may take for ever, so nobody waits for that here."""
        known = self._endpoints.get(key)
        if known is None or known.is_leaving:
            if known is not None:
                # It may still be registered, and being withdrawn at this moment: that is seen.
                known.cancel()
            known = self._begin(key, value, was_there=known is not None)
        return known.service.metadata

    async def update(
        self,
        key: str,
        old: NetworkServiceEndpoint,
        new: NetworkServiceEndpoint,
        metadata: HeldConnections | None,
    ) -> HeldConnections:
        """Have it registered again, with other labels; connections stay."""
        endpoint = self._endpoints.get(key)
        if endpoint is None:
            endpoint = self._begin(key, new, metadata, was_there=True)
        endpoint.value = endpoint.service.value = new
        if meaning.label_map(old) != meaning.label_map(new):
            await endpoint.stop()
            self._has_news.set()
        return endpoint.service.metadata

    async def delete(
        self, key: str, value: NetworkServiceEndpoint, metadata: HeldConnections | None
    ) -> None:
        """End its connections, and withdraw it; fails where the manager cannot be told."""
        endpoint = self._endpoints.get(key)
        if endpoint is None:
            endpoint = self._begin(key, value, metadata, was_there=True)
        endpoint.is_leaving = endpoint.service.is_over = True
        await endpoint.stop()
        await self.server.remove(endpoint.mesh_name)
        self._notifier.tell(endpoint.name, None)
        try:
            await endpoint.presence.withdraw()
        except MeshError as error:
            # Still there for ``retrieve``, also after a restart, and tried again until it works.
            self._note(endpoint, Registered(failure=f"it cannot be withdrawn: {error}"))
            endpoint.is_stuck = True
            self._has_news.set()
            raise
        self._forget(key, endpoint)

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return what is served; what was served before a restart is from now on.

        So its connections, and all that needs them, stay as they are until clients refresh them.
        """
        for one in expected:
            if one.key not in self._endpoints and isinstance(one.metadata, HeldConnections):
                self._begin(one.key, one.value, one.metadata, was_there=True)
        for key, endpoint in self._endpoints.items():
            if keys is None or key in keys:
                held = endpoint.service.metadata
                yield Retrieved(key, endpoint.value, held, Origin.NORTHBOUND)

    async def watch(self) -> None:
        """Listen, and keep all endpoints registered."""
        try:
            async with self.server:
                self._restore()
                await self._keep_up(self._url())
        except (MeshError, OSError, RuntimeError) as error:
            for endpoint in self._endpoints.values():
                self._note(endpoint, Registered(failure=f"it cannot be served: {error}"))
            raise
        finally:
            for endpoint in self._endpoints.values():
                endpoint.forget_task()

    def _url(self) -> str:
        if not self._site.url and self.server.address.is_everywhere:
            text = "where others reach it has to be said"
            raise Unavailable(f"{self.server.address} is every address of this machine: {text}")
        return self._site.url or str(self.server.address)

    async def _keep_up(self, url: str) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                self._has_news.clear()
                for key, endpoint in self._endpoints.items():
                    if endpoint.is_running:
                        continue
                    if endpoint.is_stuck:
                        endpoint.run_instead(group, self._withdraw_later(key, endpoint))
                    elif not endpoint.is_leaving:
                        endpoint.run(group, url)
                await self._has_news.wait()

    async def _withdraw_later(self, key: str, endpoint: Endpoint) -> None:
        """Withdraw what could not be when it was to; nobody else may try again."""
        retrying = Retrying()
        while True:
            await asyncio.sleep(retrying.next_s())
            try:
                await endpoint.presence.withdraw()
            except MeshError as error:
                self._note(endpoint, Registered(failure=f"it cannot be withdrawn: {error}"))
                continue
            self._forget(key, endpoint)
            self._get_southbound().request_resync(key)
            return

    # What others ask of us.

    def standing(self) -> Iterator[tuple[str, Message]]:
        """Yield the properties that there are, with their keys."""
        for endpoint in self._endpoints.values():
            yield keys.registered(endpoint.name), endpoint.registration
            for interface, found in endpoint.service.connections.items():
                yield keys.served(endpoint.name, interface), found

    def why_not_connected(self, key: str) -> str:
        """Say why nobody is connected, "" for what is no connection of an endpoint here."""
        name, connection, _ = key.removeprefix(keys.SERVED).partition("/connection/")
        endpoint = self._endpoints.get(keys.endpoint(name))
        if endpoint is None or not connection:
            return ""
        refused = self.server.refusals.of(endpoint.mesh_name)
        said = ["no client is connected"]
        if endpoint.state.failure:
            said.append(f"the endpoint is not registered: {endpoint.state.failure}")
        if refused.count:
            said.append(f"{refused.count} refused, the last because {refused.last}")
        return "; ".join(said)

    # Endpoints.

    def _begin(
        self,
        key: str,
        value: NetworkServiceEndpoint,
        before: HeldConnections | None = None,
        *,
        was_there: bool = False,
    ) -> Endpoint:
        endpoint = Endpoint(value, self._site, self._service(key, value))
        endpoint.presence = Presence(
            self._links,
            meaning.registration(value, self._site, ""),
            lambda state: self._note(endpoint, state),
            was_there=was_there,
        )
        if before is not None:
            endpoint.service.take_up(before)
        self._endpoints[key] = endpoint
        self.server.add(endpoint.mesh_name, endpoint.service)
        self._restore()
        self._note(endpoint, endpoint.state)
        self._has_news.set()
        return endpoint

    def _service(self, key: str, value: NetworkServiceEndpoint) -> EndpointService:
        def others() -> set[str]:
            services = (one.service for k, one in self._endpoints.items() if k != key)
            return {*self._reserved(), *(name for one in services for name in one.names)}

        def changed(interface: str, found: EndpointConnection | None) -> None:
            self._tell(keys.served(meaning.name_of(value), interface), found)
            self._write_down(key)

        return EndpointService(value, self._site, others, changed)

    def _write_down(self, key: str) -> None:
        """Have the engine read what is held, which is the endpoint's metadata, and journal it."""
        endpoint = self._endpoints.get(key)
        count = len(endpoint.service.held) if endpoint is not None else 0
        if count <= _FEW:
            self._write_now(key)
        elif key not in self._unwritten:
            self._unwritten.add(key)
            delay_s = min(_LONGEST_S, count * _EACH_S)
            asyncio.get_running_loop().call_later(delay_s, self._write_now, key)

    def _write_now(self, key: str) -> None:
        self._unwritten.discard(key)
        self._get_southbound().request_refresh([key])

    def _forget(self, key: str, endpoint: Endpoint) -> None:
        if self._endpoints.get(key) is endpoint:
            del self._endpoints[key]
            self._tell(keys.registered(endpoint.name), None)

    def _restore(self) -> None:
        """Have the server hold what was held before."""
        for endpoint in self._endpoints.values():
            for one in endpoint.service.held:
                self.server.book.restore(endpoint.service, one.connection, one.life_s)

    def _note(self, endpoint: Endpoint, state: Registered) -> None:
        endpoint.state = state
        self._tell(keys.registered(endpoint.name), endpoint.registration)
        is_there = state.until is not None and not endpoint.is_leaving
        self._notifier.tell(endpoint.name, endpoint.value if is_there else None)

    def _tell(self, key: str, found: Message | None) -> None:
        self._get_southbound().notify({key: found})

    def _get_southbound(self) -> Southbound:
        assert self._southbound is not None
        return self._southbound
