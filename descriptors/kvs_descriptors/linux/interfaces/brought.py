# SPDX-License-Identifier: Apache-2.0
"""Interfaces that other values bring along, with all that they would bring along themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from google.protobuf.empty_pb2 import Empty

from kvscheduler import Depends, Derived, Descriptor, Origin, Retrieved, Southbound
from ligato.linux.interfaces.interface_pb2 import Interface

from .. import keys
from .interface import InterfaceDescriptor

__all__ = ["BroughtDescriptor"]


class BroughtDescriptor(Descriptor[Empty, None]):
    """That such interfaces are up; nothing is done for it.

    Of an interface that is wanted by itself it is a fact, which comes and goes with it. But
    derived values derive nothing: of one that is itself derived it would come and go with whoever
    has brought it along, be the interface there or not. So here it waits for the interface.
    """

    name = "linux-interface-brought"
    key_prefix = keys.STATE
    retrieve_after = (InterfaceDescriptor.name,)

    def __init__(self, interfaces: InterfaceDescriptor) -> None:
        self._interfaces = interfaces
        # Some have been brought along once. To wait as well harms none that is wanted by itself.
        self._names: set[str] = set()

    def attach(self, southbound: Southbound) -> None:
        """Learn where to ask for interfaces."""
        self._southbound = southbound

    def bring(self, value: Interface) -> Iterator[Derived]:
        """Yield what somebody derives to whom an interface belongs, the interface first."""
        self._names.add(value.name)
        key = keys.interface(value.name)
        yield Derived(key, value)
        yield from self._interfaces.derived(key, value)

    def selects(self, key: str) -> bool:
        """Take the states of just these interfaces."""
        return bool(self._names) and keys.parse_state(key) in self._names

    def dependencies(self, key: str, value: Empty) -> Iterable[Depends]:
        """Need the interface."""
        return [Depends(keys.interface(keys.parse_state(key)), "interface-exists")]

    def create(self, key: str, value: Empty) -> None:
        """Note that the interface is there."""

    def delete(self, key: str, value: Empty, metadata: None) -> None:
        """Note that it goes."""

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return the expected ones whose interfaces are there."""
        there = self._southbound.metadata(InterfaceDescriptor.name)
        for one in expected:
            if (keys is None or one.key in keys) and _name(one.key) in there:
                yield Retrieved(one.key, Empty(), None, Origin.NORTHBOUND)


def _name(key: str) -> str:
    return keys.parse_state(key)
