# SPDX-License-Identifier: Apache-2.0
"""Which links are to be taken over, under which logical names, and why others are not; pure."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from kvs_descriptors.linux import names
from kvs_descriptors.linux.kinds import Lent, Veth, kinds
from kvs_descriptors.linux.links import link
from kvs_descriptors.linux.netlink import codec
from kvs_descriptors.linux.places import OWN
from kvscheduler import InvalidValue
from ligato.linux.interfaces.interface_pb2 import Interface

if TYPE_CHECKING:
    from kvs_descriptors.linux.interfaces.lending import Lending

    from .sight import Sight

__all__ = ["At", "Chosen", "Left", "Request", "Seen", "choose", "look", "readable"]

# A link's namespace, and its index there.
At = tuple[str, int]

TUN, VRF = "tun", "vrf"
# linux/if_link.h, linux/if_arp.h
IFLA_TUN_PERSIST = 6
MOST_LETTERS = 190
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_.:+@-]")
OTHER_END = "its other end is in no namespace that was looked into"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody asks for.

    ``only`` are patterns of names, none for all; ``everything``: what is ours already too;
    ``force``: links with others' aliases too; ``protected``: the values are to say so.
    """

    only: tuple[str, ...] = ()
    everything: bool = False
    force: bool = False
    protected: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Left:
    """One thing that stays as it is, and why."""

    what: str
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """All links, where each is; the logical names of ours; what is plugged into which.

    ``forgotten`` are borrowed, under names that nobody knows any more.
    """

    links: dict[At, codec.LinkRecord]
    bodies: dict[At, bytes]
    ours: dict[At, str]
    inside: dict[At, list[At]]
    forgotten: set[At]

    def at(self, place: str) -> Mapping[int, codec.LinkRecord]:
        """Return the links of a namespace by index."""
        return {at[1]: one for at, one in self.links.items() if at[0] == place}

    def text(self, at: At) -> str:
        """Return what a link is called in messages."""
        return readable(at[0], self.links[at].name)


@dataclasses.dataclass(slots=True)
class Chosen:
    """The logical names of what is ours or to be ours, and what is to be taken, by kind.

    ``meant`` is what was asked for, and what that needs; None: all.
    """

    names: dict[At, str]
    types: dict[At, Interface.Type]
    left: dict[At, str]
    meant: set[At] | None = None

    def leave(self, at: At, why: str) -> None:
        """Take a link out of the choice."""
        self.types.pop(at, None)
        self.names.pop(at, None)
        self.left[at] = why


def readable(place: str, name: str) -> str:
    """Return what a link is called in messages."""
    return f"{name} in {place}" if place else name


def look(sight: Sight, owner: str, lending: Lending, wanted: Sequence[Interface]) -> Seen:
    """Say which links there are, and which bear our mark, or a note of ours."""
    prefix = link.mark(owner, "")
    lent = {lending.mark(one.name): one.name for one in wanted}
    seen = Seen({}, {}, {}, defaultdict(list), set())
    for place, there in sorted(sight.places.items()):
        for body in there.links:
            one = codec.LinkRecord(body)
            at = (place, one.index)
            seen.links[at], seen.bodies[at] = one, body
            if one.master:
                seen.inside[place, one.master].append(at)
            loan = lending.loan(one)
            if one.alias.startswith(prefix):
                seen.ours[at] = one.alias.removeprefix(prefix)
            elif loan is not None:
                # A mark cannot be read, but a guess can be tried.
                guess = _plain_name(place, one.name)
                known = {lending.mark(guess): guess, **lent}.get(loan.mark)
                if known is None:
                    seen.forgotten.add(at)
                else:
                    seen.ours[at] = known
    return seen


def _plain_name(place: str, host: str) -> str:
    text = host if place == OWN else f"{place}-{host}"
    return _FORBIDDEN.sub("_", text).lstrip(".:+@-")[:MOST_LETTERS] or "link"


def choose(
    sight: Sight,
    seen: Seen,
    request: Request,
    wanted: Sequence[Interface],
    owner: str,
    addressed: Collection[At],
) -> Chosen:
    """Choose among the links; ``addressed`` are those with addresses that can be said."""
    chosen = Chosen(dict(seen.ours), {}, {})
    naming = _Naming(wanted, seen.ours.values())
    wanted_names = {one.name for one in wanted}
    judge = _Judge(sight, request, owner, addressed, wanted_names)
    for at, found in sorted(seen.links.items()):
        if at in seen.ours:
            judge.take_again(at, found, chosen)
            continue
        if at in seen.forgotten:
            chosen.left[at] = "kvsctl has borrowed it and forgotten as what: destroy gives it back"
            continue
        kind, why = judge.judge(at, found)
        if kind is not None:
            chosen.types[at] = kind
            chosen.names[at] = naming.name(at[0], found.name)
        elif why:
            chosen.left[at] = why
    for at in seen.ours:
        if seen.links[at].kind == Veth.kernel_name and _beneath(at, seen, sight) in chosen.types:
            # What a kill has left: one end marked, the other not yet.
            chosen.types[at] = Interface.VETH
    if request.only:
        _narrow(chosen, seen, sight, request.only)
    return chosen


