# SPDX-License-Identifier: Apache-2.0
"""Whether the agent is alive and ready, for supervisors and for people; metrics of it."""

from __future__ import annotations

import time
from typing import Any, Final

from kvs_agent.core.health import Component, Health
from kvs_agent.northbound.access import Role

from . import schemas
from .endpoint import JSON, PROMETHEUS, Answer, Call, Endpoint, Fault, Parameter
from .info import installed

__all__ = ["ENDPOINTS"]

GROUP: Final = "Health and metrics"
_TEXT: Final = "text/plain"


async def liveness(call: Call) -> Answer:
    """Tell whether the agent should be let go on."""
    health = call.service.core.health
    return Answer(_status(call), status=200 if health.is_alive else 500)


async def readiness(call: Call) -> Answer:
    """Tell whether all that was asked for has been taken in for the first time."""
    health = call.service.core.health
    data = {**_status(call), "interface_stats": {}}
    return Answer(data, status=200 if health.is_ready else 500)


def _status(call: Call) -> dict[str, Any]:
    core = call.service.core
    health: Health = core.health
    parts = list(health.components.values())
    built = time.strftime("%a %b %d %H:%M:%S UTC %Y", time.gmtime(installed()))
    return {
        "build_version": core.about.version,
        "build_date": built,
        "state": health.state.value,
        "start_time": int(core.about.started),
        "last_change": int(health.changed),
        "last_update": int(health.updated),
        "commit_hash": "unknown",
        "plugins": [_plugin(one) for one in parts],
        "PluginStatus": {one.name: _part(one) for one in parts},
        "NonFatalPlugins": [one.name for one in parts if not one.needed] or None,
    }


def _plugin(one: Component) -> dict[str, Any]:
    error = {"error": one.error} if one.error else {}
    return {"name": one.name, "state": one.state.value, **error}


def _part(one: Component) -> dict[str, Any]:
    error = {"error": one.error} if one.error else {}
    changed, updated = int(one.changed), int(one.updated)
    return {
        "state": one.state.value,
        "last_change": changed,
        "last_update": updated,
        **error,
    }


async def metrics(call: Call) -> Answer:
    """Return all metrics as Prometheus reads them."""
    call.service.following.catch_up()
    return Answer(call.service.metrics.text(), media=PROMETHEUS)


async def health(call: Call) -> Answer:
    """Return the states of the agent and its parts as Prometheus reads them."""
    return Answer(call.service.metrics.health_text(), media=PROMETHEUS)


async def model_metrics(call: Call) -> Answer:
    """Return the metrics of a model by its name."""
    name = call.get("model")
    model = call.service.models.get(name)
    if model is None:
        raise Fault(404, f"no model registered for name {name}")
    call.service.following.catch_up()
    return Answer(model())


def _probe(path: str, summary: str, handler: Any) -> Endpoint:
    shape = schemas.ref("Health")
    return Endpoint(
        method="GET",
        path=path,
        role=Role.NONE,
        group=GROUP,
        summary=summary,
        handler=handler,
        answers={200: (JSON, shape), 500: (JSON, shape)},
    )


ENDPOINTS: Final = (
    _probe("/liveness", "Whether the agent should be let go on: 200, or 500", liveness),
    _probe("/readiness", "Whether it has taken in all that was asked for: 200, or 500", readiness),
    Endpoint(
        method="GET",
        path="/metrics",
        role=Role.READ,
        group=GROUP,
        summary="All metrics, for Prometheus",
        handler=metrics,
        answers={200: (_TEXT, schemas.STRING)},
    ),
    Endpoint(
        method="GET",
        path="/health",
        role=Role.READ,
        group=GROUP,
        summary="The states of the agent and its parts, for Prometheus",
        handler=health,
        answers={200: (_TEXT, schemas.STRING)},
    ),
    Endpoint(
        method="GET",
        path="/metrics/{model}",
        role=Role.READ,
        group=GROUP,
        summary="The metrics of a model, as data",
        handler=model_metrics,
        parameters=(Parameter(name="model", help="The model's name.", place="path"),),
        answers={200: (JSON, schemas.OBJECT)},
    ),
)
