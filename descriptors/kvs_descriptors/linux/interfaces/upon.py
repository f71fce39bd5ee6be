# SPDX-License-Identifier: Apache-2.0
"""What an interface brings along whatever its kind: addresses, and its being in a VRF.

The values say what the keys do not: in which VRF an address is to be, which comes first, and by
what name in the kernel others are to do what they are expected to do.
"""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from kvscheduler import Derived
from ligato.linux.interfaces.interface_pb2 import Interface

from .. import keys
from ..l3.address import written
from ..links import link

__all__ = ["addresses", "derived_addresses", "derived_vrf"]


def addresses(value: Interface) -> list[str]:
    """Return the addresses that are set, as they stand in keys, however they were written."""
    return [] if value.link_only else _written(value)


def derived_addresses(value: Interface) -> Iterator[Derived]:
    """Yield the addresses; those of another's interface that is left alone are expected there."""
    vrf = value.vrf_master_interface
    if _is_left_alone(value):
        expected = Interface(host_if_name=link.host_name(value), vrf_master_interface=vrf)
        for text in _written(value):
            yield Derived(keys.existing_address(value.name, text), expected)
        return
    in_vrf: Message = Interface(vrf_master_interface=vrf) if vrf else Empty()
    for text in addresses(value):
        yield Derived(keys.address(value.name, text), in_vrf)


def derived_vrf(value: Interface) -> Iterator[Derived]:
    """Yield the interface's being in a VRF; another's that is left alone is expected there."""
    if value.vrf_master_interface:
        key = keys.vrf(value.name, value.vrf_master_interface)
        expected: Message = Empty()
        if _is_left_alone(value):
            expected = Interface(host_if_name=link.host_name(value))
        yield Derived(key, expected)


def _is_left_alone(value: Interface) -> bool:
    return value.type == Interface.EXISTING and value.link_only


def _written(value: Interface) -> list[str]:
    return [written(value.name, text) for text in value.ip_addresses]
