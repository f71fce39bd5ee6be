# SPDX-License-Identifier: Apache-2.0
"""The embedded store: what was written is there, whatever happens to the process or the file."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from kvs_agent.models import Unknown
from kvs_agent.orchestrator import Holdings, Item, Store, StoreError
from kvscheduler import Unreadable
from ligato.linux.interfaces.interface_pb2 import Interface

INTERFACE = Item(Interface(name="red", mtu=1400, ip_addresses=["10.0.0.1/24"]), {"by": "hand"})


def written(store: Store, holdings: Holdings, source: str, **items: Item | None) -> None:
    proposal = holdings.propose(source, items)
    store.write(proposal, durable=True)
    holdings.accept(proposal)


def test_everything_that_a_source_can_hold_comes_back(tmp_path: Path) -> None:
    held = {"a": INTERFACE, "b": Item(Unreadable("no")), "c": Item(Unknown('{"x": 1}'))}
    store = Store(tmp_path / "store.db")
    written(store, Holdings(), "grpc", **held)
    written(store, Holdings(), "etcd", a=INTERFACE)
    store.close()

    assert Store(tmp_path / "store.db").load() == {"grpc": held, "etcd": {"a": INTERFACE}}


def test_what_a_source_lets_go_of_is_gone(tmp_path: Path) -> None:
    store, holdings = Store(tmp_path / "store.db"), Holdings()
    written(store, holdings, "grpc", a=INTERFACE, b=INTERFACE)
    written(store, holdings, "grpc", a=None)

    assert store.load() == {"grpc": {"b": INTERFACE}}
    store.forget(["grpc"])
    assert store.load() == {}


def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    Store(tmp_path / "new" / "store.db")

    assert (tmp_path / "new" / "store.db").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_newer_one_is_refused_by_name(tmp_path: Path) -> None:
    Store(tmp_path / "store.db").close()
    with sqlite3.connect(tmp_path / "store.db") as database:
        database.execute("PRAGMA user_version = 7")

    with pytest.raises(StoreError, match=r"store\.db: a newer agent has written it"):
        Store(tmp_path / "store.db")


def test_a_file_that_is_no_store_is_refused_by_name_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"something else" * 100)

    with pytest.raises(StoreError, match=r"store\.db: the store cannot be used"):
        Store(tmp_path / "store.db")
    assert (tmp_path / "store.db").read_bytes() == b"something else" * 100


def test_one_value_that_cannot_be_read_costs_itself_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db")
    written(store, Holdings(), "grpc", a=INTERFACE, b=INTERFACE)
    with sqlite3.connect(tmp_path / "store.db") as database:
        database.execute("UPDATE held SET item = x'00' WHERE key = 'b'")
    store.close()

    held = Store(tmp_path / "store.db").load()["grpc"]

    assert held["a"] == INTERFACE
    assert isinstance(held["b"].value, Unreadable)


def test_what_cannot_be_encoded_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db")

    with pytest.raises(StoreError):
        written(store, Holdings(), "grpc", a=INTERFACE, b=Item(object()))
    assert store.load() == {}


WRITER = """
import sys
from pathlib import Path
from kvs_agent.orchestrator import Holdings, Item, Store
store, holdings = Store(Path(sys.argv[1])), Holdings()
for number in range(10_000):
    proposal = holdings.propose("grpc", {"a": Item(number), "b": Item(number)})
    store.write(proposal, durable=False)
    holdings.accept(proposal)
    print(number, flush=True)
"""


@pytest.mark.parametrize("lines", [1, 37, 180])
def test_what_was_answered_outlives_a_kill_and_nothing_is_half_there(
    tmp_path: Path, lines: int
) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", WRITER, str(tmp_path / "store.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(lines)][-1]
        writer.send_signal(signal.SIGKILL)

    held = Store(tmp_path / "store.db").load()["grpc"]

    assert held["a"] == held["b"]
    assert isinstance(held["a"].value, int)
    assert held["a"].value >= told


def test_without_a_path_it_is_memory_alone() -> None:
    store = Store(None)
    written(store, Holdings(), "grpc", a=INTERFACE)

    assert store.load() == {"grpc": {"a": INTERFACE}}
