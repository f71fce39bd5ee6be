# SPDX-License-Identifier: Apache-2.0
"""Spans of transactions where OpenTelemetry is there, and nothing where it is not."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from kvs_agent import tracing
from kvscheduler import Scheduler, TransactionResult
from tests.engine.stage import Plain


class Failing(Plain):
    def create(self, key: str, value: Any) -> Any:
        if value == "bad":
            raise OSError("no")
        return Plain.create(self, key, value)


def result_of(**values: Any) -> TransactionResult:
    async def commit() -> TransactionResult:
        async with Scheduler([Failing()]) as scheduler:
            transaction = scheduler.transaction("a change", labels={"source": "grpc"})
            for name, value in values.items():
                transaction.set(f"a/{name}", value)
            return await transaction.commit()

    return asyncio.run(commit())


def spans(result: TransactionResult) -> Any:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    take = tracing.listener(provider)
    assert take is not None
    take(result)
    return exporter.get_finished_spans()


def test_a_transaction_is_a_span_and_its_operations_are_events() -> None:
    result = result_of(x=1, y=2)

    (span,) = spans(result)

    assert span.name == "kvscheduler.transaction"
    assert span.attributes["kvscheduler.description"] == "a change"
    assert span.attributes["kvscheduler.label.source"] == "grpc"
    assert [event.name for event in span.events] == ["create", "create"]
    assert span.events[0].attributes["kvscheduler.key"] == "a/x"
    took_s = (span.end_time - span.start_time) * 1e-9
    assert took_s == pytest.approx(result.duration_s, abs=1e-5)
    assert span.status.status_code is StatusCode.UNSET


def test_an_error_is_the_spans_status() -> None:
    (span,) = spans(result_of(x="bad"))

    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description.startswith("a/x: ")
    assert span.events[0].attributes["kvscheduler.error"].endswith("no")


def test_a_large_transaction_has_a_bounded_span() -> None:
    (span,) = spans(result_of(**{f"k{number}": number for number in range(500)}))

    assert span.attributes["kvscheduler.operations"] == 500
    assert len(span.events) == tracing.MAX_EVENTS


def test_without_opentelemetry_there_is_no_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)

    assert tracing.listener() is None
