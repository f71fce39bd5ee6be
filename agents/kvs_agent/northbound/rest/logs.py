# SPDX-License-Identifier: Apache-2.0
"""``/log``: which loggers there are, and how much each tells."""

from __future__ import annotations

import logging
from typing import Final

from kvs_agent.northbound.access import Role

from . import schemas
from .endpoint import JSON, Answer, Call, Endpoint, Fault, Parameter

__all__ = ["ENDPOINTS"]

GROUP: Final = "Log"
ROOT: Final = "root"
# The predecessor's levels, and what comes nearest to each.
LEVELS: Final = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "panic": logging.CRITICAL,
}
_SHOWN: Final = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "fatal",
}


async def log_list(_call: Call) -> Answer:
    """Return all loggers with their levels."""
    loggers = sorted(_loggers().items())
    return Answer([{"logger": name, "level": _level(one)} for name, one in loggers])


def _loggers() -> dict[str, logging.Logger]:
    known = logging.root.manager.loggerDict.items()
    found = {name: one for name, one in known if isinstance(one, logging.Logger)}
    return {ROOT: logging.root, **found}


def _level(logger: logging.Logger) -> str:
    number = logger.getEffectiveLevel()
    return _SHOWN[min(_SHOWN, key=lambda known: abs(known - number))]


async def log_set(call: Call) -> Answer:
    """Set how much a logger tells."""
    name, level = call.get("logger"), call.get("level").lower()
    logger = _loggers().get(name)
    if logger is None:
        raise Fault(404, f"there is no logger {name}: see /log/list")
    if level not in LEVELS:
        raise Fault(400, f'invalid log level: "{level}": one of {", ".join(LEVELS)}')
    logger.setLevel(LEVELS[level])
    return Answer({"logger": name, "level": level})


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/log/list",
        role=Role.READ,
        group=GROUP,
        summary="All loggers, and how much each tells",
        handler=log_list,
        answers={200: (JSON, schemas.listed("Logger"))},
    ),
    Endpoint(
        method="PUT",
        path="/log/{logger}/{level}",
        role=Role.WRITE,
        group=GROUP,
        summary="Set how much a logger tells",
        handler=log_set,
        parameters=(
            Parameter(name="logger", help="The logger's name.", place="path"),
            Parameter(
                name="level",
                help="trace, debug, info, warning, error, fatal or panic.",
                place="path",
            ),
        ),
        answers={200: (JSON, schemas.ref("Logger"))},
    ),
)
