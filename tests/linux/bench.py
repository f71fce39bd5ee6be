# SPDX-License-Identifier: Apache-2.0
"""A bench on the real kernel: a folder of namespaces of its own, an owner of its own, and ip."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import pathlib
import secrets
import subprocess
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any

from google.protobuf.message import Message

from kvs_descriptors import linux
from kvs_descriptors.linux import keys, syscalls
from kvs_descriptors.linux.kernel import Kernel
from kvs_descriptors.netalloc import keys as netalloc_keys
from kvs_descriptors.netalloc.reference import ALLOCATIONS
from kvscheduler import Retrieved
from ligato.linux.interfaces.interface_pb2 import BridgeLink, Interface, VethLink
from ligato.linux.iptables.iptables_pb2 import RuleChain
from ligato.linux.l3.arp_pb2 import ARPEntry
from ligato.linux.l3.route_pb2 import Route
from ligato.linux.namespace.namespace_pb2 import NamedNamespace, NetNamespace
from ligato.netalloc.netalloc_pb2 import IPAllocation


def may_make_namespaces() -> bool:
    async def attempt() -> None:
        await syscalls.in_own_thread(syscalls.unshare_network)

    try:
        asyncio.run(attempt())
    except PermissionError:
        return False
    return True


class Bench:
    """Drives descriptors directly, being the little of the engine that they need."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.id = secrets.token_hex(2)
        self.known: dict[str, Any] = {}
        # What descriptors have reported.
        self.told: list[dict[str, Any]] = []
        self.refreshes: list[tuple[tuple[str, ...], bool]] = []
        self.allocated: dict[str, Any] = {}
        self.restart()

    def restart(self) -> None:
        """Forget everything, as a crash does."""
        self.kernel = Kernel(f"t{self.id}", str(self.folder))
        self.known.clear()
        self.descriptors: dict[str, Any] = {
            d.name: d for d in linux.descriptors(kernel=self.kernel)
        }
        for descriptor in self.descriptors.values():
            descriptor.attach(self)

    def notify(
        self, changes: Mapping[str, Any], metadata: Mapping[str, Any] | None = None
    ) -> None:
        self.told.append(dict(changes))

    def failed(self, key: str, error: Exception) -> None:
        raise AssertionError("nothing breaks by itself")

    def request_resync(self, prefix: str = "") -> None:
        raise AssertionError("nothing asks for a resync without an engine")

    def request_refresh(self, keys: Iterable[str], *, around: bool = False) -> None:
        self.refreshes.append((tuple(keys), around))

    def metadata(self, descriptor: str) -> Mapping[str, Any]:
        known = {"linux-interface": self.known, ALLOCATIONS: self.allocated}
        return known.get(descriptor, {})

    def run(self, scenario: Coroutine[Any, Any, None]) -> None:
        async def whole() -> None:
            try:
                await scenario
            finally:
                self.kernel.close()
                # The transports' last words.
                await asyncio.sleep(0)

        asyncio.run(whole())

    def host(self, name: str) -> str:
        """Return a name for a link in the namespace that all tests share."""
        return f"t{self.id}{name}"

    def listing(self) -> set[str]:
        """Return the names in the folder of namespaces."""
        return {one.name for one in self.folder.iterdir()}

    def path(self, namespace: str) -> str:
        return str(self.folder / namespace)

    def ip(self, namespace: str, *args: str) -> Any:
        """Ask iproute2, which shares no code with what is tested."""
        enter = ["nsenter", f"--net={self.path(namespace)}"] if namespace else []
        # Deletions complain about -j.
        shown = ["-j", "-d"] if "show" in args else []
        command = [*enter, "ip", *shown, *args]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return json.loads(done.stdout) if done.stdout.strip() else []

    def link(self, namespace: str, name: str) -> Any:
        found = [one for one in self.ip(namespace, "link", "show") if one["ifname"] == name]
        return found[0] if found else None

    def read(self, namespace: str, path: pathlib.Path) -> str:
        """Return what a file of /proc/sys says in a namespace."""
        enter = ["nsenter", f"--net={self.path(namespace)}"] if namespace else []
        done = subprocess.run([*enter, "cat", str(path)], check=True, capture_output=True)
        return done.stdout.decode().strip()

    def names(self, namespace: str) -> set[str]:
        return {one["ifname"] for one in self.ip(namespace, "link", "show")} - {"lo"}

    def texts(self, namespace: str, name: str) -> set[str]:
        """Return the addresses of a link that are not the kernel's own."""
        (found,) = self.ip(namespace, "address", "show", "dev", name)
        return {
            f"{one['local']}/{one['prefixlen']}"
            for one in found["addr_info"]
            if one["scope"] != "link"
        }

    def descriptor(self, key: str) -> Any:
        taking = [d for d in self.descriptors.values() if d.selects(key)]
        assert len(taking) == 1, (key, taking)
        return taking[0]

    async def create(self, key: str, value: Message) -> Any:
        descriptor = self.descriptor(key)
        descriptor.validate(key, value)
        metadata = await ended(descriptor.create(key, value))
        if isinstance(value, Interface):
            self.known[value.name] = metadata
        elif isinstance(value, IPAllocation):
            self.allocated[descriptor.label(key)] = metadata
        return metadata

    async def make(self, *values: Message) -> None:
        """Create values together, and then what they derive."""
        pairs = [(key_of(value), value) for value in values]
        await asyncio.gather(*(self.create(key, value) for key, value in pairs))
        for key, value in pairs:
            for derived in self.descriptor(key).derived(key, value):
                if any(d.selects(derived.key) for d in self.descriptors.values()):
                    await self.create(derived.key, derived.value)

    async def delete(self, value: Message) -> None:
        key = key_of(value)
        metadata = self.known.get(getattr(value, "name", ""))
        await ended(self.descriptor(key).delete(key, value, metadata))

    async def retrieve(self, name: str, *expected: Message) -> dict[str, Retrieved]:
        """Retrieve everything of a descriptor's, in the engine's order."""
        for before in ("linux-namespace", ALLOCATIONS, "linux-interface", name):
            asked = [Retrieved(key_of(one), one) for one in expected]
            asked = [one for one in asked if self.descriptors[before].selects(one.key)]
            found = await ended(self.descriptors[before].retrieve(asked))
        return {one.key: one for one in found}

    def clean(self) -> None:
        for one in [*self.folder.glob("*")]:
            with contextlib.suppress(OSError):
                syscalls.unmount(str(one))
        with contextlib.suppress(OSError):
            syscalls.unmount(str(self.folder))
        for name in self.names(""):
            if name.startswith((f"t{self.id}", "kv~")) and self.is_mine(name):
                subprocess.run(["ip", "link", "delete", name], check=False)

    def is_mine(self, name: str) -> bool:
        found = self.link("", name)
        return bool(found) and (name.startswith(f"t{self.id}") or found["group"] != "default")


