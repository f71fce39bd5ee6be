# SPDX-License-Identifier: Apache-2.0
"""The kinds of interfaces: a new one is one more file here, and one more line."""

from __future__ import annotations

from ligato.linux.interfaces.interface_pb2 import Interface

from .bond import Bond
from .bridge import Bridge
from .dummy import Dummy
from .existing import Existing
from .ipvlan import Ipvlan
from .kind import Kind
from .lent import Lent
from .loopback import Loopback
from .macvlan import Macvlan
from .tap import Tap
from .tap_to_vpp import TapToVpp
from .veth import Veth
from .vlan import Vlan
from .vrf import VrfDevice
from .vxlan import Vxlan

__all__ = ["Bond", "Bridge", "Kind", "Lent", "Veth", "VrfDevice", "kinds"]

_KINDS: tuple[type[Kind], ...] = (
    Veth,
    TapToVpp,
    Loopback,
    Existing,
    VrfDevice,
    Dummy,
    Bridge,
    Vlan,
    Vxlan,
    Macvlan,
    Ipvlan,
    Bond,
    Tap,
)


def kinds() -> dict[Interface.Type, Kind]:
    """Return all kinds by their type in the messages; each engine has its own."""
    return {kind.type: kind() for kind in _KINDS}
