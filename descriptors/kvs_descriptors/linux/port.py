# SPDX-License-Identifier: Apache-2.0
"""Ports of bridges: derived values that plug an interface in, once it is there."""

from __future__ import annotations

import errno
import functools
from collections.abc import Iterable, Mapping, Sequence

from google.protobuf.empty_pb2 import Empty

from kvscheduler import Depends, Descriptor, Retrieved, Southbound

from . import channel, codec, keys, link
from .channel import Refused
from .kernel import Kernel, NamespaceGone
from .kinds import Bridge
from .link import Link
from .looking import look_into
from .lookup import interface_link, interface_links

__all__ = ["PortDescriptor"]


class PortDescriptor(Descriptor[Empty, None]):
    """Interfaces that are plugged into bridges."""

    name = "linux-bridge-port"
    key_prefix = "linux/interface/"
    retrieve_after = ("linux-interface",)

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def attach(self, southbound: Southbound) -> None:
        """Learn where to ask for interfaces."""
        self._southbound = southbound

    def selects(self, key: str) -> bool:
        """Take the ports out of all that is derived from interfaces."""
        return key.startswith(self.key_prefix) and keys.parse_port(key) is not None

    def dependencies(self, key: str, value: Empty) -> Iterable[Depends]:
        """Need the interface; the bridge is there, being the base."""
        _, port = _parse(key)
        return [Depends(keys.interface(port), "port-exists")]

    def claims(self, key: str, value: Empty) -> Iterable[str]:
        """Hold the port: an interface is plugged into one bridge at a time."""
        return [f"master:{_parse(key)[1]}"]

    async def create(self, key: str, value: Empty) -> None:
        """Plug the interface in; one that is in already is a success."""
        bridge, port = (interface_link(self._southbound, name) for name in _parse(key))
        if bridge.namespace != port.namespace:
            text = "bridge and port are in different network namespaces"
            raise Refused(errno.EXDEV, text, key)
        await self._set_master(port, bridge.index, key)

    async def delete(self, key: str, value: Empty, metadata: None) -> None:
        """Pull the interface out, if it is there and still in this bridge."""
        try:
            bridge, port = (interface_link(self._southbound, name) for name in _parse(key))
            within = await self._kernel.channel(port.namespace)
        except (LookupError, NamespaceGone):
            return
        found = await link.find(within, index=port.index)
        if found is not None and found.master == bridge.index:
            await self._set_master(port, 0, key)

    async def _set_master(self, port: Link, index: int, key: str) -> None:
        within = await self._kernel.channel(port.namespace)
        body = codec.link_body([codec.number(codec.IFLA_MASTER, index)], index=port.index)
        await within.call(channel.RTM_NEWLINK, 0, body, key)

    def is_retriable(self, error: Exception) -> bool:
        """Give up where the bridge is in another namespace: only a new configuration helps."""
        return not (isinstance(error, Refused) and error.errno == errno.EXDEV)

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return which of our interfaces are plugged into which of our bridges."""
        asked = None if keys is None else set(keys)
        links = interface_links(self._southbound, self._kernel)
        bridges = {name: one for name, one in links.items() if one.kind == Bridge.kernel_name}
        if asked is not None:
            names = {_parse(key)[0] for key in asked}
            bridges = {name: one for name, one in bridges.items() if name in names}
        look = functools.partial(self._look, bridges=bridges, links=links)
        looked = await look_into((one.namespace for one in bridges.values()), look)
        there = [key for found in looked.found.values() for key in found]
        found = [Retrieved(key, Empty()) for key in there if asked is None or key in asked]
        places = {name: one.namespace for name, one in bridges.items()}
        unread = [one.key for one in expected if places.get(_parse(one.key)[0]) in looked.failed]
        return looked.answer(found, unread)

    async def _look(
        self, namespace: str, *, bridges: Mapping[str, Link], links: Mapping[str, Link]
    ) -> list[str]:
        within = await self._kernel.channel(namespace)
        names = {one.index: name for name, one in links.items() if one.namespace == namespace}
        found = []
        for bridge, one in bridges.items():
            if one.namespace == namespace:
                ports = await link.dump(within, master=one.index)
                inside = (names[port.index] for port in ports if port.index in names)
                found += [keys.port(bridge, name) for name in inside]
        return found


def _parse(key: str) -> tuple[str, str]:
    found = keys.parse_port(key)
    if found is None:
        raise ValueError(f"not the key of a port: {key}")
    return found
