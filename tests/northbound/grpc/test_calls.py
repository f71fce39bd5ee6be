# SPDX-License-Identifier: Apache-2.0
"""Calls are counted, by method and by how they ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvs_agent.core.calls import BUCKETS_S, Calls, Method
from kvs_agent.metrics import Metrics
from kvs_proto.agent.v1 import agent_pb2 as pb
from tests.northbound.grpc.stage import Stage, play, refused

SERVICE = "kvscheduler.agent.v1.AgentService"
EXPLAIN = Method("unary", SERVICE, "Explain")
ONE = Method("unary", "s", "m")


def test_calls_are_counted_by_how_they_end(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.agent.Info(pb.InfoRequest())
        await refused(stage.agent.Explain(pb.ExplainRequest(key="never")))
        await refused(stage.agent.Explain(pb.ExplainRequest(key="never")))

        calls, text = stage.core.calls, Metrics(stage.core).text()

        assert calls.handled[Method("unary", SERVICE, "Info"), "OK"] == 1
        assert calls.handled[EXPLAIN, "NotFound"] == 2
        assert calls.started[Method("server_stream", SERVICE, "Watch")] == 0
        labels = f'grpc_method="Explain",grpc_service="{SERVICE}",grpc_type="unary"'
        assert f"grpc_server_started_total{{{labels}}} 2.0" in text
        assert f'grpc_server_handled_total{{grpc_code="NotFound",{labels}}} 2.0' in text
        assert "grpc_server_handling_seconds_bucket{" in text

    play(tmp_path, story)


def test_a_call_that_is_cut_short_was_cancelled() -> None:
    calls = Calls()

    with pytest.raises(GeneratorExit), calls.counted(ONE):
        raise GeneratorExit

    assert dict(calls.handled) == {(ONE, "Canceled"): 1}


def test_how_long_calls_took_is_counted_in_buckets() -> None:
    now = 0.0
    calls = Calls(clock=lambda: now)
    for seconds in (0.001, BUCKETS_S[0], 0.3, 60.0):
        with calls.counted(ONE):
            now += seconds

    took = calls.took[ONE]
    assert took.counts[0] == 2
    assert (took.counts[BUCKETS_S.index(0.5)], took.counts[-1], sum(took.counts)) == (1, 1, 4)
    assert took.total_s == pytest.approx(60.306)
