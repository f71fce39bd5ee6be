# SPDX-License-Identifier: Apache-2.0
"""What names, addresses and numbers may be; checked before the kernel or a folder sees them."""

from __future__ import annotations

import base64
import functools
import hashlib
import ipaddress
import re

from kvscheduler import InvalidValue

__all__ = [
    "address",
    "canonical",
    "check_address",
    "check_host_name",
    "check_ip",
    "check_logical_name",
    "check_mac",
    "check_mtu",
    "check_namespace",
    "check_network",
    "making_group",
    "temporary",
]

LINK_NAME_BYTES = 15
LOGICAL_NAME_BYTES = 200
MIN_MTU, MAX_MTU = 68, 9216

# Addresses whose parsed forms are kept, some 500 bytes each.
CACHED = 8192

_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@-]{0,254}")
_LOGICAL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+@-]*")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")

# The bit of a MAC address's first byte that says "to a group": no interface may have it.
_GROUP_BIT = 1


def check_namespace(name: str, *field: str) -> None:
    """Refuse the name of a namespace that could leave its folder, or puzzle a person."""
    if not _NAMESPACE.fullmatch(name):
        text = "a namespace's name is 1 to 255 of A-Z a-z 0-9 _ . + @ -, not a leading . + @ -"
        raise InvalidValue(f"{text}: {name!r}", field)


def check_logical_name(name: str, *field: str) -> None:
    """Refuse the name of a value that would not fit into keys, or into the kernel's alias."""
    if not name:
        raise InvalidValue("a name is needed", field)
    if len(name) > LOGICAL_NAME_BYTES or not _LOGICAL.fullmatch(name):  # ASCII: letters are bytes
        text = f"a name is up to {LOGICAL_NAME_BYTES} of A-Z a-z 0-9 _ . : + @ -"
        raise InvalidValue(f"{text}, not a leading . : + @ -: {name!r}", field)


def check_host_name(name: str, *field: str) -> None:
    """Refuse the name of an interface that the kernel would refuse, or mistake for a pattern."""
    if not 0 < len(name.encode(errors="surrogatepass")) <= LINK_NAME_BYTES:
        raise InvalidValue(
            f"the kernel's names have 1 to {LINK_NAME_BYTES} bytes: {name!r}", field
        )
    if name in {".", ".."} or any(_is_forbidden(letter) for letter in name):
        text = "an interface's name is printable, without space / : %, and not . or .."
        raise InvalidValue(f"{text}: {name!r}", field)


def _is_forbidden(letter: str) -> bool:
    # The kernel forbids space, / and :. It takes % for a number to fill in.
    return letter in "/:%" or letter.isspace() or not letter.isprintable()


def check_mac(text: str, *field: str) -> None:
    """Refuse what is no MAC address of an interface."""
    if not _MAC.fullmatch(text):
        raise InvalidValue(f"not a MAC address (like 02:00:00:00:00:01): {text!r}", field)
    if int(text[:2], 16) & _GROUP_BIT or not text.strip("0:"):
        raise InvalidValue(f"a group's or the zero MAC address is no interface's: {text}", field)


def check_mtu(mtu: int, *field: str) -> None:
    """Refuse an MTU that is out of range; 0 stands for the default."""
    if mtu and not MIN_MTU <= mtu <= MAX_MTU:
        raise InvalidValue(f"an MTU is {MIN_MTU} to {MAX_MTU}, or 0 for the default: {mtu}", field)


@functools.lru_cache(maxsize=CACHED)
def address(text: str) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
    """Return an address with the length of its network; asked for several times in each plan."""
    return ipaddress.ip_interface(text)


@functools.lru_cache(maxsize=CACHED)
def canonical(text: str) -> str:
    """Return an address as it stands in keys, whatever way it was written."""
    return str(address(text))


def check_address(text: str, *field: str) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
    """Return an interface's address, refusing what is not <address>/<prefix length>."""
    try:
        found = address(_with_length(text))
    except ValueError:
        raise InvalidValue(
            f"not <address>/<prefix length> (like 10.0.0.1/24): {text!r}", field
        ) from None
    if found.ip.is_multicast or found.ip.is_unspecified:
        raise InvalidValue(f"no address that an interface can have: {text}", field)
    return found


def check_network(text: str, *field: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Return a destination, its host bits cleared; refuse what is not <address>/<length>."""
    try:
        return ipaddress.ip_network(_with_length(text), strict=False)
    except ValueError:
        raise InvalidValue(
            f"not <network>/<prefix length> (like 10.0.0.0/24): {text!r}", field
        ) from None


def check_ip(text: str, *field: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an address, refusing what is none."""
    try:
        return ipaddress.ip_address(_without_zone(text))
    except ValueError:
        raise InvalidValue(f"not an IP address: {text!r}", field) from None


def _without_zone(text: str) -> str:
    if "%" in text:
        raise ValueError(text)
    return text


def _with_length(text: str) -> str:
    # A netmask (10.0.0.1/255.255.255.0) is refused too: keys are written with lengths.
    _, _, length = _without_zone(text).partition("/")
    if not (length.isascii() and length.isdigit()):
        raise ValueError(text)
    return text


def making_group(owner: str) -> int:
    """Return the number of the group that an owner's links are in while they are being made."""
    return 1 << 29 | int.from_bytes(_digest(owner)[:3], "big")


def temporary(owner: str, name: str) -> str:
    """Return a name for a link whose namespace is not known yet, unique for each logical name."""
    letters = base64.b32encode(_digest(f"{owner}:{name}")).decode().lower()
    return f"kv~{letters[: LINK_NAME_BYTES - 3]}"


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=10).digest()
