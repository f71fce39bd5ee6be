# SPDX-License-Identifier: Apache-2.0
"""What endpoints promise about names of interfaces, whoever asks in whichever order, and dies."""

from __future__ import annotations

import datetime
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kvs_descriptors.nsm import mechanisms, path
from kvs_descriptors.nsm.endpoints.meaning import Site, naming
from kvs_descriptors.nsm.endpoints.service import EndpointService
from kvs_descriptors.nsm.errors import Declined
from kvs_proto.networkservice.connection_pb2 import Connection
from kvs_proto.nsm.v1.endpoint_pb2 import HeldConnections
from tests.nsm.hosting import endpoint
from tests.nsm.serving import OURS

T = TypeVar("T")

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
SITE = Site(name="agent", namespace=OURS, sockets=Path("/run/memif"))
OFFERED = [mechanisms.kernel("theirs", OURS)]
ENDPOINTS = ("one", "other")
LABELS = {"a": {"app": "web"}, "b": {"app": "db"}, "c": {"app": "web"}, "d": {}}
WHO = st.tuples(st.sampled_from(ENDPOINTS), st.sampled_from(sorted(LABELS)))
RULES = st.fixed_dictionaries(
    {
        "interface_name_prefix": st.sampled_from(["n", "m"]),
        "interface_name_suffix_from_label": st.sampled_from(["", "", "app"]),
        "single_client": st.booleans(),
    }
)


def done(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine that never waits comes to."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waits")


def entered(identity: str, labels: dict[str, str], forwarder: str = "f") -> Connection:
    """Return a connection with the turn at an endpoint."""
    asked = path.begin(Connection(network_service="ns", labels=labels), forwarder, f"f-{identity}")
    end = NOW + datetime.timedelta(minutes=10)
    return path.sign(path.enter(asked, "e", lambda: identity), ("theirs", end), ("ours", end))


class Endpoints(RuleBasedStateMachine):
    """Two endpoints of one agent; the model is who holds which name, and what is journalled."""

    @initialize(one=RULES, other=RULES)
    def begin(self, one: dict[str, Any], other: dict[str, Any]) -> None:
        self.values = {
            "one": endpoint(name="one", **one),
            "other": endpoint(name="other", **other),
        }
        self.journal = {name: HeldConnections() for name in ENDPOINTS}
        self.names: dict[tuple[str, str], str] = {}
        self.last: dict[tuple[str, str], Connection] = {}
        self.services = {name: self._service(name) for name in ENDPOINTS}

    def _service(self, name: str) -> EndpointService:
        def others() -> set[str]:
            every = (one for key, one in self.services.items() if key != name)
            return {each for one in every for each in one.names}

        def changed(interface: str, found: object) -> None:
            self.journal[name] = HeldConnections.FromString(
                self.services[name].metadata.SerializeToString()
            )

        return EndpointService(self.values[name], SITE, others, changed, clock=lambda: NOW)

    @rule(who=WHO, forwarder=st.sampled_from("fg"))
    def asks(self, who: tuple[str, str], forwarder: str) -> None:
        self._ask(who, entered("-".join(who), LABELS[who[1]], forwarder))

    @precondition(lambda self: self.last)
    @rule(data=st.data())
    def refreshes(self, data: st.DataObject) -> None:
        who = data.draw(st.sampled_from(sorted(self.last)))
        self._ask(who, self.last[who])

    def _ask(self, who: tuple[str, str], connection: Connection) -> None:
        service = self.services[who[0]]
        try:
            made = done(service.request(connection, OFFERED, None))
        except Declined:
            assert who not in self.names
            return
        name = mechanisms.read_kernel(made.mechanism).name
        assert self.names.get(who, name) == name
        self.names[who] = name
        self.last[who] = made

    @precondition(lambda self: self.names)
    @rule(data=st.data())
    def goes(self, data: st.DataObject) -> None:
        who = data.draw(st.sampled_from(sorted(self.names)))
        done(self.services[who[0]].close(self.last[who]))
        del self.names[who], self.last[who]

    @rule()
    def dies_and_comes_back(self) -> None:
        self.services = {name: self._service(name) for name in ENDPOINTS}
        for name, service in self.services.items():
            service.take_up(self.journal[name])

    @precondition(lambda self: len(self.names) == len(self.last))
    @rule(name=st.sampled_from(ENDPOINTS))
    def loses_its_journal_and_clients_bring_their_names(self, name: str) -> None:
        """As long as nobody else comes first, all are called what they were."""
        self.journal[name] = HeldConnections()
        self.services[name] = self._service(name)
        for who in sorted((who for who in self.names if who[0] == name), reverse=True):
            self._ask(who, self.last[who])

    @invariant()
    def no_name_is_there_twice_and_each_client_has_its_own(self) -> None:
        if not hasattr(self, "services"):
            return
        held = [name for one in self.services.values() for name in one.connections]
        assert sorted(held) == sorted(self.names.values())
        assert len(set(held)) == len(held)

    @invariant()
    def what_is_held_is_journalled_without_secrets(self) -> None:
        for name, service in getattr(self, "services", {}).items():
            assert self.journal[name] == service.metadata
            for one in self.journal[name].held:
                assert one.life_s == 600.0
                assert all(not segment.token for segment in one.connection.path.path_segments)

    @invariant()
    def a_single_client_is_single_and_has_the_one_name(self) -> None:
        for name, service in getattr(self, "services", {}).items():
            rules = naming(self.values[name])
            if rules.is_single_client:
                assert len(service.connections) <= 1
            if rules.only:
                assert set(service.connections) <= {rules.only}


test_endpoints_keep_what_they_promise = Endpoints.TestCase
test_endpoints_keep_what_they_promise.settings = settings(stateful_step_count=25)


def test_more_is_not_kept_of_a_connection_than_there_is_room_for() -> None:
    service = EndpointService(endpoint(), SITE, set, lambda *_: None, clock=lambda: NOW)

    with pytest.raises(Declined, match="more than 16384 bytes are told of the connection: 2"):
        done(service.request(entered("c", {"app": "x" * 20_000}), OFFERED, None))

    assert not service.held
