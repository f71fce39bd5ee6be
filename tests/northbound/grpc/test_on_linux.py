# SPDX-License-Identifier: Apache-2.0
"""The same services over the real kernel, in network namespaces of the test's own."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.message import Message

from kvs_descriptors import linux
from kvs_descriptors.linux import keys
from kvs_proto.agent.v1 import agent_pb2 as pb
from kvscheduler import ValueState
from ligato.configurator import configurator_pb2
from ligato.configurator.configurator_pb2 import Config
from ligato.generic import manager_pb2
from ligato.linux.interfaces.interface_pb2 import Interface
from ligato.linux.interfaces.state_pb2 import InterfaceState
from ligato.linux.l3.route_pb2 import Route
from tests.linux.bench import Bench, veth
from tests.linux.conftest import bench, privileged  # noqa: F401 - fixtures
from tests.northbound.grpc.stage import Stage, play, seen


def cable(bench: Bench, *, mtu: int = 0) -> list[Message]:  # noqa: F811 - the fixture's
    return [
        veth("red", "blue", "left", "10.9.0.1/24", mtu=mtu),
        veth("blue", "red", "right", "10.9.0.2/24"),
        Route(outgoing_interface="red", dst_network="10.20.0.0/16", gw_addr="10.9.0.2"),
    ]


def config(values: list[Message]) -> Config:
    made = Config()
    for value in values:
        held: Any = made.linux_config
        (held.interfaces if isinstance(value, Interface) else held.routes).append(value)
    return made


def act(bench: Bench, story: Callable[[Stage], Awaitable[None]]) -> None:  # noqa: F811
    descriptors = linux.descriptors(kernel=bench.kernel, watch=True)
    play(bench.folder.parent, story, *descriptors)


def update(values: list[Message], **more: Any) -> configurator_pb2.UpdateRequest:
    return configurator_pb2.UpdateRequest(update=config(values), **more)


async def inside(bench: Bench, namespace: str, *command: str) -> None:  # noqa: F811
    """Run a program in a namespace, as somebody else."""
    enter = ["nsenter", f"--net={bench.path(namespace)}"]
    await asyncio.to_thread(subprocess.run, [*enter, *command], check=True)


def test_a_configuration_is_there_when_the_update_has_waited(bench: Bench) -> None:  # noqa: F811
    async def story(stage: Stage) -> None:
        await stage.configurator.Update(update(cable(bench), wait_done=True))

        assert bench.texts("left", "red") == {"10.9.0.1/24"}
        assert bench.texts("right", "blue") == {"10.9.0.2/24"}
        (route,) = bench.ip("left", "route", "show", "10.20.0.0/16")
        assert route["gateway"] == "10.9.0.2"

        gone = configurator_pb2.DeleteRequest(delete=config(cable(bench)), wait_done=True)
        await stage.configurator.Delete(gone)

        assert bench.listing() == set()

    act(bench, story)


def test_a_dump_and_the_state_are_the_kernels(bench: Bench) -> None:  # noqa: F811
    async def story(stage: Stage) -> None:
        await stage.configurator.Update(update(cable(bench, mtu=1400), wait_done=True))

        dump = (await stage.configurator.Dump(configurator_pb2.DumpRequest())).dump
        ids = [manager_pb2.Item.ID(model="linux.interfaces.interface", name="red")]
        state = await stage.manager.DumpState(manager_pb2.DumpStateRequest(ids=ids))

        found = {one.name: one for one in dump.linux_config.interfaces}
        assert (found["red"].mtu, found["red"].type) == (1400, Interface.VETH)
        (red,) = state.items
        link = bench.link("left", "red")
        assert red.metadata["index"] == str(link["ifindex"])
        assert red.metadata["host_if_name"] == "red"

    act(bench, story)


def test_a_kernel_that_refuses_is_quoted_and_all_is_undone(bench: Bench) -> None:  # noqa: F811
    async def story(stage: Stage) -> None:
        await stage.configurator.Update(update(cable(bench), wait_done=True))
        await inside(bench, "left", "ip", "link", "add", "taken", "type", "veth")
        before = bench.names("left")
        wrong = config([veth("taken", "other", "left"), veth("other", "taken", "left", mtu=1300)])
        request = pb.ApplyRequest(change=pb.Change(values=wrong), revert=True)

        result = (await stage.agent.Apply(request)).result

        assert (result.ok, result.reverted) == (False, True)
        assert keys.interface("taken") in result.errors
        assert bench.names("left") == before
        assert bench.texts("left", "red") == {"10.9.0.1/24"}

    act(bench, story)


def test_what_others_do_is_told_of_and_mended(bench: Bench) -> None:  # noqa: F811
    async def story(stage: Stage) -> None:
        await stage.configurator.Update(update(cable(bench), wait_done=True))
        told = stage.configurator.Notify(configurator_pb2.NotifyRequest())
        index = bench.link("left", "red")["ifindex"]

        await inside(bench, "left", "ip", "link", "delete", "red")

        state = InterfaceState()
        while state.name != "red" or state.if_index in {0, index}:
            state = (await told.read()).notification.linux_notification.interface.state
        told.cancel()
        assert state.admin_status == InterfaceState.UP
        assert state.if_index == bench.link("left", "red")["ifindex"]
        await seen(stage, keys.route("10.20.0.0/16", "red"), ValueState.CONFIGURED)
        assert bench.texts("left", "red") == {"10.9.0.1/24"}

    act(bench, story)


def test_a_plan_over_the_wire_is_what_the_kernel_gets(bench: Bench) -> None:  # noqa: F811
    async def story(stage: Stage) -> None:
        request = pb.PlanRequest(change=pb.Change(values=config(cable(bench))))
        plan = (await stage.agent.Plan(request)).plan

        apply = pb.ApplyRequest(change=request.change, expect=plan.mark, wait=True)
        result = (await stage.agent.Apply(apply)).result

        planned = sorted((one.kind, one.key) for one in plan.operations)
        assert (
            sorted((one.operation.kind, one.operation.key) for one in result.operations) == planned
        )
        assert all(one.state == 4 for one in result.statuses)
        shown = {one.key: one async for part in stage.agent.Get(live()) for one in part.values}
        assert json.loads(shown[keys.interface("red")].value)["veth"] == {"peerIfName": "blue"}

    act(bench, story)


def live() -> pb.GetRequest:
    return pb.GetRequest(prefix=keys.INTERFACE, view=pb.VIEW_LIVE)


def test_our_own_namespace_is_told_of_in_full(bench: Bench) -> None:  # noqa: F811
    async def story(stage: Stage) -> None:
        name, peer = bench.host("a"), bench.host("b")
        ends = [veth(name, peer), veth(peer, name)]

        await stage.configurator.Update(update(list(ends), wait_done=True))

        told = stage.configurator.Notify(configurator_pb2.NotifyRequest())
        first = (await told.read()).notification.linux_notification.interface.state
        told.cancel()
        link = bench.link("", first.internal_name)
        assert first.name in {name, peer}
        assert first.phys_address == link["address"]
        assert (first.if_index, first.mtu) == (link["ifindex"], link["mtu"])
        await stage.configurator.Update(update([], full_resync=True, wait_done=True))
        assert bench.link("", name) is None

    act(bench, story)
