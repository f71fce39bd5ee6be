# SPDX-License-Identifier: Apache-2.0
"""The server does what its OpenAPI description says, whatever it is asked: schemathesis tries."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import load_all_checks
from schemathesis.generation import GenerationMode

from kvs_agent.northbound.access import Role
from kvs_agent.northbound.rest import protobuf_schema, schemas
from kvs_agent.northbound.rest.endpoint import Endpoint
from kvs_agent.northbound.rest.openapi import description
from kvs_agent.northbound.rest.table import ENDPOINTS
from tests.northbound.rest.stage import Site, play, served

DESCRIPTION = description(ENDPOINTS, "agent", "1")
LABELS = [(one.method, one.path) for one in ENDPOINTS]
# Bounded, and the same each time.
TRIALS = settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
# What is right by its form can still be wrong, or be others'; failures of the southbound have a
# check of their own below.
LEFT_OUT = (
    *("not_a_server_error", "positive_data_acceptance", "ignored_auth"),
    *("ensure_resource_availability", "use_after_free", "max_response_time"),
    # Numbers as words, say, are what a query consists of.
    "negative_data_rejection",
)


class Background:
    """A server in a thread of its own: schemathesis waits for each answer."""

    def __init__(self) -> None:
        self.address = ""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(30)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(30)

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        # Its stage gives up after half a minute.
        async with served(rate_per_s=0.0, options={"patience_s": 600.0}) as site:
            self.address = f"http://{site.address}"
            self._ready.set()
            await self._end.wait()


@pytest.fixture(scope="module")
def background() -> Iterator[Background]:
    made = Background()
    made.start()
    yield made
    made.stop()


def checks() -> list[Any]:
    load_all_checks()
    known = schemathesis.checks.CHECKS.get_all()
    return [one for one in known if one.__name__ not in LEFT_OUT]


def can_be_wrong(endpoint: Endpoint) -> bool:
    """Tell whether there is anything about a request that can be wrong."""
    return endpoint.body is not None or any(
        one.kind in ("integer", "boolean") or one.choices for one in endpoint.parameters
    )


POSITIVE = [(one.method, one.path, GenerationMode.POSITIVE) for one in ENDPOINTS]
NEGATIVE = [
    (one.method, one.path, GenerationMode.NEGATIVE) for one in ENDPOINTS if can_be_wrong(one)
]


@pytest.mark.parametrize(("method", "path", "mode"), [*POSITIVE, *NEGATIVE])
def test_answers_are_as_described(
    background: Background, method: str, path: str, mode: GenerationMode
) -> None:
    schema: Any = schemathesis.openapi.from_dict(DESCRIPTION)
    operation = schema[path][method]
    chosen = checks()

    @TRIALS
    @given(st.data())
    def attempt(data: Any) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        response = case.call(base_url=background.address)
        case.validate_response(response, checks=chosen)
        if response.status_code >= 500:
            told = response.json()
            assert "Errors" in told or "graphviz" in told["Error"], told

    attempt()


def test_the_description_is_of_all_endpoints_and_says_which_role_each_takes() -> None:
    async def story(site: Site) -> None:
        told = await site.data("/openapi.json")

        assert told["openapi"] == "3.1.0"
        described = {
            (method.upper(), path): one
            for path, methods in told["paths"].items()
            for method, one in methods.items()
        }
        assert set(described) == set(LABELS)
        roles = {one.role.name.lower() for one in ENDPOINTS}
        assert {one["x-role"] for one in described.values()} == roles
        names = [one["operationId"] for one in described.values()]
        assert len(names) == len(set(names))

    play(story)


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    found = set(re.findall(r"#/components/schemas/(\w+)", str(DESCRIPTION)))

    assert found == set(DESCRIPTION["components"]["schemas"])
    assert set(schemas.components()) == found - {"Configuration"}


def test_every_endpoint_says_what_it_does_in_words_of_its_own() -> None:
    summaries = [one.summary for one in ENDPOINTS]

    assert len(summaries) == len(set(summaries))
    assert all(one.handler.__doc__ for one in ENDPOINTS)
    assert all(one.role is not Role.NONE or one.path[1:] in PROBES for one in ENDPOINTS)


PROBES = ("liveness", "readiness")


def test_a_configurations_schema_ends_where_messages_contain_themselves() -> None:
    from google.protobuf.struct_pb2 import Struct

    message: Any = Struct.DESCRIPTOR
    made = protobuf_schema.schema(message, protobuf_schema.NAMINGS["both"])

    assert made["properties"]["fields"]["additionalProperties"]["type"] == "object"