async def ended(call: Any) -> Any:
    """Return what a method gives, be it ``def`` or ``async def``."""
    return await call if inspect.isawaitable(call) else call


def key_of(value: Message) -> str:
    if isinstance(value, NamedNamespace):
        return keys.namespace(value.name)
    if isinstance(value, Route):
        return keys.route(value.dst_network, value.outgoing_interface)
    if isinstance(value, RuleChain):
        return keys.rule_chain(value.name)
    if isinstance(value, ARPEntry):
        return keys.arp(value.interface, value.ip_address)
    if isinstance(value, IPAllocation):
        return netalloc_keys.ip(value.network_name, value.interface_name)
    assert isinstance(value, Interface)
    return keys.interface(value.name)


def namespace(name: str) -> NamedNamespace:
    return NamedNamespace(name=name)


def reference(name: str) -> NetNamespace:
    return NetNamespace(type=NetNamespace.NSID, reference=name) if name else NetNamespace()


def veth(name: str, peer: str, where: str = "", *addresses: str, **more: Any) -> Interface:
    return Interface(
        name=name,
        type=Interface.VETH,
        enabled=more.pop("enabled", True),
        namespace=reference(where),
        ip_addresses=addresses,
        veth=VethLink(peer_if_name=peer),
        **more,
    )


def bridge(name: str, where: str, *ports: str, **more: Any) -> Interface:
    return Interface(
        name=name,
        type=Interface.BRIDGE,
        enabled=True,
        namespace=reference(where),
        bridge=BridgeLink(ports=[BridgeLink.Port(name=port) for port in ports], **more),
    )
