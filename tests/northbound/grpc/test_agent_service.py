# SPDX-License-Identifier: Apache-2.0
"""Our own service: plans before changes, reasons for states, histories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc
import pytest

from kvs_agent.cli.remote import reading
from kvs_agent.northbound.grpc import wire
from kvs_agent.orchestrator import Item, Wish
from kvs_descriptors.linux import keys
from kvs_proto.agent.v1 import agent_pb2 as pb
from kvscheduler import Depends, InvalidValue, Southbound, ValueState
from ligato.netalloc.netalloc_pb2 import IPAllocation
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
    shelves,
)

A, B = keys.interface("a"), keys.interface("b")


def change(*values: Any, **more: Any) -> pb.Change:
    return pb.Change(values=config(*values), **more)


async def apply(stage: Stage, *values: Any, **more: Any) -> pb.Result:
    answer = await stage.agent.Apply(pb.ApplyRequest(change=change(*values), **more))
    result: pb.Result = answer.result
    return result


async def planned(stage: Stage, *values: Any, **more: Any) -> pb.Plan:
    answer = await stage.agent.Plan(pb.PlanRequest(change=change(*values, **more)))
    plan: pb.Plan = answer.plan
    return plan


async def got(stage: Stage, **request: Any) -> dict[str, pb.GetResponse.Value]:
    answers = stage.agent.Get(pb.GetRequest(**request))
    return {one.key: one async for answer in answers for one in answer.values}


def test_a_plan_reads_as_the_engines_own_and_changes_nothing(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await apply(stage, interface("a"), interface("c"), route("10.0.0.0/8", "c"))
        values = interface("a", mtu=1400), interface("b"), route("10.1.0.0/16", "none")
        items = {A: values[0], B: values[1], keys.route("10.1.0.0/16", "none"): values[2]}
        wish = Wish(
            source="grpc", changes={key: Item(one) for key, one in items.items()}, replace=True
        )

        made = await planned(stage, *values, replace=True)

        own = stage.core.orchestrator.plan(wish)
        assert reading.plan(made).render() == own.render()
        assert reading.plan(made).to_dict() == own.to_dict()
        assert "1 to create, 1 to update" in own.render()
        assert sorted(stage.core.scheduler.values())[:2] == [A, keys.interface("c")]

    play(tmp_path, story)


def test_a_plan_of_a_resync_shows_drift(tmp_path: Path) -> None:
    interfaces, routes = shelves()

    async def story(stage: Stage) -> None:
        await apply(stage, interface("a"))
        del interfaces.held[A]
        request = pb.PlanRequest(resync=pb.RESYNC_KIND_DOWNSTREAM, refresh=True)

        drift = (await stage.agent.Plan(request)).plan
        mended = (await stage.agent.Resync(pb.ResyncRequest())).result
        upstream = pb.PlanRequest(resync=pb.RESYNC_KIND_UPSTREAM)

        assert [(one.kind, one.key) for one in drift.operations] == [(pb.Operation.KIND_CREATE, A)]
        assert [one.operation.key for one in mended.operations] == [A]
        assert not (await stage.agent.Plan(upstream)).plan.operations

    play(tmp_path, story, interfaces, routes)


def test_what_was_planned_is_applied_or_nothing_is(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        mark = (await planned(stage, interface("a"))).mark

        other = await refused(
            stage.agent.Apply(pb.ApplyRequest(change=change(interface("b")), expect=mark))
        )
        result = await apply(stage, interface("a"), expect=mark)
        moved = await refused(
            stage.agent.Apply(pb.ApplyRequest(change=change(interface("a")), expect=mark))
        )

        assert other.code() is moved.code() is grpc.StatusCode.ABORTED
        assert result.ok
        assert list(stage.core.scheduler.values()) == [A]

    play(tmp_path, story)


class Restless(Interfaces):
    """Has news of something else each time it is asked while a plan is made."""

    def attach(self, southbound: Southbound) -> None:
        self.southbound = southbound
        self.news = 0

    def dependencies(self, key: str, value: Any) -> list[Depends]:
        if key == A and self.news < 4:
            self.news += 1
            other = interface("other", mtu=1000 + self.news)
            self.southbound.notify({keys.interface("other"): other})
        return []


def test_news_that_change_no_plan_stop_nobody(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        mark = (await planned(stage, interface("a"))).mark

        result = await apply(stage, interface("a"), expect=mark)

        assert result.ok
        assert stage.core.scheduler.values()[A].name == "a"

    play(tmp_path, story, Restless(), Routes())


def test_with_revert_it_is_all_or_nothing(tmp_path: Path) -> None:
    interfaces, routes = shelves()
    interfaces.fails.add(B)

    async def story(stage: Stage) -> None:
        result = await apply(stage, interface("a"), interface("b"), revert=True)

        assert (result.ok, result.reverted) == (False, True)
        assert "no room on the shelf" in result.errors[B]
        assert any(one.reverts for one in result.operations)
        assert not interfaces.held
        assert not stage.core.orchestrator.holdings.of_source("grpc")

    play(tmp_path, story, interfaces, routes)


def test_how_often_it_is_tried_again_is_the_callers_choice(tmp_path: Path) -> None:
    interfaces, routes = shelves()
    interfaces.fails.add(A)

    async def story(stage: Stage) -> None:
        never = pb.RetryPolicy(max_attempts=0)

        result = await apply(stage, interface("a"), retry=never, wait=True)

        assert result.settled
        assert [one.state for one in result.statuses] == [wire.STATES[ValueState.FAILED]]
        nonsense = pb.ApplyRequest(retry=pb.RetryPolicy(factor=0.5))
        error = await refused(stage.agent.Apply(nonsense))
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT

    play(tmp_path, story, interfaces, routes)


def test_waiting_tells_how_values_stand_when_time_is_up(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        result = await apply(stage, route("10.0.0.0/8", "a"), wait=True, wait_s=0.05)
        later = await apply(stage, interface("a"), wait=True)

        (status,) = result.statuses
        assert not result.settled
        assert (status.state, status.unmet[0].key) == (wire.STATES[ValueState.PENDING], A)
        assert list(status.sources) == ["grpc"]
        assert later.settled

    play(tmp_path, story)


def test_a_change_has_a_source_labels_and_a_description(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        told = change(interface("a"), source="console", labels={"who": "me"})
        request = pb.ApplyRequest(change=told, description="by hand", labels={"ticket": "7"})
        await stage.agent.Apply(request)

        (value,) = (await got(stage)).values()
        last = stage.core.scheduler.history[-1]

        assert (list(value.sources), dict(value.labels)) == (["console"], {"who": "me"})
        assert last.description == "by hand"
        assert last.labels["ticket"] == "7"

    play(tmp_path, story)


def test_values_come_as_any_as_well_and_go_by_key(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        packed = pb.Change()
        packed.items.add().Pack(
            IPAllocation(network_name="n", interface_name="a", address="1.2.3.4")
        )
        await stage.agent.Apply(pb.ApplyRequest(change=packed))
        await apply(stage, interface("a"))

        await stage.agent.Apply(pb.ApplyRequest(change=pb.Change(deletes=[A])))

        assert list(await got(stage)) == ["config/netalloc/v1/ip/network/n/interface/a"]

    play(tmp_path, story)


@pytest.mark.parametrize(
    "wrong",
    [
        change(interface("a"), deletes=[A]),
        change(deletes=[""]),
        change(interface("a"), source="etcd"),
        change(interface("")),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(tmp_path: Path, wrong: pb.Change) -> None:
    async def story(stage: Stage) -> None:
        calls = (
            stage.agent.Plan(pb.PlanRequest(change=wrong)),
            stage.agent.Apply(pb.ApplyRequest(change=wrong)),
            stage.agent.Validate(pb.ValidateRequest(change=wrong)),
        )

        codes = {(await refused(call)).code() for call in calls}

        assert codes == {grpc.StatusCode.INVALID_ARGUMENT}

    play(tmp_path, story)


def test_protected_values_are_told_of_in_plans_and_kept(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await apply(stage, interface("a", protected=True))

        plan = await planned(stage, replace=True)
        error = await refused(stage.agent.Apply(pb.ApplyRequest(change=pb.Change(deletes=[A]))))

        assert [one.key for one in plan.protected] == [A]
        assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert list(stage.core.scheduler.values()) == [A]

    play(tmp_path, story)


def test_values_are_shown_as_wanted_as_known_and_live(tmp_path: Path) -> None:
    interfaces, routes = shelves()

    async def story(stage: Stage) -> None:
        await apply(stage, interface("a"), route("10.0.0.0/8", "none"))
        await stage.core.orchestrator.change("etcd", {A: Item(interface("a", mtu=9000))})
        interfaces.held[B] = interface("b")

        desired = await got(stage, prefix=A)
        configured = await got(stage, view=pb.VIEW_CONFIGURED)
        live = await got(stage, view=pb.VIEW_LIVE)
        of_etcd = await got(stage, source="etcd")

        assert list(desired[A].sources) == ["grpc", "etcd"]
        assert json.loads(desired[A].value) == {"name": "a", "type": "DUMMY", "enabled": True}
        assert list(configured) == [A]
        assert list(live) == [A, B]
        assert json.loads(of_etcd[A].value)["mtu"] == 9000

    play(tmp_path, story, interfaces, routes)


def test_a_value_that_is_not_there_is_explained(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await apply(stage, route("10.0.0.0/8", "a"))
        key = keys.route("10.0.0.0/8", "a")

        status = (await stage.agent.Explain(pb.ExplainRequest(key=key))).status
        unknown = await refused(stage.agent.Explain(pb.ExplainRequest(key="10.0.0.0/8/a")))

        assert reading.status(status) == stage.core.scheduler.status(key)
        assert unknown.code() is grpc.StatusCode.NOT_FOUND
        assert f"did you mean {key}?" in (unknown.details() or "")

    play(tmp_path, story)


def test_statuses_are_told_by_prefix_and_state(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await apply(stage, interface("a"), interface("b"), route("10.0.0.0/8", "none"))

        async def told(**request: Any) -> list[str]:
            answers = stage.agent.Statuses(pb.StatusesRequest(**request))
            return [one.key async for answer in answers for one in answer.statuses]

        pending: Any = wire.STATES[ValueState.PENDING]
        assert await told(prefix=keys.INTERFACE) == [A, B]
        assert await told(states=[pending]) == [keys.route("10.0.0.0/8", "none")]

    play(tmp_path, story)


def test_a_watcher_sees_what_is_and_each_change(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await apply(stage, interface("a"))
        call = stage.agent.Watch(pb.WatchRequest(prefix=keys.INTERFACE))

        present = (await call.read()).status
        await apply(stage, interface("b"))
        made = (await call.read()).status
        call.cancel()

        assert [(one.key, one.state) for one in (present, made)] == [
            (A, wire.STATES[ValueState.CONFIGURED]),
            (B, wire.STATES[ValueState.CONFIGURED]),
        ]

    play(tmp_path, story)


def test_the_graph_is_that_of_the_engine(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await apply(stage, interface("a"), interface("b"), route("10.0.0.0/8", "a"))
        key = keys.route("10.0.0.0/8", "a")

        answers = [one async for one in stage.agent.Graph(pb.GraphRequest(prefix=keys.ROUTE))]

        nodes = [node for answer in answers for node in answer.nodes]
        edges = [edge for answer in answers for edge in answer.edges]
        assert [node.key for node in nodes] == [A, key]
        assert json.loads(nodes[0].value)["name"] == "a"
        assert [(edge.key, edge.needs, edge.relation) for edge in edges] == [
            (key, A, "depends-on")
        ]

    play(tmp_path, story)


async def pages(stage: Stage, size: int) -> list[list[str]]:
    found, before = [], 0
    while True:
        request = pb.HistoryRequest(page_size=size, before=before, operations=True)
        page = await stage.agent.History(request)
        found.append([step.key for one in page.transactions for step in one.steps])
        before = page.before
        if not before:
            return found


def test_the_history_is_told_in_pages_whether_written_or_not(tmp_path: Path) -> None:
    names = "abcde"

    async def story(stage: Stage) -> None:
        for name in names:
            await apply(stage, interface(name))
            if name == "c":
                past = stage.core.past
                assert past is not None
                past.add(*stage.core.scheduler.history)

        found = await pages(stage, 2)

        assert found == [[keys.interface(name) for name in page] for page in ("de", "bc", "a")]
        one = await stage.agent.Transaction(pb.TransactionRequest(number=4))
        (step,) = one.transaction.steps
        assert (step.key, json.loads(step.new)["name"]) == (keys.interface("d"), "d")
        none = await refused(stage.agent.Transaction(pb.TransactionRequest(number=6)))
        assert none.code() is grpc.StatusCode.NOT_FOUND

    play(tmp_path, story)


def test_a_timeline_tells_of_one_key(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await apply(stage, interface("a"))
        await apply(stage, interface("b"))
        await apply(stage, interface("a", mtu=1400), description="smaller")

        found = await stage.agent.Timeline(pb.TimelineRequest(key=A))
        never = await refused(stage.agent.Timeline(pb.TimelineRequest(key="never")))

        kinds = [one.kind for one in found.steps]
        assert kinds == [pb.Operation.KIND_CREATE, pb.Operation.KIND_UPDATE]
        assert [one.description for one in found.transactions][1] == "smaller"
        assert never.code() is grpc.StatusCode.NOT_FOUND

    play(tmp_path, story)


class Careful(Interfaces):
    def validate(self, key: str, value: Any) -> None:
        if value.mtu > 9216:
            raise InvalidValue("too large", ("mtu",))


def test_validation_names_the_value_and_needs_nothing_else(tmp_path: Path) -> None:
    interfaces, routes = Careful(), Routes()

    async def story(stage: Stage) -> None:
        values = interface("a", mtu=10_000), interface("b"), route("10.0.0.0/8", "none")
        request = pb.ValidateRequest(change=change(*values))

        errors = (await stage.agent.Validate(request)).errors

        assert {key: (one.message, list(one.fields)) for key, one in errors.items()} == {
            A: ("too large", ["mtu"])
        }
        assert not interfaces.held

    play(tmp_path, story, interfaces, routes)


def test_a_report_has_files_and_no_secrets(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await apply(stage, interface("a"))
        found: dict[str, bytes] = {}
        async for part in stage.agent.Report(pb.ReportRequest()):
            found[part.name] = found.get(part.name, b"") + part.data

        assert {"about.json", "desired.json", "drift.txt", "statuses.json"} <= set(found)
        assert json.loads(found["desired.json"])[A]["name"] == "a"

    play(tmp_path, story)


def test_info_says_which_agent_this_is(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await apply(stage, interface("a"))
        await seen(stage, A, ValueState.CONFIGURED)

        info = await stage.agent.Info(pb.InfoRequest())

        assert (info.name, info.label, info.ready) == ("test-agent", "test", True)
        assert list(info.sources) == ["grpc"]
        assert "engine" in [one.name for one in info.components]

    play(tmp_path, story)
