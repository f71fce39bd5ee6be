# SPDX-License-Identifier: Apache-2.0
"""An agent under load: updates by the thousand from etcd, each its own, and what is left of it.

``python -m benchmarks.agent_load`` runs a minute of a thousand a second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from kvs_agent import etcd
from kvs_descriptors.linux import keys
from tests.etcd.server import Etcd

from .agent import PREFIX, Mock, living, settings

__all__ = ["Load", "load"]

KEYS = 1_000
CATCH_UP_S = 60.0
SAMPLE_S = 1.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What came of it; ``resident_kib`` is the agent's memory over time."""

    updates: int
    took_s: float
    behind_s: float
    calls: int
    is_right: bool
    resident_kib: tuple[int, ...]


@contextlib.contextmanager
def _agent(folder: Path, endpoint: str) -> Iterator[subprocess.Popen[str]]:
    """Run an agent in a process of its own; on SIGTERM it prints what it has, and ends."""
    command = [sys.executable, "-m", "benchmarks.agent_load", "--agent", str(folder), endpoint]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


async def _be_an_agent(folder: Path, endpoint: str) -> None:
    mock, ended = Mock(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with living(settings(folder, (endpoint,)), mock):
        print("ready", flush=True)
        await ended.wait()
        mtus = {value.name: value.mtu for value in mock.values.values()}
    print(json.dumps({"calls": mock.calls, "mtus": mtus}), flush=True)


def _key(number: int) -> str:
    return PREFIX + keys.interface(f"loop{number}")


def _data(number: int, turn: int) -> bytes:
    return json.dumps({"name": f"loop{number}", "type": "LOOPBACK", "mtu": turn}).encode()


async def _write(client: etcd.Client, rate: int, seconds: float) -> tuple[int, dict[str, int]]:
    """Put so many keys a second, one each time; return how many, and what stands in the end."""
    loop, last = asyncio.get_running_loop(), dict[str, int]()
    started, done = loop.time(), 0
    async with asyncio.TaskGroup() as tasks:
        while (passed := loop.time() - started) < seconds:
            # Of one key no two writes are under way at once, so the last one is the last.
            due = min(int(passed * rate), done + KEYS)
            batch = []
            for turn in range(done, due):
                number = turn % KEYS
                last[f"loop{number}"] = turn % 9000
                batch.append(
                    tasks.create_task(client.put(_key(number), _data(number, turn % 9000)))
                )
            if batch:
                await asyncio.wait(batch)
            done = due
            await asyncio.sleep(0.001)
    return done, last


async def _sampled(pid: int, samples: list[int]) -> None:
    while True:
        await asyncio.sleep(SAMPLE_S)
        samples.append(_resident_kib(pid))


def _resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0])


async def _run(process: subprocess.Popen[str], endpoint: str, rate: int, seconds: float) -> Load:
    samples: list[int] = []
    sampling = asyncio.create_task(_sampled(process.pid, samples))
    async with etcd.Client(etcd.Settings(endpoints=(endpoint,))) as client:
        started = time.perf_counter()
        updates, last = await _write(client, rate, seconds)
        took_s = time.perf_counter() - started
        # The agent takes changes in order: once it has the last word, it has all of them.
        await client.put(_key(KEYS), _data(KEYS, 1))
        behind_s = await _caught_up(client, started + took_s)
    sampling.cancel()
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    left = json.loads(await asyncio.to_thread(process.stdout.readline))
    is_right = left["mtus"] == {**last, f"loop{KEYS}": 1}
    return Load(
        updates=updates,
        took_s=took_s,
        behind_s=behind_s,
        calls=left["calls"],
        is_right=is_right,
        resident_kib=tuple(samples),
    )


async def _caught_up(client: etcd.Client, since: float) -> float:
    """Wait until the agent says in etcd that the last value stands; return the seconds."""
    status = _key(KEYS).replace("/config/", "/config-status/", 1)
    async with asyncio.timeout(CATCH_UP_S):
        while await client.get(status) is None:  # noqa: ASYNC110 - etcd is asked, as a user would
            await asyncio.sleep(0.01)
    return time.perf_counter() - since


def load(rate: int, seconds: float) -> Load:
    """Have an agent follow so many updates a second for a while."""
    with tempfile.TemporaryDirectory() as name:
        server = Etcd(Path(name) / "etcd")
        server.start()
        try:
            with _agent(Path(name), server.endpoint) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                return asyncio.run(_run(process, server.endpoint, rate, seconds))
        finally:
            server.kill()


def main() -> None:
    """Measure, or be the agent that is measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agent_load", description=__doc__)
    parser.add_argument("--agent", nargs=2, metavar=("FOLDER", "ENDPOINT"), help=argparse.SUPPRESS)
    parser.add_argument("--rate", type=int, default=1_000, help="updates a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    told = parser.parse_args()
    if told.agent:
        asyncio.run(_be_an_agent(Path(told.agent[0]), told.agent[1]))
        return
    done = load(told.rate, told.seconds)
    print(f"{done.updates:,} updates in {done.took_s:.1f} s, {done.calls:,} calls")
    print(f"{done.behind_s:.2f} s behind in the end; the end state is", end=" ")
    print("right" if done.is_right else "WRONG")
    if done.resident_kib:
        mib = [kib / 1024 for kib in done.resident_kib]
        print(f"resident: at first {mib[0]:.1f} MiB, in the end {mib[-1]:.1f} MiB", end=", ")
        print(f"at most {max(mib):.1f} MiB")


if __name__ == "__main__":
    main()
