# SPDX-License-Identifier: Apache-2.0
"""Metrics for Prometheus: the predecessor's names where it has them, and what it lacked."""

from __future__ import annotations

import itertools
import platform
import time
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from kvs_agent.core.calls import BUCKETS_S, Calls, Method
from kvs_agent.core.core import Core
from kvs_agent.core.health import State
from kvs_agent.recording.statistics import KINDS
from kvscheduler import TransactionResult

__all__ = ["Metrics"]

PREDECESSOR: Final = "ligato_kvscheduler_"
OWN: Final = "kvscheduler_"
# Seconds; a call of the kernel takes some tens of microseconds, a deadline is at 30 s.
CALL_BUCKETS: Final = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0)
TRANSACTION_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """All metrics of one agent; ``take`` is told of each finished transaction.

    Bounded: labels are descriptors, kinds, states and components, never keys.
    """

    def __init__(self, core: Core) -> None:
        self._counts = _Counts()
        self._registry = CollectorRegistry()
        self._registry.register(_Engine(core, self._counts))
        self._registry.register(_Health(core))
        self._registry.register(_Calls(core.calls))
        ProcessCollector(registry=self._registry)
        ProcessCollector(namespace="ligato", registry=self._registry)
        self._health = CollectorRegistry()
        self._health.register(_Health(core))
        self._transactions = Histogram(
            f"{PREDECESSOR}txn_duration_seconds",
            "How long transactions took, by their type.",
            ["txn_type"],
            buckets=TRANSACTION_BUCKETS,
            registry=self._registry,
        )
        self._calls = Histogram(
            f"{OWN}southbound_seconds",
            "How long calls of the southbound took, by descriptor, operation and outcome.",
            ["descriptor", "operation", "outcome"],
            buckets=CALL_BUCKETS,
            registry=self._registry,
        )

    def take(self, result: TransactionResult) -> None:
        """Count a finished transaction and its calls."""
        self._counts.processed += 1
        self._counts.failed += not result.ok
        self._counts.processing_s += result.duration_s
        self._transactions.labels(KINDS[result.kind]).observe(result.duration_s)
        for executed in result.operations:
            operation = executed.operation
            outcome = "ok" if executed.error is None else "error"
            self._calls.labels(operation.descriptor, operation.kind, outcome).observe(
                executed.duration_s
            )

    def text(self) -> str:
        """Return all metrics, as Prometheus reads them."""
        return generate_latest(self._registry).decode()

    def health_text(self) -> str:
        """Return the states of the agent and its parts alone."""
        return generate_latest(self._health).decode()


class _Counts:
    """What is counted beside the histograms."""

    __slots__ = ("failed", "processed", "processing_s")

    def __init__(self) -> None:
        self.processed = self.failed = 0
        self.processing_s = 0.0


class _Engine(Collector):
    """What is known at the moment of asking: queues and states."""

    def __init__(self, core: Core, counts: _Counts) -> None:
        self._core = core
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        yield self._build()
        counts, orchestrator = self._counts, self._core.orchestrator
        # The predecessor's counters lack the suffix that a counter has to have by now.
        yield _untyped("txn_processed", "How many transactions have ended.", counts.processed)
        yield _untyped("txn_dropped", "How many changes were refused.", orchestrator.turns.refused)
        yield GaugeMetricFamily(
            f"{PREDECESSOR}queue_capacity",
            "How many changes may wait.",
            value=orchestrator.max_waiting,
        )
        yield GaugeMetricFamily(
            f"{PREDECESSOR}queue_length", "How many changes wait.", value=orchestrator.waiting
        )
        waits = SummaryMetricFamily(
            f"{PREDECESSOR}queue_wait_seconds",
            "How long changes waited for their turn.",
            labels=["txn_type"],
        )
        turns = orchestrator.turns
        waits.add_metric([KINDS["transaction"]], turns.begun, turns.waited_s)
        yield waits
        taken = SummaryMetricFamily(
            f"{PREDECESSOR}txn_process_duration_seconds",
            "How long transactions took, by the part of the work.",
            labels=["slice"],
        )
        taken.add_metric(["processTransaction"], counts.processed, counts.processing_s)
        yield taken
        yield _untyped("txn_failed", "How many transactions had errors.", counts.failed, OWN)
        yield self._states()

    def _build(self) -> Metric:
        about = self._core.about
        system = f"{platform.system().lower()}/{platform.machine()}"
        build = GaugeMetricFamily(
            "ligato_build_info",
            "Which version this is.",
            labels=["version", "revision", "build_date", "built_by"],
        )
        by = f"Python {platform.python_version()} {system}"
        build.add_metric([about.version, "unknown", "unknown", by], 1)
        return build

    def _states(self) -> Metric:
        states = GaugeMetricFamily(
            f"{OWN}values", "How many values are in each state.", labels=["state"]
        )
        for state, count in self._core.feed.counts.items():
            states.add_metric([state.name], count)
        return states


def _untyped(name: str, text: str, value: float, prefix: str = PREDECESSOR) -> Metric:
    metric = Metric(f"{prefix}{name}", text, "unknown")
    metric.add_sample(f"{prefix}{name}", {}, value)
    return metric


class _Calls(Collector):
    """Calls by gRPC, under the names of the predecessor's library."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        labels = ["grpc_type", "grpc_service", "grpc_method"]
        started = CounterMetricFamily(
            "grpc_server_started", "How many calls were begun.", labels=labels
        )
        for method, count in self._calls.started.items():
            started.add_metric(_labels(method), count)
        yield started
        handled = CounterMetricFamily(
            "grpc_server_handled",
            "How many calls have ended, and how.",
            labels=[*labels, "grpc_code"],
        )
        for (method, code), count in self._calls.handled.items():
            handled.add_metric([*_labels(method), code], count)
        yield handled
        took = HistogramMetricFamily(
            "grpc_server_handling_seconds", "How long calls took.", labels=labels
        )
        for method, one in self._calls.took.items():
            bounds = [*map(str, BUCKETS_S), "+Inf"]
            buckets = list(zip(bounds, itertools.accumulate(one.counts), strict=True))
            took.add_metric(_labels(method), buckets, one.total_s)
        yield took


def _labels(method: Method) -> list[str]:
    return [method.kind, method.service, method.name]


class _Health(Collector):
    """The states of the agent and of what it depends on: 0 INIT, 1 OK, 2 ERROR."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        core = self._core
        service = GaugeMetricFamily(
            "service_health",
            "The agent's state: 0 INIT, 1 OK, 2 ERROR.",
            labels=["service"],
        )
        service.add_metric([core.about.label], core.health.state.value)
        yield service
        parts = GaugeMetricFamily(
            "service_dependency_health",
            "The states of its parts and sources: 0 INIT, 1 OK, 2 ERROR.",
            labels=["service", "dependency"],
        )
        since = GaugeMetricFamily(
            f"{OWN}component_ok_seconds",
            "For how long a part has been OK; 0 while it is not.",
            labels=["component"],
        )
        now = time.time()
        for name, one in core.health.components.items():
            parts.add_metric([core.about.label, name], one.state.value)
            is_ok = one.state is State.OK
            since.add_metric([name], max(0.0, now - one.changed) if is_ok else 0.0)
        yield parts
        yield since
        info = GaugeMetricFamily(
            "service_info",
            "Which agent this is.",
            labels=["service", "build_version", "build_date"],
        )
        info.add_metric([core.about.label, core.about.version, "unknown"], 1)
        yield info
