# SPDX-License-Identifier: Apache-2.0
"""Endpoints of network services as values, and what comes of them as properties."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kvscheduler import Descriptor

from ..interfaces import Interface, unconfigured
from ..notifications import Publish, unpublished
from ..serving.server import EndpointServer
from ..wire.links import Links
from .descriptor import EndpointDescriptor
from .meaning import Site
from .served import ServedDescriptor

__all__ = ["EndpointDescriptor", "ServedDescriptor", "Site", "descriptors"]


def descriptors(
    links: Links,
    server: EndpointServer,
    site: Site,
    *,
    interface: Interface = unconfigured,
    publish: Publish = unpublished,
    reserved: Callable[[], Iterable[str]] = tuple,
) -> tuple[Descriptor[Any, Any], ...]:
    """Return the descriptors of endpoints; they open and close the server themselves.

    ``interface`` says what is derived for the one interface of a ``single_client`` endpoint,
    ``publish`` is told which labels are advertised: see ``notifications``. ``reserved`` tells
    which interfaces are not to be given away: those of clients.
    """
    endpoints = EndpointDescriptor(links, server, site, interface, publish, reserved)
    return endpoints, ServedDescriptor(endpoints)
