# SPDX-License-Identifier: Apache-2.0
"""Containers by their label: interfaces are made in them when they start."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import subprocess
from collections.abc import AsyncIterator, Iterator

import pytest

from kvs_descriptors import linux
from kvs_descriptors.linux import keys
from kvs_descriptors.linux.namespaces import docker, microservice
from kvs_descriptors.linux.namespaces.docker import Docker, socket_path
from kvs_descriptors.linux.namespaces.microservice import MicroserviceDescriptor
from kvscheduler import PartialRetrieve, Scheduler, ValueState
from ligato.linux.interfaces.interface_pb2 import Interface
from ligato.linux.namespace.namespace_pb2 import NetNamespace
from tests.linux.bench import Bench
from tests.linux.docker_stand_in import Daemon, daemon
from tests.linux.test_watch import until

WEB = NetNamespace(type=NetNamespace.MICROSERVICE, reference="web")
LAN = Interface(name="lan", type=Interface.BRIDGE, enabled=True, namespace=WEB)
KEY, WEB_KEY = keys.interface("lan"), keys.microservice("web")


@pytest.fixture
def dock(privileged: None, tmp_path: pathlib.Path) -> Iterator[Daemon]:
    with pytest.MonkeyPatch.context() as patch, daemon(tmp_path / "docker.sock") as made:
        patch.setenv("DOCKER_HOST", f"unix://{made.path}")
        patch.setattr(microservice, "FIRST_PAUSE_S", 0.01)
        yield made


@contextlib.asynccontextmanager
async def engine(bench: Bench) -> AsyncIterator[Scheduler]:
    async with Scheduler(linux.descriptors(kernel=bench.kernel, watch=True)) as scheduler:
        async with scheduler.transaction() as change:
            change.set(KEY, LAN)
        yield scheduler


def links(process: int) -> str:
    command = ["nsenter", f"--net=/proc/{process}/ns/net", "ip", "-o", "link"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def state(scheduler: Scheduler) -> ValueState:
    return scheduler.status(KEY).state


def test_an_interface_waits_for_its_container_and_comes_and_goes_with_it(
    bench: Bench, dock: Daemon
) -> None:
    async def scenario() -> None:
        dock.open()
        async with engine(bench) as scheduler:
            assert scheduler.status(KEY).unmet[0].label == "microservice-available"
            for number in ("c1", "c2"):
                await until(lambda: dock.listeners)
                process = dock.start(number, "MICROSERVICE_LABEL=web")
                await until(lambda: state(scheduler) is ValueState.CONFIGURED)
                assert "lan:" in links(process)

                dock.stop(number)
                await until(lambda: state(scheduler) is ValueState.PENDING)

            assert [result.errors for result in scheduler.history if result.errors] == []

    bench.run(scenario())


def test_what_runs_already_is_found_without_watching(bench: Bench, dock: Daemon) -> None:
    async def scenario() -> None:
        dock.open()
        process = dock.start("c1", "MICROSERVICE_LABEL=web")
        dock.start("c2", "OTHER=web")
        dock.start("c3", "MICROSERVICE_LABEL=not a label")
        async with Scheduler(linux.descriptors(kernel=bench.kernel)) as scheduler:
            async with scheduler.transaction(resync="full") as change:
                change.set(KEY, LAN)

            assert list(scheduler.values(keys.MICROSERVICE, view="configured")) == [WEB_KEY]
            assert "lan:" in links(process)

    bench.run(scenario())


def test_a_container_that_takes_anothers_place_unseen_gets_the_interface(
    bench: Bench, dock: Daemon
) -> None:
    async def scenario() -> None:
        dock.open()
        first = dock.start("c1", "MICROSERVICE_LABEL=web")
        async with engine(bench) as scheduler:
            await until(lambda: state(scheduler) is ValueState.CONFIGURED)
            dock.close()
            second = dock.start("c2", "MICROSERVICE_LABEL=web")
            dock.open()

            await until(lambda: "lan:" in links(second))
            assert bench.kernel.microservices == {"web": second} != {"web": first}

    bench.run(scenario())


def test_the_end_of_a_container_is_seen_even_where_docker_says_nothing(
    bench: Bench, dock: Daemon
) -> None:
    async def scenario() -> None:
        dock.open()
        dock.start("c1", "MICROSERVICE_LABEL=web")
        async with engine(bench) as scheduler:
            await until(lambda: state(scheduler) is ValueState.CONFIGURED)
            dock.stop("c1", is_told=False)

            await until(lambda: state(scheduler) is ValueState.PENDING)

    bench.run(scenario())


def test_a_docker_that_comes_later_is_followed(bench: Bench, dock: Daemon) -> None:
    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert state(scheduler) is ValueState.PENDING
            dock.start("c1", "MICROSERVICE_LABEL=web")
            dock.open()

            await until(lambda: state(scheduler) is ValueState.CONFIGURED)

    bench.run(scenario())


def test_where_there_is_no_docker_there_are_no_values_and_no_words(
    bench: Bench, caplog: pytest.LogCaptureFixture, tmp_path: pathlib.Path
) -> None:
    async def scenario() -> None:
        for path in ("", str(tmp_path / "none.sock")):
            descriptor = MicroserviceDescriptor(bench.kernel, docker=Docker(path))
            assert list(await descriptor.retrieve([])) == []

    bench.run(scenario())
    assert not caplog.records


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"no HTTP\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{]}",
        b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[{"a":1}]',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nshort",
        b"HTTP/1.1 200 " + b"x" * (docker.MAX_LINE_BYTES + 10),
    ],
)
def test_of_what_answers_nonsense_nothing_is_concluded(
    bench: Bench, tmp_path: pathlib.Path, answer: bytes
) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async def scenario() -> None:
        path = str(tmp_path / "nonsense.sock")
        async with await asyncio.start_unix_server(say, path):
            descriptor = MicroserviceDescriptor(bench.kernel, docker=Docker(path))
            with pytest.raises(PartialRetrieve) as partial:
                await descriptor.retrieve([])
            assert partial.value.unknown == (keys.MICROSERVICE,)

    bench.run(scenario())


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("", "/var/run/docker.sock"),
        ("unix:///run/user/1/podman.sock", "/run/user/1/podman.sock"),
        ("tcp://10.0.0.1:2375", ""),
    ],
)
def test_the_environment_says_where_docker_is(
    monkeypatch: pytest.MonkeyPatch, host: str, path: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)

    assert socket_path() == path
