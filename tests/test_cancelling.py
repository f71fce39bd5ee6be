# SPDX-License-Identifier: Apache-2.0
"""A task that is cancelled ends, also where what it calls takes the cancellation for its own."""

from __future__ import annotations

import asyncio
import socket
import time

import grpc
import pytest

from kvs_descriptors.cancelling import cancellable

DEADLINE_S = 0.05


class _OwnError(Exception):
    pass


async def _deaf(error: Exception | None) -> str:
    """Take a cancellation for something else."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        if error:
            raise error from None
    return "an answer"


@pytest.mark.parametrize("error", [None, _OwnError()])
def test_a_cancellation_that_was_swallowed_is_raised(error: Exception | None) -> None:
    async def ask() -> None:
        with cancellable():
            await _deaf(error)

    async def main() -> None:
        task = asyncio.create_task(ask())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_what_was_cancelled_before_may_still_clean_up() -> None:
    async def ask() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            with pytest.raises(_OwnError), cancellable():
                raise _OwnError

    async def main() -> None:
        task = asyncio.create_task(ask())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_a_timeout_inside_stays_one() -> None:
    async def main() -> None:
        with cancellable(), pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.Event().wait()

    asyncio.run(main())


@pytest.mark.parametrize("turns", range(6))
def test_a_call_that_is_cancelled_when_its_deadline_comes_is_cancelled(turns: int) -> None:
    """So many turns of the loop after the deadline; gRPC alone takes some for that (found: 3)."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"

        async def ask(channel: grpc.aio.Channel) -> None:
            with cancellable():
                await channel.stream_stream("/silent/Silent")(timeout=DEADLINE_S).read()

        async def main() -> None:
            async with grpc.aio.insecure_channel(address) as channel:
                task = asyncio.create_task(ask(channel))
                await asyncio.sleep(0.8 * DEADLINE_S)
                time.sleep(0.4 * DEADLINE_S)  # noqa: ASYNC251 - the loop is to come too late
                for _ in range(turns):
                    await asyncio.sleep(0)
                was_cancelled = task.cancel()
                await asyncio.wait([task])
                assert task.cancelled() == was_cancelled

        asyncio.run(main())