class _Naming:
    """Finds logical names, each for one link."""

    def __init__(self, wanted: Sequence[Interface], ours: Collection[str]) -> None:
        self._wanted = {(link.namespace_of(one), link.host_name(one)): one.name for one in wanted}
        self._used = {*ours, *self._wanted.values()}

    def name(self, place: str, host: str) -> str:
        """Return the name that is wanted for it already, or a new one."""
        known = self._wanted.get((place, host))
        if known is not None:
            return known
        base = name = _plain_name(place, host)
        number = 2
        while name in self._used:
            name, number = f"{base}-{number}", number + 1
        self._used.add(name)
        return name


class _Judge:
    """Says as what a link can be taken, or why it cannot."""

    def __init__(
        self,
        sight: Sight,
        request: Request,
        owner: str,
        addressed: Collection[At],
        wanted: Collection[str],
    ) -> None:
        self._sight = sight
        self._wanted = wanted
        self._request = request
        self._group = names.making_group(owner)
        self._prefix = link.mark(owner, "")
        self._addressed = addressed
        made = [one for one in kinds().values() if not isinstance(one, Lent)]
        self._made = {one.kernel_name: one.type for one in made}

    def take_again(self, at: At, found: codec.LinkRecord, chosen: Chosen) -> None:
        """Take what bears our mark, though nobody remembers it, if all is asked for."""
        if not self._request.everything or chosen.names[at] in self._wanted:
            return
        kind = self._made.get(found.kind)
        if not found.alias.startswith(self._prefix):
            kind = Interface.LOOPBACK if found.name == link.LOOPBACK else Interface.EXISTING
        if kind is not None:
            chosen.types[at] = kind

    def judge(self, at: At, found: codec.LinkRecord) -> tuple[Interface.Type | None, str]:
        """Return the type, or None and the reason; no reason: it is as everywhere."""
        try:
            names.check_host_name(found.name)
        except InvalidValue as error:
            return None, error.message
        if found.group == self._group:
            return None, "a kvsctl that was killed has left it half-made: the next removes it"
        if found.name == link.LOOPBACK:
            return self._loopback(at, found)
        made = self._made.get(found.kind)
        why = self._why_not_made(at, found) if found.kind else ""
        if made is None or why:
            return self._existing(at, found, why)
        if found.alias and not self._request.force:
            return None, f"it bears an alias, {found.alias!r}: --force puts our mark in its place"
        return made, ""

    def _loopback(self, at: At, found: codec.LinkRecord) -> tuple[Interface.Type | None, str]:
        is_usual = found.mtu == kinds()[Interface.LOOPBACK].default_mtu
        if at in self._addressed or (found.is_up and not is_usual):
            return Interface.LOOPBACK, ""
        return None, ""

    def _why_not_made(self, at: At, found: codec.LinkRecord) -> str:
        if found.kind not in self._made:
            return f"a file cannot say its kind, {found.kind}"
        if found.kind == TUN and not found.options().get(IFLA_TUN_PERSIST, b"\0")[0]:
            return "it goes with the program that uses it"
        if found.kind == Veth.kernel_name and self._sight.beneath(at[0], found) is None:
            return OTHER_END
        return ""

    def _existing(
        self, at: At, found: codec.LinkRecord, why: str
    ) -> tuple[Interface.Type | None, str]:
        """Borrow hardware, and what else others make and somebody has given an address."""
        if at[0] != OWN:
            return None, why or "hardware can only be borrowed in kvsctl's own namespace"
        if found.kind and at not in self._addressed:
            return None, why
        if not found.is_up:
            return None, why or "it is down, and whether it is up is for others to say"
        return Interface.EXISTING, ""


def _narrow(chosen: Chosen, seen: Seen, sight: Sight, only: Sequence[str]) -> None:
    """Leave what no pattern fits, and nothing needs that one fits; without a word."""
    kept: set[At] = set()
    found = [at for at in chosen.names if _fits(at, chosen.names[at], seen, only)]
    while found:
        at = found.pop()
        if at not in kept:
            kept.add(at)
            found += [one for one in _needs(at, seen, sight) if one in chosen.names]
    chosen.meant = kept
    for at in [one for one in chosen.names if one not in kept]:
        chosen.types.pop(at, None)
        if at not in seen.ours:
            del chosen.names[at]
    for at in list(chosen.left):
        if not _fits(at, "", seen, only):
            del chosen.left[at]


def _fits(at: At, name: str, seen: Seen, only: Sequence[str]) -> bool:
    host = seen.links[at].name
    texts = (host, name, f"{at[0]}/{host}")
    return any(fnmatch.fnmatchcase(text, one) for text in texts for one in only)


def _beneath(at: At, seen: Seen, sight: Sight) -> At | None:
    return sight.beneath(at[0], seen.links[at])


def _needs(at: At, seen: Seen, sight: Sight) -> Iterator[At]:
    found = seen.links[at]
    beneath = _beneath(at, seen, sight)
    if beneath is not None:
        yield beneath
    if found.master_kind == VRF:
        yield at[0], found.master
