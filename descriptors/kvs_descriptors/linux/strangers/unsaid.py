# SPDX-License-Identifier: Apache-2.0
"""What of links that are taken over no value says: it stays, until a link is made anew; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kvs_descriptors.linux.kinds import Lent, kinds
from kvs_descriptors.linux.netlink import codec

from .choosing import Left

if TYPE_CHECKING:
    from .choosing import Chosen, Seen
    from .sight import Sight

__all__ = ["unsaid"]

# What is set on links of a kind unless somebody asks for something else (linux/if_link.h).
USUAL: dict[str, dict[int, tuple[int, str]]] = {
    "bridge": {
        1: (1500, "forward_delay"),
        2: (200, "hello_time"),
        3: (2000, "max_age"),
        6: (32768, "priority"),
        7: (0, "vlan_filtering"),
        9: (0, "group_fwd_mask"),
        23: (1, "mcast_snooping"),
    },
    "vxlan": {
        6: (0, "tos"),
        8: (300, "ageing"),
        9: (0, "maxaddress"),
        11: (0, "proxy"),
        12: (0, "rsc"),
        13: (0, "l2miss"),
        14: (0, "l3miss"),
        18: (1, "noudpcsum"),
    },
    "macvlan": {2: (0, "flags")},
    "tun": {4: (0, "pi"), 5: (0, "vnet_hdr"), 7: (0, "multi_queue")},
}


def unsaid(sight: Sight, seen: Seen, chosen: Chosen) -> Iterator[Left]:
    """Yield what is to be known of the links that are taken."""
    for place, there in sight.places.items():
        if there.hand_set is None and any(at[0] == place for at in chosen.types):
            where = f" in {place}" if place else ""
            why = "whether somebody has set them cannot be told, so none is said"
            yield Left(f"MAC addresses{where}", why)
    made = {one.type for one in kinds().values() if not isinstance(one, Lent)}
    for at, kind in sorted(chosen.types.items()):
        what = seen.text(at)
        if kind in made:
            for why in _of_made(seen.links[at], is_new=at not in seen.ours):
                yield Left(what, why)
        master = (at[0], seen.links[at].master)
        if master[1] and master not in chosen.names:
            name = seen.text(master) if master in seen.links else "another link"
            yield Left(what, f"a file cannot say that it is in {name}, which is not imported")


def _of_made(found: codec.LinkRecord, *, is_new: bool) -> Iterator[str]:
    if found.alias and is_new:
        yield f"our mark takes the place of its alias, {found.alias!r}"
    options = found.options()
    for number, (usual, word) in USUAL.get(found.kind, {}).items():
        if number in options and codec.to_number(options[number]) != usual:
            yield f"a file cannot say {word}: it stays until the link is made anew"
