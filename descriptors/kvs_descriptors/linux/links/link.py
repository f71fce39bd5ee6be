# SPDX-License-Identifier: Apache-2.0
"""What is common to all links: where they are, how they are marked, asked for and changed."""

from __future__ import annotations

import dataclasses
import errno

from ligato.linux.interfaces.interface_pb2 import Interface

from ..netlink import channel, codec
from ..netlink.channel import Channel
from ..places import place_of

__all__ = [
    "Link",
    "beneath",
    "delete",
    "dump",
    "find",
    "host_name",
    "ipv4_setting",
    "is_forwarding",
    "mark",
    "namespace_of",
    "read_ipv4_setting",
    "settings",
]

DEFAULT_MTU = 1500
# There is one in each namespace, and it has no other name.
LOOPBACK = "lo"

VXLAN = "vxlan"
# linux/if_link.h
IFLA_VXLAN_LINK = 3
RTEXT_FILTER_SKIP_STATS = 8
AF_INET = 2
IFLA_INET_CONF = 1
IPV4_DEVCONF_FORWARDING, IPV4_DEVCONF_PROMOTE_SECONDARIES = 1, 20

GONE = frozenset({errno.ENODEV})


def _ipv4(*numbers: bytes) -> bytes:
    inner = codec.nested(AF_INET, codec.nested(IFLA_INET_CONF, *numbers))
    return codec.nested(codec.IFLA_AF_SPEC, inner)


# Taking the first of several addresses in one subnet away takes the others along, by default.
# Nobody would expect that of a configuration.
_KEEP_OTHERS = codec.number(IPV4_DEVCONF_PROMOTE_SECONDARIES, 1)
_PLAIN = _ipv4(_KEEP_OTHERS)
_FORWARDING = _ipv4(_KEEP_OTHERS, codec.number(IPV4_DEVCONF_FORWARDING, 1))
NO_FORWARDING = _ipv4(_KEEP_OTHERS, codec.number(IPV4_DEVCONF_FORWARDING, 0))

_WITHOUT_STATISTICS = codec.number(codec.IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    """Metadata of an interface: where the kernel has it, and its word for the kind.

    ``namespace`` "" is our own. ``is_lent``: others have made it, we only configure it.
    """

    index: int
    namespace: str
    host_if_name: str
    kind: str = ""
    is_lent: bool = False


def mark(owner: str, name: str) -> str:
    """Return the alias that marks an interface as ours and says which."""
    return f"{owner}:{name}"


def namespace_of(value: Interface) -> str:
    """Return the place (``places``) of the namespace that an interface is in."""
    return place_of(value.namespace)


def host_name(value: Interface) -> str:
    """Return the name that an interface has in the kernel."""
    if value.type == Interface.LOOPBACK:
        return LOOPBACK
    return value.host_if_name or value.name


def settings(
    value: Interface, default_mtu: int | None = DEFAULT_MTU, *, has_mac: bool = False
) -> list[bytes]:
    """Return the attributes for what is set on every kind of link, less its name and mark.

    ``has_mac``: it has its MAC address already. To set that again costs its neighbours.
    """
    found = [_FORWARDING if value.ipv4_forwarding else _PLAIN]
    mtu = value.mtu or default_mtu
    if mtu:
        found.append(codec.number(codec.IFLA_MTU, mtu))
    if value.phys_address and not value.link_only and not has_mac:
        mac = bytes.fromhex(value.phys_address.replace(":", ""))
        found.append(codec.attribute(codec.IFLA_ADDRESS, mac))
    return found


def ipv4_setting(setting: int, number: int) -> bytes:
    """Return the attribute that makes one of IPv4's settings, and no other."""
    return _ipv4(codec.number(setting, number))


def beneath(found: codec.LinkRecord) -> int:
    """Return the index of a link's other end, or of the one beneath it, in its namespace, or 0.

    Of a VXLAN in another namespace than its parent the kernel gives its own index for that.
    """
    if found.kind != VXLAN:
        return found.lower
    return codec.to_number(found.options().get(IFLA_VXLAN_LINK, b""))


def is_forwarding(found: codec.LinkRecord) -> bool:
    """Tell whether a link routes IPv4 packets on."""
    return bool(read_ipv4_setting(found, IPV4_DEVCONF_FORWARDING))


def read_ipv4_setting(found: codec.LinkRecord, setting: int) -> int:
    """Return one of IPv4's settings of a link."""
    families = codec.decode_attributes(found.attributes.get(codec.IFLA_AF_SPEC, b""))
    numbers = codec.decode_attributes(families.get(AF_INET, b"")).get(IFLA_INET_CONF, b"")
    start = 4 * (setting - 1)
    return codec.to_number(numbers[start : start + 4])


async def find(
    within: Channel,
    *,
    name: str = "",
    other_name: str = "",
    index: int = 0,
    netns_id: int | None = None,
    gone: frozenset[int] = GONE,
) -> codec.LinkRecord | None:
    """Return the link with a name, an alternative name or an index, None where there is none.

    ``netns_id`` is the kernel's number, in this namespace, for another one to look in.
    """
    wanted = [codec.text(codec.IFLA_IFNAME, name)] if name else []
    if other_name:
        wanted.append(codec.text(codec.IFLA_ALT_IFNAME, other_name))
    if netns_id is not None:
        wanted.append(codec.number(codec.IFLA_TARGET_NETNSID, netns_id & 0xFFFFFFFF))
    body = codec.link_body([*wanted, _WITHOUT_STATISTICS], index=index)
    what = f"interface {name or other_name or index}"
    found = await within.call(channel.RTM_GETLINK, 0, body, what, tolerate=gone)
    return codec.LinkRecord(found[0]) if found else None


async def dump(within: Channel, *, master: int = 0) -> list[codec.LinkRecord]:
    """Return all links of a namespace, or those that are plugged into one of them."""
    only = [codec.number(codec.IFLA_MASTER, master)] if master else []
    body = codec.link_body([*only, _WITHOUT_STATISTICS])
    found = await within.dump(channel.RTM_GETLINK, body, "all interfaces")
    return [codec.LinkRecord(one) for one in found]


async def delete(within: Channel, index: int, what: str) -> None:
    """Delete a link; one that is gone is a success."""
    body = codec.link_body(index=index)
    await within.call(channel.RTM_DELLINK, 0, body, what, tolerate=GONE)
