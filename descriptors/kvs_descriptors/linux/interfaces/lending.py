# SPDX-License-Identifier: Apache-2.0
"""Other people's links, lent to us: what they were like is noted on them, and put back.

A note is an alternative name of the link, `kv~OWNER~LINK~mtu~1500`: the kernel keeps it as long
as the link, wherever that moves. It is there before the setting is changed, and goes after that
is put back, so a crash at any moment leaves what it takes to give the link back as it was. An
alternative name without a setting says whose the loan is.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import errno
import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..links import link, neighbours
from ..links.link import Link
from ..netlink import channel, codec
from ..netlink.channel import Refused
from ..places import OWN

if TYPE_CHECKING:
    from kvscheduler import Southbound
    from ligato.linux.interfaces.interface_pb2 import Interface

    from ..kernel import Kernel
    from ..kinds.lent import Lent
    from ..netlink.channel import Channel

__all__ = ["LEFT", "Lending", "Loan"]

# What the logical name of a loan begins with that nobody wants any more; no name can.
LEFT = "lent~"

_SEPARATOR = "~"
RTM_DELLINKPROP = 109
NOT_THERE = frozenset({errno.ENODEV, errno.ENOENT, errno.EINVAL})


@dataclasses.dataclass(frozen=True, slots=True)
class Loan:
    """What is noted on a link: whose it is, and how each changed setting was."""

    mark: str
    was: Mapping[str, str]


class Lending:
    """Borrows links, and gives them back."""

    southbound: Southbound

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._prefix = _SEPARATOR.join(("kv", _short(kernel.owner, 8), ""))

    def mark(self, name: str) -> str:
        """Return the mark of a logical name, or the one that such a name is made of."""
        if name.startswith(LEFT):
            return name.removeprefix(LEFT)
        return self._prefix + _short(name, 12)

    def loan(self, found: codec.LinkRecord) -> Loan | None:
        """Return what is noted on a link, None for one that is not lent to us."""
        ours = [one for one in found.other_names if one.startswith(self._prefix)]
        if not ours:
            return None
        mark = self._prefix + ours[0].removeprefix(self._prefix).split(_SEPARATOR)[0]
        notes = [one.removeprefix(mark + _SEPARATOR) for one in ours if one != mark]
        was = dict(note.split(_SEPARATOR, 1) for note in notes if _SEPARATOR in note)
        return Loan(mark, was)

    async def take(self, value: Interface, kind: Lent) -> Link:
        """Find the link, note what it is like, and set it up; one that is lent already will do."""
        within = await self._kernel.channel(link.namespace_of(value))
        found = await self._find(within, value, kind)
        if kind.is_touched(value):
            await self._change(within, found, value, kind)
        return Link(found.index, within.name, link.host_name(value), found.kind, is_lent=True)

    async def change(self, value: Interface, kind: Lent, place: Link) -> bool:
        """Set what has changed; tell whether the link was taken up by that."""
        within = await self._kernel.channel(place.namespace)
        found = await link.find(within, index=place.index)
        if found is None:
            raise Refused(errno.ENODEV, "it is gone", f"interface {value.name}")
        if kind.is_touched(value):
            await self._change(within, found, value, kind)
        return not found.is_up

    async def give_back(self, name: str, place: Link) -> None:
        """Put everything back as it was; a link that is gone is a success."""
        mark = self.mark(name)
        within = await self._kernel.channel(place.namespace)
        found = await link.find(within, other_name=mark, gone=NOT_THERE)
        if found is None:
            return
        loan = self._lent(found, mark, name)
        if "name" in loan.was:
            within, found = await self._return(within, found, loan, name)
        await self._apply(within, found, loan.was, name)
        notes = [one for one in found.other_names if one.startswith(mark)]
        # The mark itself goes last: by it the rest is found.
        await self._forget(within, found.index, sorted(notes, key=len, reverse=True), name)

    # Finding and moving.

    async def _find(self, within: Channel, value: Interface, kind: Lent) -> codec.LinkRecord:
        mark = self.mark(value.name)
        place, first_name = kind.found_as(value, self.southbound)
        first = await self._kernel.channel(place)
        for there in (within, first):
            found = await link.find(there, other_name=mark, gone=NOT_THERE)
            if found is not None:
                return await self._bring(there, found, within, value)
        found = await link.find(first, name=first_name)
        if found is None or (kind.kernel_name and found.kind != kind.kernel_name):
            text = f"there is no such interface {first_name}"
            raise Refused(errno.ENODEV, text, f"interface {value.name}")
        self._lent(found, mark, value.name)
        return await self._bring(first, found, within, value)

    def _lent(self, found: codec.LinkRecord, mark: str, name: str) -> Loan:
        loan = self.loan(found) or Loan(mark, {})
        if loan.mark != mark:
            text = f"{found.name} is configured as another interface"
            raise Refused(errno.EINVAL, text, f"interface {name}")
        return loan

    async def _bring(
        self, there: Channel, found: codec.LinkRecord, within: Channel, value: Interface
    ) -> codec.LinkRecord:
        """Have a link in the wanted place, by the wanted name."""
        name = link.host_name(value)
        if there.identity == within.identity and found.name == name:
            return found
        notes = {"name": found.name, "up": str(int(found.is_up))}
        await self._note(there, found, self.mark(value.name), notes, value.name)
        return await self._move(there, found, within, name, value.name)

    async def _move(
        self, there: Channel, found: codec.LinkRecord, to: Channel, name: str, what: str
    ) -> codec.LinkRecord:
        what = f"interface {what}"
        if found.is_up:
            # Before Linux 6.2 none is renamed that is up.
            body = codec.link_body(index=found.index, up=False)
            await there.call(channel.RTM_NEWLINK, 0, body, what)
        attributes = [codec.text(codec.IFLA_IFNAME, name)]
        if there.identity != to.identity:
            attributes.append(codec.number(codec.IFLA_NET_NS_FD, to.netns_fd))
        body = codec.link_body(attributes, index=found.index)
        await there.call(channel.RTM_NEWLINK, 0, body, what)
        moved = await link.find(to, name=name)
        if moved is None:
            raise Refused(errno.ENODEV, "gone as soon as it was moved", what)
        return moved

    async def _return(
        self, within: Channel, found: codec.LinkRecord, loan: Loan, name: str
    ) -> tuple[Channel, codec.LinkRecord]:
        own, was = await self._kernel.channel(OWN), loan.was["name"]
        if within.identity != own.identity or found.name != was:
            found = await self._move(within, found, own, was, name)
        return own, found

    # Settings and notes.

    async def _change(
        self, within: Channel, found: codec.LinkRecord, value: Interface, kind: Lent
    ) -> None:
        """Set what is wanted, and put back what is no longer."""
        mark = self.mark(value.name)
        was = self._lent(found, mark, value.name).was
        wanted, current = kind.wanted_settings(value), _settings(found)
        changed = {what for what, text in wanted.items() if current[what] != text}
        notes = {what: current[what] for what in sorted(changed) if what not in was}
        await self._note(within, found, mark, notes, value.name)
        left = {what: was[what] for what in was.keys() & current.keys() - wanted.keys()}
        await self._apply(within, found, {**left, **wanted}, value.name)
        old = [_SEPARATOR.join((mark, what, text)) for what, text in left.items()]
        await self._forget(within, found.index, old, value.name)

    async def _apply(
        self, within: Channel, found: codec.LinkRecord, settings: Mapping[str, str], name: str
    ) -> None:
        current = _settings(found)
        differing = {
            what: text
            for what, text in settings.items()
            if what in current and current[what] != text
        }
        up = differing.pop("up", None)
        attributes = [_ENCODERS[what](text) for what, text in differing.items()]
        if attributes or up is not None:
            is_up = None if up is None else up == "1"
            body = codec.link_body(attributes, index=found.index, up=is_up)
            keeping = neighbours.kept(within, found.index, f"interface {name}")
            async with keeping if "mac" in differing else contextlib.nullcontext():
                await within.call(channel.RTM_NEWLINK, 0, body, f"interface {name}")

    async def _note(
        self,
        within: Channel,
        found: codec.LinkRecord,
        mark: str,
        notes: Mapping[str, str],
        name: str,
    ) -> None:
        loan = self.loan(found)
        new = [] if loan else [mark]
        new += [
            _SEPARATOR.join((mark, what, text))
            for what, text in notes.items()
            if loan is None or what not in loan.was
        ]
        if new:
            flags = channel.NLM_F_CREATE | channel.NLM_F_EXCL | channel.NLM_F_APPEND
            body = _other_names(found.index, new)
            await within.call(channel.RTM_NEWLINKPROP, flags, body, f"interface {name}")

    async def _forget(self, within: Channel, index: int, notes: Iterable[str], name: str) -> None:
        listed = list(notes)
        if listed:
            body = _other_names(index, listed)
            what = f"interface {name}"
            await within.call(RTM_DELLINKPROP, 0, body, what, tolerate=NOT_THERE)


def _settings(found: codec.LinkRecord) -> dict[str, str]:
    return {
        "mtu": str(found.mtu),
        "mac": found.mac.replace(":", ""),
        "forwarding": str(link.read_ipv4_setting(found, link.IPV4_DEVCONF_FORWARDING)),
        "keep": str(link.read_ipv4_setting(found, link.IPV4_DEVCONF_PROMOTE_SECONDARIES)),
        "up": str(int(found.is_up)),
    }


_ENCODERS = {
    "mtu": lambda text: codec.number(codec.IFLA_MTU, int(text)),
    "mac": lambda text: codec.attribute(codec.IFLA_ADDRESS, bytes.fromhex(text)),
    "forwarding": lambda text: link.ipv4_setting(link.IPV4_DEVCONF_FORWARDING, int(text)),
    "keep": lambda text: link.ipv4_setting(link.IPV4_DEVCONF_PROMOTE_SECONDARIES, int(text)),
}


def _other_names(index: int, names: Iterable[str]) -> bytes:
    listed = (codec.text(codec.IFLA_ALT_IFNAME, name) for name in names)
    return codec.link_body([codec.nested(codec.IFLA_PROP_LIST, *listed)], index=index)


def _short(text: str, letters: int) -> str:
    digest = hashlib.blake2b(text.encode(), digest_size=10).digest()
    return base64.b32encode(digest).decode().lower()[:letters]
