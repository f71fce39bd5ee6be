# SPDX-License-Identifier: Apache-2.0
"""nsm-agent-linux and a real etcd on one machine: what stands in etcd stands on the machine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.agents import eventually, running
from tests.etcd.server import binary
from tests.machine import Machine

ENDPOINT = "127.0.0.1:2379"
PREFIX = "/vnf-agent/vpp1/"
RED = "config/linux/interfaces/v2/interface/red"
BLUE = "config/linux/interfaces/v2/interface/blue"

pytestmark = pytest.mark.skipif(binary() is None, reason="etcd is not installed")


class Store:
    """etcd on the machine, and a tool that talks to it there."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self._machine = machine
        self._folder = folder / "etcd"
        self._folder.mkdir()
        self.start()
        self._tool = machine.start(
            "sh",
            "-c",
            'exec "$@" <"$FIFO"',
            "sh",
            sys.executable,
            "-m",
            "tests.e2e.etcd_tool",
            ENDPOINT,
            env={"FIFO": str(self._fifo())},
        )
        self._orders = (self._folder / "orders").open("w", encoding="utf-8", buffering=1)

    def _fifo(self) -> Path:
        path = self._folder / "orders"
        os.mkfifo(path)
        return path

    def start(self) -> None:
        script = 'exec "$0" --data-dir "$1" --unsafe-no-fsync >>"$1.log" 2>&1'
        self.process = self._machine.start(
            "sh", "-c", script, binary() or "etcd", str(self._folder / "data")
        )

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def order(self, **order: Any) -> dict[str, str]:
        print(json.dumps(order), file=self._orders)
        assert self._tool.stdout is not None
        answer = self._tool.stdout.readline()
        assert answer, self._tool.communicate()
        found: dict[str, str] = json.loads(answer)
        return found

    def put(self, **interfaces: Any) -> None:
        """Put interfaces, or delete those that are None, in one transaction."""
        puts, deletes = {}, []
        for name, fields in interfaces.items():
            key = f"{PREFIX}config/linux/interfaces/v2/interface/{name}"
            if fields is None:
                deletes.append(key)
            else:
                puts[key] = fields if isinstance(fields, str) else json.dumps(fields)
        self.order(put=puts, delete=deletes)

    def close(self) -> None:
        self._orders.close()
        self._tool.communicate()
        self.kill()


@pytest.fixture
def store(machine: Machine, tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "etcd.conf").write_text(
        f"endpoints: [{ENDPOINT}]\npublish-status: true\nsession-ttl: 2\n", encoding="utf-8"
    )
    machine.run("ip", "link", "set", "lo", "up")
    made = Store(machine, tmp_path)
    with contextlib.ExitStack() as after:
        after.callback(made.close)
        yield made


def cable(address: str) -> dict[str, Any]:
    red = {
        "name": "red",
        "type": "VETH",
        "enabled": True,
        "namespace": {"type": "NSID", "reference": "left"},
        "ipAddresses": [f"{address}/24"],
        "veth": {"peerIfName": "blue"},
    }
    blue = {"name": "blue", "type": "VETH", "enabled": True, "veth": {"peer_if_name": "red"}}
    return {"red": red, "blue": blue}


def has(machine: Machine, address: str) -> bool:
    return f" {address}/24 " in machine.inside("left", "ip", "-o", "address").stdout


def status(store: Store, key: str) -> dict[str, Any]:
    name = PREFIX + key.replace("config/", "config-status/", 1)
    found = store.order(get=name)
    return json.loads(found[name]) if name in found else {}


def state(store: Store, key: str) -> str:
    return str(status(store, key).get("value", {}).get("state", ""))


def test_what_etcd_says_is_done_and_its_status_is_there(
    machine: Machine, store: Store, tmp_path: Path
) -> None:
    store.put(**cable("10.9.0.1"))
    with running(machine, tmp_path) as agent:
        eventually(lambda: has(machine, "10.9.0.1"), agent)
        eventually(lambda: state(store, RED) == "CONFIGURED", agent)
        derived = [one["key"] for one in status(store, RED)["derivedValues"]]
        assert "linux/interface/red/address/static/10.9.0.1/24" in derived

        store.put(**cable("10.9.0.2"))
        eventually(lambda: has(machine, "10.9.0.2") and not has(machine, "10.9.0.1"), agent)

        store.put(red='{"name": "red", "mtuu": 3}')
        eventually(lambda: state(store, RED) == "INVALID", agent)
        assert "did you mean mtu" in status(store, RED)["value"]["error"]
        assert has(machine, "10.9.0.2")

        store.put(red=None, blue=None)
        eventually(lambda: machine.namespaces() == [], agent)
        eventually(lambda: store.order(get=f"{PREFIX}config-status/") == {}, agent)


def test_nothing_is_lost_over_kills_of_either(
    machine: Machine, store: Store, tmp_path: Path
) -> None:
    store.put(**cable("10.9.0.1"))
    with running(machine, tmp_path) as agent:
        eventually(lambda: has(machine, "10.9.0.1"), agent)
        store.kill()
        machine.inside("left", "ip", "address", "flush", "dev", "red")
        eventually(lambda: has(machine, "10.9.0.1"), agent)  # mended without etcd
        agent.end(signal.SIGKILL)
    machine.inside("left", "ip", "address", "flush", "dev", "red")

    with running(machine, tmp_path) as agent:
        eventually(lambda: has(machine, "10.9.0.1"), agent)  # known without etcd
        store.start()
        store.put(**cable("10.9.0.3"))
        eventually(lambda: has(machine, "10.9.0.3"), agent)
        agent.end(signal.SIGKILL)

    eventually(lambda: store.order(get=f"{PREFIX}config-status/") == {})  # the lease is over


def test_files_and_etcd_each_own_what_they_set(
    machine: Machine, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "conf" / "config.d").mkdir()
    ours = {"linuxConfig": {"interfaces": list(cable("10.9.0.1").values())}}
    (tmp_path / "conf" / "config.d" / "net.json").write_text(json.dumps(ours), encoding="utf-8")
    with running(machine, tmp_path) as agent:
        eventually(lambda: has(machine, "10.9.0.1"), agent)
        store.put(red=cable("10.9.0.7")["red"])
        eventually(lambda: has(machine, "10.9.0.7"), agent)

        store.put(red=None)
        eventually(lambda: has(machine, "10.9.0.1"), agent)
        assert agent.end() == 0
