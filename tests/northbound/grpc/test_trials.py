# SPDX-License-Identifier: Apache-2.0
"""Changes on approval: kept when they are confirmed, taken back whatever else happens."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from kvs_agent.northbound.grpc.trials import Trials
from kvs_agent.orchestrator import Item, Wish
from kvs_descriptors.linux import keys
from kvs_proto.agent.v1 import agent_pb2 as pb
from kvscheduler import ValueState
from tests.northbound.grpc.stage import Stage, config, interface, play, seen, shelves

A = keys.interface("a")
OUTCOME = pb.TryResponse


def first(*values: Any, **more: Any) -> pb.TryRequest:
    apply = pb.ApplyRequest(change=pb.Change(values=config(*values)))
    return pb.TryRequest(apply=apply, **more)


async def begun(stage: Stage, *values: Any, **more: Any) -> Any:
    call = stage.agent.Try()
    await call.write(first(*values, **more))
    answer = await call.read()
    assert answer.outcome == OUTCOME.OUTCOME_WAITING
    return call


def mtu(stage: Stage) -> int:
    found: int = stage.core.scheduler.values()[A].mtu
    return found


async def stands(stage: Stage, wanted: int) -> None:
    """Wait until the interface is wanted with an MTU."""
    while mtu(stage) != wanted:  # noqa: ASYNC110 - statuses do not tell of values
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("word", "outcome", "left"),
    [(True, OUTCOME.OUTCOME_CONFIRMED, 1400), (False, OUTCOME.OUTCOME_ROLLED_BACK, 1500)],
)
def test_the_callers_word_counts(tmp_path: Path, word: bool, outcome: int, left: int) -> None:
    async def story(stage: Stage) -> None:
        await stage.agent.Apply(first(interface("a", mtu=1500)).apply)
        call = await begun(stage, interface("a", mtu=1400))
        assert mtu(stage) == 1400

        await call.write(pb.TryRequest(confirm=word))
        answer = await call.read()

        assert answer.outcome == outcome
        assert mtu(stage) == left
        assert await call.read() is grpc.aio.EOF

    play(tmp_path, story)


def test_silence_is_a_no(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.agent.Apply(first(interface("a", mtu=1500)).apply)
        call = await begun(stage, interface("a", mtu=1400), interface("b"), timeout_s=0.05)

        answer = await call.read()

        assert answer.outcome == OUTCOME.OUTCOME_ROLLED_BACK
        assert mtu(stage) == 1500
        assert list(stage.core.scheduler.values()) == [A]

    play(tmp_path, story)


def test_a_caller_who_says_no_more_says_no(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.agent.Apply(first(interface("a", mtu=1500)).apply)
        call = await begun(stage, interface("a", mtu=1400))

        await call.done_writing()

        assert (await call.read()).outcome == OUTCOME.OUTCOME_ROLLED_BACK
        assert mtu(stage) == 1500

    play(tmp_path, story)


def test_a_caller_who_is_gone_says_no(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.agent.Apply(first(interface("a", mtu=1500)).apply)
        call = await begun(stage, interface("a", mtu=1400))

        call.cancel()

        await stands(stage, 1500)

    play(tmp_path, story)


def test_an_agent_that_stops_takes_back_what_is_on_trial(tmp_path: Path) -> None:
    interfaces, routes = shelves()

    async def story(stage: Stage) -> None:
        await stage.agent.Apply(first(interface("a", mtu=1500)).apply)
        await begun(stage, interface("a", mtu=1400))

    play(tmp_path, story, interfaces, routes)

    assert interfaces.held[A].mtu == 1500


def test_what_fails_is_undone_already(tmp_path: Path) -> None:
    interfaces, routes = shelves()
    interfaces.fails.add(keys.interface("b"))

    async def story(stage: Stage) -> None:
        call = stage.agent.Try()
        await call.write(first(interface("a"), interface("b")))

        answer = await call.read()

        assert answer.outcome == OUTCOME.OUTCOME_FAILED
        assert not interfaces.held
        await begun(stage, interface("a"))

    play(tmp_path, story, interfaces, routes)


def test_there_is_one_trial_at_a_time(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await begun(stage, interface("a"))
        other = stage.agent.Try()
        await other.write(first(interface("b")))

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await other.read()

        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert list(stage.core.scheduler.values()) == [A]

    play(tmp_path, story)


@pytest.mark.parametrize(
    "wrong",
    [
        pb.TryRequest(confirm=True),
        pb.TryRequest(),
        first(interface("a"), timeout_s=-1),
        first(interface("a"), timeout_s=float("nan")),
        pb.TryRequest(apply=pb.ApplyRequest(resync=pb.RESYNC_KIND_FULL)),
    ],
)
def test_what_is_no_trial_is_refused(tmp_path: Path, wrong: pb.TryRequest) -> None:
    async def story(stage: Stage) -> None:
        call = stage.agent.Try()
        await call.write(wrong)

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert not stage.core.scheduler.values()

    play(tmp_path, story)


def test_what_was_on_trial_when_the_agent_was_killed_is_taken_back(tmp_path: Path) -> None:
    note = tmp_path / "trial"

    async def cut_short(stage: Stage) -> None:
        await stage.agent.Apply(first(interface("a", mtu=1500)).apply)
        trials = Trials(stage.core.orchestrator, note)
        items = {A: Item(interface("a", mtu=1400)), keys.interface("b"): Item(interface("b"))}
        await trials.begin(Wish(source="grpc", changes=items, revert=True))
        assert mtu(stage) == 1400

    async def next_life(stage: Stage) -> None:
        await seen(stage, A, ValueState.CONFIGURED)
        assert list(stage.core.scheduler.values()) == [A]
        assert mtu(stage) == 1500

    play(tmp_path, cut_short)
    assert note.stat().st_mode & 0o777 == 0o600
    play(tmp_path, next_life, trial_note=note)

    assert not note.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"source": 1}', '{"source": "", "before": 7}'])
def test_a_damaged_note_stops_nobody(tmp_path: Path, text: str) -> None:
    note = tmp_path / "trial"
    note.write_text(text)

    async def story(stage: Stage) -> None:
        await stage.agent.Apply(first(interface("a")).apply)

    play(tmp_path, story, trial_note=note)

    assert not note.exists()
    assert note.with_suffix(".damaged").read_text() == text


def test_a_trial_that_is_cancelled_before_its_turn_leaves_nothing(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        trials = Trials(stage.core.orchestrator)
        beginning = asyncio.create_task(
            trials.begin(Wish(source="grpc", changes={A: Item(interface("a"))}, revert=True))
        )
        await asyncio.sleep(0)
        beginning.cancel()
        await asyncio.wait([beginning])

        await trials.close()

        assert not stage.core.scheduler.values()

    play(tmp_path, story)
