# SPDX-License-Identifier: Apache-2.0
"""What iproute2 does behind our backs is heard and put right, by the laws of descriptors."""

from __future__ import annotations

import ipaddress
import unittest
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from hypothesis import settings
from hypothesis import strategies as st

from kvs_descriptors import linux
from kvs_descriptors.linux import keys
from kvscheduler import Descriptor
from kvscheduler.testing import descriptor_laws
from ligato.linux.interfaces.interface_pb2 import Interface
from ligato.linux.l3.route_pb2 import Route
from tests.linux.test_laws import (
    ADDRESSES,
    EXAMPLES,
    INTERFACES,
    PHASES,
    ROUTES,
    STEPS,
    Cabled,
    Wires,
    keyed,
)


class Heard(Wires):
    """Others take away, or change, what is ours."""

    def descriptors(self) -> list[Descriptor[Any, Any]]:
        return linux.descriptors(kernel=self.kernel, watch=True)

    def disturb(self, key: str, value: Message) -> bool:
        if isinstance(value, Interface):
            name = value.host_if_name or value.name
            change = ["set", name, "mtu", "1333"] if value.mtu else ["delete", name]
            self.bench.ip(value.namespace.reference, "link", *change)
        elif isinstance(value, Route):
            network = str(ipaddress.ip_network(value.dst_network, strict=False))
            metric = ["metric", str(value.metric)] if value.metric else []
            self.bench.ip("left", "route", "delete", network, "dev", "va", *metric)
        elif isinstance(value, Empty) and (found := keys.parse_address(key)):
            place = "left" if found[0] == "va" else self.place_of(found[0])
            self.bench.ip(place, "address", "delete", found[1], "dev", found[0])
        else:
            return False
        return True

    def place_of(self, name: str) -> str:
        """Return where a link is."""
        shown = ((place, self.bench.ip(place, "link", "show")) for place in ("left", "right"))
        return next(place for place, links in shown if any(x["ifname"] == name for x in links))


class HeardCabled(Heard, Cabled):
    """The same, with a cable there."""


def laws(rig: type[Heard], values: st.SearchStrategy[tuple[str, Any]]) -> type[unittest.TestCase]:
    chosen = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, phases=PHASES)
    test = descriptor_laws(rig.descriptors, values=values, southbound=rig, settings=chosen)
    return pytest.mark.usefixtures("privileged")(test)


TestInterfaces = laws(Heard, keyed(INTERFACES))
TestAddresses = laws(HeardCabled, ADDRESSES)
TestRoutes = laws(HeardCabled, keyed(ROUTES))
