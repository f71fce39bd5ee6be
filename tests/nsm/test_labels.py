# SPDX-License-Identifier: Apache-2.0
"""Which endpoints a client may get: as the mesh's sdk says."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvs_descriptors.nsm import labels
from kvs_proto.registry.registry_pb2 import (
    Destination,
    Match,
    Metadata,
    NetworkService,
    NetworkServiceEndpoint,
    NetworkServiceLabels,
)
from tests.nsm.oracle import Oracle

KEYS = st.sampled_from(["app", "zone", "a-b"])
VALUES = st.sampled_from(["web", "db", "", "{{.app}}", "{{ .zone }}", 'x-{{index . "a-b"}}'])
LABELS = st.dictionaries(KEYS, VALUES, max_size=3)
ROUTES = st.lists(st.builds(Destination, destination_selector=LABELS), max_size=3)
MATCHES = st.builds(
    Match,
    source_selector=LABELS,
    routes=ROUTES,
    metadata=st.none() | st.builds(Metadata),
    fallthrough=st.booleans(),
)
SERVICES = st.builds(NetworkService, name=st.just("ns"), matches=st.lists(MATCHES, max_size=3))


@st.composite
def endpoints(draw: st.DrawFn) -> list[NetworkServiceEndpoint]:
    """Return some endpoints of the service, with labels or without."""
    offered = []
    for number in range(draw(st.integers(0, 4))):
        endpoint = NetworkServiceEndpoint(name=f"e{number}")
        if draw(st.booleans()):
            told = NetworkServiceLabels(labels=draw(LABELS))
            endpoint.network_service_labels["ns"].CopyFrom(told)
        offered.append(endpoint)
    return offered


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SERVICES, LABELS, endpoints())
def test_a_client_gets_the_endpoints_that_the_sdk_gives_it(
    oracle: Oracle,
    service: NetworkService,
    client: dict[str, str],
    offered: list[NetworkServiceEndpoint],
) -> None:
    found = labels.candidates(service, client, offered)

    assert [one.name for one in found] == oracle.candidates(service, client, offered)


@given(LABELS, LABELS)
def test_more_labels_never_take_a_selection_away(
    some: dict[str, str], selector: dict[str, str]
) -> None:
    if labels.is_selected(some, selector, {}):
        assert labels.is_selected({**some, "further": "one"}, selector, {})


def test_a_label_of_the_client_is_filled_into_a_selector() -> None:
    client = {"tenant": "red"}

    assert labels.is_selected({"for": "red"}, {"for": "{{.tenant}}"}, client)
    assert not labels.is_selected({"for": "blue"}, {"for": "{{.tenant}}"}, client)
