# SPDX-License-Identifier: Apache-2.0
"""Named network namespaces: values of their own, which interfaces depend on.

They are no derived values: a namespace that two interfaces name would have two bases. Whoever
sets interfaces adds ``with_namespaces`` to what is wanted, so that each is made once, before the
first of its interfaces, and removed after the last.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterable, Mapping, Sequence

from google.protobuf.message import Message

from kvscheduler import Descriptor, InvalidValue, Origin, Retrieved, Southbound
from ligato.linux.interfaces.interface_pb2 import Interface
from ligato.linux.iptables.iptables_pb2 import RuleChain
from ligato.linux.namespace.namespace_pb2 import NamedNamespace

from .. import keys, names, syscalls
from ..kernel import Kernel, NamespaceGone
from ..places import name_of, place_of
from ..watching.watch import Watch

__all__ = ["NamespaceDescriptor", "with_namespaces"]


class NamespaceDescriptor(Descriptor[NamedNamespace, None]):
    """Named network namespaces; one that others made is used, and never removed."""

    name = "linux-namespace"
    key_prefix = keys.NAMESPACE

    def __init__(self, kernel: Kernel, *, watch: bool = False) -> None:
        self._kernel = kernel
        self._is_watching = watch
        self._watch: Watch | None = None

    def attach(self, southbound: Southbound) -> None:
        """Begin to listen in each namespace that is opened, if that is wanted."""
        if self._is_watching:
            self._watch = Watch(self._kernel, southbound)
            self._kernel.follow(self._watch)

    def validate(self, key: str, value: NamedNamespace) -> None:
        """Refuse a name that could leave the folder of namespaces."""
        names.check_namespace(value.name, "name")
        if key != keys.namespace(value.name):
            raise InvalidValue(f"the key is another's: {key}", ("name",))

    async def create(self, key: str, value: NamedNamespace) -> None:
        """Make the namespace; one of the name that is there already will do, whoever made it."""
        make = functools.partial(self._kernel.namespaces.make, value.name)
        await self._kernel.take(value.name, await syscalls.in_own_thread(make))

    async def delete(self, key: str, value: NamedNamespace, metadata: None) -> None:
        """Remove the namespace if it is ours; one that is gone is a success."""
        try:
            found = await self._kernel.channel(value.name)
        except NamespaceGone:
            self._kernel.namespaces.sweep(value.name)
            return
        # Our socket would keep the namespace, and all that is in it, alive.
        self._kernel.forget(value.name)
        if found.is_ours:
            remove = functools.partial(self._kernel.namespaces.remove, value.name)
            await syscalls.in_own_thread(remove)

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return the namespaces that bear our mark, and others' that are expected."""
        self._kernel.look()
        ours = await syscalls.in_own_thread(self._kernel.namespaces.ours)
        self._kernel.marked = ours
        for one in expected:
            if keys is None or one.key in keys:
                self._kernel.told(one.value.name)
        identity = self._kernel.namespaces.identity
        return [
            Retrieved(
                key,
                NamedNamespace(name=name),
                None,
                Origin.NORTHBOUND if name in ours else Origin.SOUTHBOUND,
            )
            for key, name in _by_key(ours, expected).items()
            if (keys is None or key in keys) and (name in ours or identity(name) is not None)
        ]

    async def watch(self) -> None:
        """Follow the namespaces, if that is wanted; close all sockets when the engine closes."""
        try:
            if self._watch is not None:
                await self._watch.run()
            await asyncio.Event().wait()
        finally:
            self._kernel.close()


def with_namespaces(values: Mapping[str, Message]) -> dict[str, Message]:
    """Return the values and, in addition, the namespaces that those among them name."""
    inside = (one for one in values.values() if isinstance(one, Interface | RuleChain))
    named = sorted({name_of(place_of(one.namespace)) for one in inside} - {""})
    return {**{keys.namespace(name): NamedNamespace(name=name) for name in named}, **values}


def _by_key(ours: Iterable[str], expected: Iterable[Retrieved]) -> dict[str, str]:
    return {
        keys.namespace(name): name
        for name in (*sorted(ours), *(one.value.name for one in expected))
    }
