# SPDX-License-Identifier: Apache-2.0
"""Plans and statuses over the wire read the same as where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_agent.cli.remote import reading
from kvs_agent.northbound.grpc import wire
from kvs_agent.protection import Protected
from kvs_proto.agent.v1 import agent_pb2 as pb
from kvscheduler import InvalidValue, Operation, Origin, Plan, Unmet, ValueState, ValueStatus
from ligato.kvscheduler.value_status_pb2 import ValueState as WireState
from ligato.linux.interfaces.interface_pb2 import BridgeLink, Interface, VethLink

TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
VALUES = st.one_of(
    st.none(),
    TEXT,
    st.integers(0, 9),
    st.lists(TEXT, max_size=2),
    st.builds(
        Interface,
        name=TEXT,
        mtu=st.integers(0, 9216),
        enabled=st.booleans(),
        ip_addresses=st.lists(TEXT, max_size=2),
        veth=st.none() | st.builds(VethLink, peer_if_name=TEXT),
    ),
)
KEYS = TEXT.filter(bool)
OPERATIONS = st.builds(
    Operation,
    kind=st.sampled_from(["create", "update", "delete"]),
    key=KEYS,
    base=st.none() | KEYS,
    descriptor=TEXT,
    old=VALUES,
    new=VALUES,
    reason=TEXT,
    recreate=st.booleans(),
)


@st.composite
def plans(draw: Any) -> Plan:
    operations = draw(st.lists(OPERATIONS, max_size=6))
    count = len(operations)
    gate = tuple(range(count // 2))
    edges: list[tuple[int, ...]] = []
    for place in range(count):
        before = st.lists(st.integers(0, max(place - 1, 0)), max_size=3, unique=True)
        edges.append(tuple(draw(before)) if place else ())
    has_gate: bool = draw(st.booleans())
    if gate and has_gate:
        edges = [(*one, count) if place >= len(gate) else one for place, one in enumerate(edges)]
        edges.append(gate)
    reasons = st.dictionaries(KEYS, TEXT, max_size=3)
    invalid = draw(reasons)
    errors = {key: InvalidValue(text, ("field",)) for key, text in invalid.items()}
    return Plan(operations, edges, draw(reasons), invalid, draw(st.integers(0, 2**40)), errors)


@given(plan=plans())
def test_a_plan_over_the_wire_reads_the_same(plan: Plan) -> None:
    raw = wire.plan_to(plan).SerializeToString()

    again = reading.plan(pb.Plan.FromString(raw))

    assert again.render(color=True) == plan.render(color=True)
    assert again.to_dict() == plan.to_dict()
    assert again.to_dot() == plan.to_dot()
    assert again.edges == plan.edges
    assert again.revision == plan.revision
    assert {key: str(error) for key, error in again.errors.items()} == {
        key: str(error) for key, error in plan.errors.items()
    }


def test_a_message_of_many_fields_keeps_their_order() -> None:
    port = BridgeLink.Port(name="p")
    value = Interface(name="z", mtu=1, bridge=BridgeLink(ports=[port]), host_if_name="a")
    plan = Plan([Operation("create", "k", None, "d", None, value, "wanted")], [()])

    again = reading.plan(wire.plan_to(plan))

    assert again.render() == plan.render()


def test_what_is_protected_is_refused_by_whoever_rebuilds_the_plan() -> None:
    value = Interface(name="a", protected=True)
    plan = Plan([Operation("delete", "k", None, "d", value, None, "")], [()])

    made = wire.plan_to(plan)

    with pytest.raises(Protected, match="k is protected"):
        reading.check(made)


@pytest.mark.parametrize("after", [[1], [2**32 - 1]])
def test_a_plan_that_waits_for_what_is_not_in_it_is_none(after: list[int]) -> None:
    made = pb.Plan(operations=[pb.Operation(kind=pb.Operation.KIND_CREATE, after=after)])

    with pytest.raises(ValueError, match="not in it"):
        reading.plan(made)


def test_an_operation_of_an_unknown_kind_is_none() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        reading.plan(pb.Plan(operations=[pb.Operation(key="k")]))


def test_a_fingerprint_tells_plans_apart_that_look_the_same() -> None:
    def of(value: Any, reason: str = "") -> bytes:
        return wire.fingerprint(Plan([Operation("create", "k", None, "d", None, value, reason)]))

    assert of(Interface(name="a")) == of(Interface(name="a"), "put otherwise")
    assert of(Interface(name="a")) != of(Interface(name="b"))
    assert of("a") != of("b")


def test_a_status_over_the_wire_says_the_same() -> None:
    unmet = Unmet(label="l", key="k2", state=ValueState.FAILED, path=("k2", "k3"), cause="broken")
    derived = ValueStatus(key="d", base="k", state=ValueState.PENDING, origin=Origin.UNKNOWN)
    status = ValueStatus(
        key="k",
        base=None,
        state=ValueState.RETRYING,
        origin=Origin.NORTHBOUND,
        adopted=True,
        since=1.5,
        error=OSError("no \udcff room"),
        operation="create",
        unmet=(unmet,),
        derived=(derived,),
    )

    again = reading.status(wire.status_to(status, ["grpc"]))

    assert str(again.error) == "no ? room"
    assert again.unmet == status.unmet
    assert again.derived == status.derived
    assert (again.key, again.base, again.state, again.since) == ("k", None, status.state, 1.5)


@pytest.mark.parametrize("state", list(ValueState))
def test_states_have_the_predecessors_numbers(state: ValueState) -> None:
    assert WireState.Name(wire.STATES[state]) == state.name


def test_the_generated_services_are_those_of_the_protos() -> None:
    from kvs_agent.northbound.grpc.agent_service import AgentService
    from kvs_agent.northbound.grpc.trials import Trials

    core: Any = None
    described: Any = pb.DESCRIPTOR.services_by_name["AgentService"]
    methods = AgentService(core, Trials(core, Path("unused"))).methods

    assert set(methods) == set(described.methods_by_name)
