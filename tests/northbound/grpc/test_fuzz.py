# SPDX-License-Identifier: Apache-2.0
"""Whatever bytes come in at whatever method: a clear answer, and a server that goes on."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

import grpc
import pytest
from google.protobuf import message_factory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvs_proto.agent.v1 import agent_pb2 as pb
from tests.northbound.grpc.stage import Stage, staged
from tests.northbound.grpc.test_security import methods, name_of

T = TypeVar("T")

FINE = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
}
ANSWER_S = 0.2
# The client library's own word for a stream that the server ended while it wrote.
ENDED_WHILE_WRITING = "Internal error from Core"


class Running:
    """An agent that runs in a thread of its own, for as long as a test is tried out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self.stage: Stage | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self._loop.run_until_complete(self._live())
        self._loop.close()

    async def _live(self) -> None:
        async with staged(self._folder) as stage:
            self.stage = stage
            self._ready.set()
            await self._stop.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("fuzz")) as agent:
        yield agent


async def answered(stage: Stage, method: Any, raws: list[bytes]) -> grpc.StatusCode:
    """Send bytes to a method; return how the call ends."""
    path = f"/{name_of(method)}"
    make: Any = {
        (False, False): stage.channel.unary_unary,
        (False, True): stage.channel.unary_stream,
        (True, True): stage.channel.stream_stream,
    }[method.client_streaming, method.server_streaming]
    given_in = iter(raws) if method.client_streaming else raws[0]
    call = make(path)(given_in, timeout=ANSWER_S)
    try:
        if method.server_streaming:
            while await call.read() is not grpc.aio.EOF:
                pass
        else:
            await call
    except grpc.aio.AioRpcError:
        details: str = await call.details() or ""
        assert "Traceback" not in details
        if details == ENDED_WHILE_WRITING:
            return grpc.StatusCode.CANCELLED
    code: grpc.StatusCode = await call.code()
    return code


def messages(described: Any, depth: int = 3) -> st.SearchStrategy[Any]:
    """Return a strategy for messages of a kind, filled in at random."""
    kind = message_factory.GetMessageClass(described)

    @st.composite
    def filled(draw: Any) -> Any:
        made = kind()
        for field in described.fields:
            if depth and draw(st.integers(0, 2)) == 0:
                fill(draw, made, field, depth)
        return made

    return filled()


def fill(draw: Any, made: Any, field: Any, depth: int) -> None:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return
    count = draw(st.integers(1, 2)) if field.is_repeated else 1
    for _ in range(count):
        if field.message_type is not None:
            value = draw(messages(field.message_type, depth - 1))
            held = getattr(made, field.name)
            (held.add() if field.is_repeated else held).CopyFrom(value)
            continue
        value = draw(scalar(field))
        if field.is_repeated:
            getattr(made, field.name).append(value)
        else:
            setattr(made, field.name, value)


def scalar(field: Any) -> st.SearchStrategy[Any]:
    if field.enum_type is not None:
        return st.integers(0, 200)
    if field.cpp_type == field.CPPTYPE_BOOL:
        return st.booleans()
    if field.cpp_type in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
        return st.floats()
    if field.type == field.TYPE_BYTES:
        return st.binary(max_size=8)
    if field.cpp_type == field.CPPTYPE_STRING:
        known = ["a", "grpc", "etcd", "config/linux/interfaces/v2/interface/a", "10.0.0.0/8"]
        known += ["linux.l3.route", "x/ligato.linux.l3.Route", "ligato/linux/l3/route.proto"]
        return st.sampled_from(known) | st.text(st.characters(codec="utf-8"), max_size=8)
    return st.sampled_from([0, 1, 2, 2**31 - 1])


# Each of these runs a program on the machine; the others only change a dictionary.
METHODS = [method for method in methods() if method.name != "Report"]


@pytest.mark.parametrize("method", METHODS, ids=name_of)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_bytes_get_a_clear_answer(
    running: Running, method: Any, caplog: pytest.LogCaptureFixture, data: Any
) -> None:
    stage = running.stage
    assert stage is not None
    one = st.binary(max_size=60) | messages(method.input_type).map(
        lambda made: made.SerializeToString()
    )
    raws = data.draw(st.lists(one, min_size=1, max_size=3))

    with caplog.at_level(logging.ERROR):
        code = running.run(answered(stage, method, raws))

    assert code in FINE
    assert not [record for record in caplog.records if "of our own" in record.message]
    info = running.run(ask(stage))
    assert info.alive


async def ask(stage: Stage) -> pb.InfoResponse:
    info: pb.InfoResponse = await stage.agent.Info(pb.InfoRequest())
    return info


def inside(number: int, raw: bytes) -> bytes:
    """Return a message that has another one in a field."""
    size = bytes([len(raw) & 0x7F | 0x80, len(raw) >> 7])
    return bytes([number << 3 | 2]) + size + raw


def test_a_message_that_is_nested_too_deep_is_refused(running: Running) -> None:
    stage = running.stage
    assert stage is not None
    deep = b""
    for _ in range(300):
        deep = inside(1, deep)
    method: Any = next(one for one in METHODS if one.name == "Notify")

    code = running.run(answered(stage, method, [inside(2, inside(2, deep))]))

    assert code in FINE
    assert running.run(ask(stage)).alive
