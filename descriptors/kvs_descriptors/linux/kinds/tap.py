# SPDX-License-Identifier: Apache-2.0
"""TUNs and TAPs: links whose other end is a program of this machine.

Netlink makes none. A link that a file makes goes with the file, until it is told to stay; so it
is put into the group of the half-made first, and only then told to stay.
"""

from __future__ import annotations

import errno
import fcntl
import functools
import os
import pathlib
import struct
from typing import TYPE_CHECKING

from kvs_descriptors.linux import syscalls
from kvs_descriptors.linux.links import link
from kvs_descriptors.linux.netlink import channel, codec
from kvs_descriptors.linux.netlink.channel import Refused
from kvscheduler import InvalidValue, failpoints
from ligato.linux.interfaces.interface_pb2 import Interface, TunTapLink

from .kind import Around, Half, Kind, find_made

if TYPE_CHECKING:
    from kvs_descriptors.linux.kinds.making import Making
    from kvs_descriptors.linux.netlink.channel import Channel

__all__ = ["Tap"]

DEVICE = "/dev/net/tun"

# linux/if_tun.h
TUNSETIFF, TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP = 0x400454CA, 0x400454CB, 0x400454CC, 0x400454CE
IFF_TUN, IFF_TAP, IFF_NO_PI, IFF_TUN_EXCL = 0x0001, 0x0002, 0x1000, 0x8000
IFREQ = struct.Struct("=16sH22x")

# linux/if_link.h
IFLA_TUN_OWNER, IFLA_TUN_GROUP, IFLA_TUN_TYPE = 1, 2, 3
# What has no number here is for root alone, or for all of root's group.
NOBODY = 0xFFFFFFFF
MISSING = frozenset({errno.ENOENT, errno.ENXIO, errno.ENODEV})


class Tap(Kind):
    """A TUN or TAP that stays when no program uses it."""

    type = Interface.TAP
    kernel_name = "tun"
    field = "tuntap"

    def validate(self, value: Interface) -> None:
        """Refuse a mode that there is not, and a MAC address where there are no frames."""
        part = value.tuntap
        if part.mode not in TunTapLink.Mode.values():
            raise InvalidValue("no such mode", ("tuntap", "mode"))
        if part.mode == TunTapLink.TUN and value.phys_address:
            raise InvalidValue("a TUN has no MAC address", ("phys_address",))
        for field in ("user", "group"):
            if part.HasField(field) and getattr(part, field) == NOBODY:
                raise InvalidValue("nobody has this number", ("tuntap", field))

    def requires_recreate(self, old: Interface, new: Interface) -> bool:
        """Take a new link for another mode or owner: a program may hold the old one."""
        return old.tuntap != new.tuntap

    async def make(self, making: Making, value: Interface, within: Channel) -> None:
        """Make the link, put it into the group of the half-made, and tell it to stay."""
        name = link.host_name(value)
        # A list, so that a file that comes when nobody waits any more is closed too.
        opened: list[int] = []
        try:
            there = functools.partial(_open, within, name, value.tuntap, opened)
            await syscalls.in_own_thread(there)
            made = await find_made(within, name)
            group = codec.number(codec.IFLA_GROUP, making.group)
            body = codec.link_body([group], index=made.index)
            with making.announced((within, name)):
                await within.call(channel.RTM_NEWLINK, 0, body, f"interface {name}")
                with failpoints.at("tun.persist"):
                    fcntl.ioctl(opened[0], TUNSETPERSIST, 1)
                making.note({value.name: Half(within, made.index)})
        finally:
            for fd in opened:
                os.close(fd)

    def describe(self, value: Interface, found: codec.LinkRecord, around: Around) -> None:
        """Tell mode and owner."""
        options = found.options()
        is_tun = codec.to_number(options.get(IFLA_TUN_TYPE, b"")) == IFF_TUN
        seen = TunTapLink(mode=TunTapLink.TUN if is_tun else TunTapLink.TAP)
        for field, kind in (("user", IFLA_TUN_OWNER), ("group", IFLA_TUN_GROUP)):
            if kind in options:
                setattr(seen, field, codec.to_number(options[kind]))
        if seen != value.tuntap:
            value.tuntap.CopyFrom(seen)


def _open(within: Channel, name: str, part: TunTapLink, opened: list[int]) -> None:
    """Make a link that goes with the file that is opened: in a thread of its own."""
    here = pathlib.Path("/proc/thread-self/ns/net").stat()
    if (here.st_dev, here.st_ino) != within.identity:
        syscalls.enter(within.netns_fd)
    what = f"interface {name}"
    try:
        opened.append(os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        if error.errno not in MISSING:
            raise
        raise Refused(errno.EOPNOTSUPP, f"this kernel has no tun ({DEVICE})", what) from None
    try:
        _request(opened[0], name, part)
    except OSError as error:
        code = error.errno or errno.EIO
        # So it says that the name is taken, by whatever kind of link.
        code = errno.EEXIST if code == errno.EBUSY else code
        raise Refused(code, os.strerror(code), what) from None


def _request(fd: int, name: str, part: TunTapLink) -> None:
    mode = IFF_TUN if part.mode == TunTapLink.TUN else IFF_TAP
    flags = mode | IFF_NO_PI | IFF_TUN_EXCL
    fcntl.ioctl(fd, TUNSETIFF, IFREQ.pack(name.encode(), flags))
    if part.HasField("user"):
        fcntl.ioctl(fd, TUNSETOWNER, _signed(part.user))
    if part.HasField("group"):
        fcntl.ioctl(fd, TUNSETGROUP, _signed(part.group))


def _signed(number: int) -> int:
    # An ioctl's argument is an int to Python, whose sign does not matter to the kernel.
    return number - (1 << 32) if number >> 31 else number
