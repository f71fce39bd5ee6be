# SPDX-License-Identifier: Apache-2.0
"""The laws of descriptors, on our own ones and the real kernel; iproute2 is the witness.

HYPOTHESIS_EXAMPLES says how many examples of each; some hundred take minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from hypothesis import Phase, settings
from hypothesis import strategies as st

from kvs_descriptors import linux
from kvs_descriptors.linux import keys, syscalls
from kvs_descriptors.linux.kernel import Kernel
from kvs_descriptors.linux.names import making_group
from kvscheduler import Descriptor
from kvscheduler.testing import Rig, descriptor_laws
from ligato.linux.interfaces.interface_pb2 import Interface
from ligato.linux.l3.route_pb2 import Route
from ligato.linux.namespace.namespace_pb2 import NamedNamespace
from tests.linux.bench import Bench, bridge, key_of, namespace, veth

FEW = 12
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", FEW))
STEPS = 10
# A counterexample is made small where somebody looks for one.
PHASES = [Phase.explicit, Phase.generate, *([Phase.shrink] if EXAMPLES > FEW else [])]


def by_key(*values: Message) -> dict[str, Message]:
    return {key_of(value): value for value in values}


class Wires(Rig):
    """A folder of namespaces of its own; in one that others made there is a link of theirs."""

    ground: Mapping[str, Any] = by_key(namespace("left"), namespace("right"))

    def open(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="laws-"))
        self.bench = Bench(self.folder)
        self.kernel = self.new_kernel()
        self.others_make("theirs")
        self.bench.ip("theirs", "link", "add", "va", "type", "bridge")

    def new_kernel(self) -> Kernel:
        return Kernel(f"t{self.bench.id}", str(self.folder))

    async def crash(self) -> None:
        await self.let_go()
        self.kernel = self.new_kernel()

    async def let_go(self) -> None:
        self.kernel.close()
        await asyncio.sleep(0)

    async def close(self) -> None:
        await self.let_go()
        self.bench.clean()
        # What others made first was mounted before the folder became a mount: it is there twice.
        for one in self.folder.iterdir():
            with contextlib.suppress(OSError):
                syscalls.unmount(str(one))
        shutil.rmtree(self.folder)

    def others_make(self, name: str) -> None:
        path = self.folder / name
        path.touch()
        subprocess.run(["unshare", f"--net={path}", "true"], check=True)

    def descriptors(self) -> list[Descriptor[Any, Any]]:
        return linux.descriptors(kernel=self.kernel)

    # What there is.

    def snapshot(self) -> dict[Any, Any]:
        places = sorted(self.bench.listing())
        asked = [(place, self.ask(place)) for place in places]
        seen: dict[Any, Any] = {}
        for place, asking in asked:
            told, _ = asking.communicate()
            addresses, *routes = (json.loads(line) for line in told.splitlines())
            seen["namespace", place] = (self.folder / place).stat().st_ino
            seen |= links_in(place, addresses)
            seen |= routes_in(place, [one for part in routes for one in part])
        return seen | self.half_made()

    def ask(self, place: str) -> subprocess.Popen[str]:
        """Ask iproute2 three things at once; it answers each in a line."""
        asked = "ip -j -d address show && ip -j -d route show && ip -j -d -6 route show"
        command = ["nsenter", f"--net={self.folder / place}", "sh", "-c", asked]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def half_made(self) -> dict[Any, Any]:
        """Return what of ours is in the namespace that everybody shares."""
        group, owner = str(making_group(self.kernel.owner)), f"{self.kernel.owner}:"
        return {
            ("shared", "link", one["ifname"]): one["ifindex"]
            for one in self.bench.ip("", "link", "show")
            if one["group"] == group or one.get("ifalias", "").startswith(owner)
        }


def links_in(place: str, shown: Sequence[Any]) -> dict[Any, Any]:
    seen: dict[Any, Any] = {}
    for one in shown:
        name = one["ifname"]
        kind = one.get("linkinfo", {}).get("info_kind")
        if name == "lo":
            continue
        # A bridge takes its MTU and MAC from its ports.
        own = () if kind == "bridge" else (one["mtu"], one.get("address"))
        state = ("UP" in one["flags"], one.get("ifalias"), one["group"])
        seen[place, "link", name] = (one["ifindex"], kind, *state, *own)
        if "master" in one:
            seen[place, "master of", name] = one["master"]
        for address in one["addr_info"]:
            if address["scope"] != "link":
                text = f"{address['local']}/{address['prefixlen']}"
                seen[place, "address", name, text] = address.get("protocol")
    return seen


def routes_in(place: str, shown: Sequence[Any]) -> dict[Any, Any]:
    return {
        (place, "route", one["dst"], one.get("metric")): (one["protocol"], one.get("gateway"))
        for one in shown
        if one["protocol"] != "kernel"
    }


class Named(Wires):
    """Namespaces are the values."""

    ground: Mapping[str, Any] = {}

    def stranger(self, key: str, value: NamedNamespace) -> bool:
        self.others_make(value.name)
        return True


class Linked(Wires):
    """Interfaces are the values."""

    def stranger(self, key: str, value: Interface) -> bool:
        name = value.host_if_name or value.name
        self.bench.ip(value.namespace.reference, "link", "add", name, "type", "bridge")
        return True


class Cabled(Wires):
    """A cable is there, with addresses, for what is to be on it."""

    ground: Mapping[str, Any] = by_key(
        namespace("left"),
        namespace("right"),
        veth("va", "vb", "left", "10.0.0.1/24", "fd00::1/64"),
        veth("vb", "va", "right", "10.0.0.2/24", "fd00::2/64"),
    )


class AddressedByOthers(Cabled):
    """Addresses are the values, and others have set them."""

    def stranger(self, key: str, value: Empty) -> bool:
        found = keys.parse_address(key)
        assert found is not None
        self.bench.ip("left", "address", "add", found[1], "dev", found[0])
        return True


class Routed(Cabled):
    """Routes are the values."""

    def stranger(self, key: str, value: Route) -> bool:
        destination = str(ipaddress.ip_network(value.dst_network, strict=False))
        metric = ["metric", str(value.metric)] if value.metric else []
        self.bench.ip("left", "route", "add", "blackhole", destination, *metric)
        return True


ENDS = st.builds(
    veth,
    st.just("va"),
    st.just("vb"),
    st.just("left"),
    mtu=st.sampled_from([0, 1400, 1500]),
    enabled=st.booleans(),
    host_if_name=st.sampled_from(["", "va", "eth0"]),
    phys_address=st.sampled_from(["", "02:00:00:00:00:0b", "02:00:00:00:00:0B"]),
)
ADDRESSED = st.builds(
    veth,
    st.just("vb"),
    st.just("va"),
    st.sampled_from(["left", "right"]),
    st.sampled_from(["10.0.0.2/24", "fd00::2/64", "10.0.0.2/16"]),
)
BRIDGES = st.builds(
    bridge,
    st.just("sw"),
    st.just("left"),
    stp=st.booleans(),
    ageing_time_s=st.sampled_from([0, 30]),
)
PLUGGED = st.just(bridge("sw", "left", "va"))
NAMESPACES = st.builds(NamedNamespace, name=st.sampled_from(["n0", "n1"]))
INTERFACES = st.one_of(ENDS, ADDRESSED, BRIDGES, PLUGGED)
ROUTES = st.builds(
    Route,
    outgoing_interface=st.just("va"),
    dst_network=st.sampled_from(["10.9.0.0/16", "10.9.1.2/16", "10.8.0.0/24"]),
    gw_addr=st.sampled_from(["", "10.0.0.2", "10.0.0.3"]),
    metric=st.sampled_from([0, 7]),
) | st.builds(
    Route,
    outgoing_interface=st.just("va"),
    dst_network=st.just("fd09::/64"),
    gw_addr=st.sampled_from(["", "fd00::2"]),
    metric=st.sampled_from([0, 7, 1024]),
)
ADDRESSES = st.sampled_from(["10.0.0.5/24", "10.0.0.6/24", "10.7.0.1/31", "fd07::1/64"]).map(
    lambda text: (keys.address("va", text), Empty())
)


def keyed(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Any]]:
    return values.map(with_key)


def with_key(value: Message) -> tuple[str, Any]:
    return key_of(value), value


def laws(
    rig: type[Wires],
    values: st.SearchStrategy[tuple[str, Any]],
    *,
    examples: int = EXAMPLES,
) -> type[unittest.TestCase]:
    chosen = settings(max_examples=examples, stateful_step_count=STEPS, phases=PHASES)
    test = descriptor_laws(Wires.descriptors, values=values, southbound=rig, settings=chosen)
    return pytest.mark.usefixtures("privileged")(test)


TestNamespaces = laws(Named, keyed(NAMESPACES))
TestInterfaces = laws(Linked, keyed(INTERFACES))
TestAddresses = laws(AddressedByOthers, ADDRESSES)
TestRoutes = laws(Routed, keyed(ROUTES))
