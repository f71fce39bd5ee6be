# SPDX-License-Identifier: Apache-2.0
"""Too much at once, callers that vanish, readers that are slow."""

from __future__ import annotations

import asyncio
import gc
import resource
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from kvs_agent.northbound.grpc.errors import TooMany
from kvs_agent.northbound.grpc.limits import Limits
from kvs_agent.northbound.grpc.notifications import KEPT, Row
from kvs_descriptors.linux import keys
from kvs_proto.agent.v1 import agent_pb2 as pb
from kvscheduler import ValueState
from ligato.configurator import configurator_pb2
from ligato.configurator.configurator_pb2 import Notification
from tests.northbound.grpc.stage import (
    Interfaces,
    Routes,
    Stage,
    config,
    interface,
    play,
    refused,
    route,
    seen,
)

EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


class Slow(Interfaces):
    """Creates nothing until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.asked = False

    async def create(self, key: str, value: Any) -> None:  # type: ignore[override] # either will do
        self.asked = True
        await self.go.wait()
        self.held[key] = value


def update(*values: Any, **more: Any) -> configurator_pb2.UpdateRequest:
    return configurator_pb2.UpdateRequest(update=config(*values), **more)


def test_changes_that_nobody_can_take_in_are_refused_at_once(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        orchestrator = stage.core.orchestrator
        calls = [stage.configurator.Update(update(interface(f"i{n}"))) for n in range(1100)]
        while orchestrator.waiting < orchestrator.max_waiting:  # noqa: ASYNC110 - not told of
            await asyncio.sleep(0.01)
        error = await refused(stage.configurator.Update(update(interface("more"))))
        shelf.go.set()
        ended = await asyncio.gather(*calls, return_exceptions=True)

        codes = {one.code() for one in ended if isinstance(one, grpc.aio.AioRpcError)}
        done = sum(1 for one in ended if not isinstance(one, BaseException))
        assert error.code() is EXHAUSTED
        assert codes <= {EXHAUSTED}
        assert done >= orchestrator.max_waiting
        assert len(shelf.held) == done
        wanted = stage.core.orchestrator.holdings.of_source("grpc")
        assert wanted.keys() == shelf.held.keys()

    shelf = Slow()
    play(tmp_path, story, shelf, Routes(), max_calls=5000, max_streams=5000)


def test_more_calls_than_may_be_at_work_are_refused_and_told_when_to_come_again(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        waiting = stage.configurator.Update(update(route("10.0.0.0/8", "a"), wait_done=True))
        await seen(stage, keys.route("10.0.0.0/8", "a"), ValueState.PENDING)

        error = await refused(stage.agent.Info(pb.InfoRequest()))
        waiting.cancel()
        while True:
            try:
                await stage.agent.Info(pb.InfoRequest())
                break
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.01)

        assert error.code() is EXHAUSTED
        details = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
        assert isinstance(details, bytes)
        (detail,) = status_pb2.Status.FromString(details).details
        retry = error_details_pb2.RetryInfo()
        assert detail.Unpack(retry)
        assert retry.retry_delay.seconds == 1

    play(tmp_path, story, max_calls=1)


def test_more_watchers_than_may_be_are_refused(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.configurator.Update(update(interface("a")))
        first = stage.agent.Watch(pb.WatchRequest())
        await first.read()

        error = await refused(stage.agent.Watch(pb.WatchRequest()))

        assert error.code() is EXHAUSTED
        assert (await stage.agent.Info(pb.InfoRequest())).ready

    play(tmp_path, story, max_watchers=1)


def test_a_request_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        large = update(*(interface(f"interface-number-{n}") for n in range(1000)))

        error = await refused(stage.configurator.Update(large))

        assert error.code() is EXHAUSTED
        assert not stage.core.scheduler.values()

    play(tmp_path, story, max_message_bytes=10_000)


def test_calls_in_a_second_are_counted_and_forgotten() -> None:
    now = 0.0
    limits = Limits(10, 10, per_second=2, clock=lambda: now)

    def begin() -> bool:
        try:
            with limits.admitted():
                return True
        except TooMany:
            return False

    first = [begin() for _ in range(3)]
    now = 0.5
    later = [begin() for _ in range(2)]
    now = 60.0
    rested = [begin() for _ in range(3)]

    assert first == [True, True, False]
    assert later == [True, False]
    assert rested == [True, True, False]


def test_a_call_without_a_limit_of_its_own_gets_one(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        error = await refused(
            stage.configurator.Update(update(route("10.0.0.0/8", "a"), wait_done=True))
        )

        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert keys.interface("a") in (error.details() or "")

    play(tmp_path, story, deadline_s=1.0)


def test_a_change_whose_caller_has_gone_is_done_whole_or_not_at_all(tmp_path: Path) -> None:
    shelf = Slow()

    async def story(stage: Stage) -> None:
        begun = stage.configurator.Update(update(interface("a"), interface("b")))
        while not shelf.asked:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        queued = stage.configurator.Update(update(interface("c")))
        while not stage.core.orchestrator.waiting:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        begun.cancel()
        queued.cancel()
        with pytest.raises(asyncio.CancelledError):
            await queued
        # The server hears of it a little later.
        await stage.agent.Info(pb.InfoRequest())
        shelf.go.set()
        await stage.configurator.Update(update(interface("d")))

        held = set(shelf.held)
        wanted = set(stage.core.orchestrator.holdings.of_source("grpc"))
        assert held == wanted
        assert {keys.interface("a"), keys.interface("b"), keys.interface("d")} <= held

    play(tmp_path, story, shelf, Routes())


def memory_bytes() -> int:
    gc.collect()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def come_and_go(stage: Stage, times: int) -> None:
    some = [interface(f"{'x' * 200}-{each}") for each in range(20)]
    for _ in range(times):
        await stage.configurator.Update(update(*some))
        await stage.configurator.Delete(configurator_pb2.DeleteRequest(delete=config(*some)))


def test_a_slow_watcher_costs_no_memory_and_skips_to_the_latest(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.configurator.Update(update(interface("a")))
        slow = stage.agent.Watch(pb.WatchRequest())
        await slow.read()
        # Until the history is full, which has its bounds.
        await come_and_go(stage, 550)
        before = memory_bytes()

        await come_and_go(stage, 550)
        await stage.configurator.Update(update(interface("last")))

        assert memory_bytes() - before < 16 * 1024 * 1024
        read = 0
        while (await slow.read()).status.key != keys.interface("last"):
            read += 1
        # Of 44,000 changes those that were on their way already.
        assert read < 22_000
        slow.cancel()

    play(tmp_path, story)


def test_watchers_that_vanish_leave_nothing(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.configurator.Update(update(interface("a")))
        for _ in range(10):
            some = [stage.agent.Watch(pb.WatchRequest()) for _ in range(20)]
            listen = configurator_pb2.NotifyRequest()
            some += [stage.configurator.Notify(listen) for _ in range(20)]
            await asyncio.gather(*(one.read() for one in some))
            for one in some:
                one.cancel()

        # All of what may be is free again, once the server has heard.
        async with asyncio.timeout(20):
            while not await all_at_once(stage, 50):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)

    play(tmp_path, story, max_watchers=50)


async def all_at_once(stage: Stage, count: int) -> bool:
    """Tell whether so many watchers are let in."""
    some = [stage.agent.Watch(pb.WatchRequest()) for _ in range(count)]
    try:
        found = await asyncio.gather(*(one.read() for one in some), return_exceptions=True)
    finally:
        for one in some:
            one.cancel()
    codes = {one.code() for one in found if isinstance(one, grpc.aio.AioRpcError)}
    assert codes <= {EXHAUSTED}
    return not codes


def test_a_row_keeps_so_many_notifications_and_numbers_all() -> None:
    row = Row(kept=3)

    async def story() -> list[int]:
        for _ in range(10):
            row.add(Notification())
        reading = row.read(2)
        return [(await anext(reading))[0] for _ in range(3)]

    assert asyncio.run(story()) == [8, 9, 10]
    assert KEPT >= 10_000


def test_a_server_that_stops_ends_what_goes_on(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.configurator.Update(update(interface("a")))
        call = stage.agent.Watch(pb.WatchRequest())
        await call.read()

        await stage.server.stop(0.1)

        assert await call.code() is not grpc.StatusCode.OK
        assert not stage.server.addresses

    play(tmp_path, story)
