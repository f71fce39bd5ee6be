# SPDX-License-Identifier: Apache-2.0
"""What kernels answer about links, whether this one has their kinds or not; and what is read."""

from __future__ import annotations

import dataclasses
from typing import Any

from google.protobuf.message import Message

from kvs_descriptors.linux import keys
from kvs_descriptors.linux.kernel import Kernel
from kvs_descriptors.linux.kinds import kinds
from kvs_descriptors.linux.links import link
from kvs_descriptors.linux.netlink import codec
from kvs_descriptors.linux.strangers.finding import Findings, Request, understand
from kvs_descriptors.linux.strangers.sight import Place, Sight
from ligato.linux.interfaces.interface_pb2 import Interface

EMPTY = Place(links=[], addresses=[], routes=[], neighbours=[], hand_set=frozenset(), checksums={})


def answer(value: Interface, index: int, inside: str = "", **more: int) -> bytes:
    """Return what a kernel tells of such a link; ``more`` are further numbers by attribute."""
    attributes = [
        codec.text(codec.IFLA_IFNAME, link.host_name(value)),
        codec.number(codec.IFLA_MTU, value.mtu or 1500),
        codec.attribute(codec.IFLA_ADDRESS, bytes([2, 0, 0, 0, 0, index])),
        *(codec.number(getattr(codec, f"IFLA_{name}"), one) for name, one in more.items()),
    ]
    if value.type != Interface.EXISTING:
        kind = kinds()[value.type]
        data = codec.nested(codec.IFLA_INFO_DATA, *kind.options(value))
        word = codec.text(codec.IFLA_INFO_KIND, kind.kernel_name)
        slave = codec.text(codec.IFLA_INFO_SLAVE_KIND, inside)
        attributes.append(codec.nested(codec.IFLA_LINKINFO, word, slave, data))
    return codec.link_body(attributes, index=index, up=value.enabled)


def understood(place: Place, name: str = "", *wanted: Interface, **asked: Any) -> Findings:
    known: dict[str, Message] = {keys.interface(one.name): one for one in wanted}
    return understand(Sight({name: place}, {}), Kernel("t"), Request(**asked), known)


def of(links: list[bytes], **more: Any) -> Place:
    return dataclasses.replace(EMPTY, links=links, **more)


NIC = Interface(name="eth0", type=Interface.EXISTING, enabled=True)
