# SPDX-License-Identifier: Apache-2.0
"""Which endpoints a client may get: by its labels, theirs and the network service's rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from kvs_proto.registry.registry_pb2 import Match, NetworkService, NetworkServiceEndpoint

__all__ = ["candidates", "is_selected"]

# What Go's templates put where a field is missing; an index that is missing gives nothing.
_NO_VALUE = "<no value>"
# Go's templates as far as selectors use them: the value of one of the client's labels.
_LABEL = re.compile(r'{{\s*(?:\.([A-Za-z_]\w*)|index \. "([^"\\]*)")\s*}}')


def is_selected(
    labels: Mapping[str, str], selector: Mapping[str, str], client: Mapping[str, str]
) -> bool:
    """Tell whether labels have all that a selector names, the client's labels filled into it."""
    if len(labels) < len(selector):
        return False
    return all(
        labels.get(key, "") in {wanted, _filled(wanted, client)}
        for key, wanted in selector.items()
    )


def candidates(
    service: NetworkService,
    client: Mapping[str, str],
    endpoints: Iterable[NetworkServiceEndpoint],
) -> list[NetworkServiceEndpoint]:
    """Return the endpoints that a client with these labels may get, the preferred ones first."""
    offered = list(endpoints)
    if not service.matches:
        return offered
    for match in service.matches:
        if not is_selected(client, match.source_selector, client):
            continue
        found = _routed(match, service.name, client, offered)
        if found or not match.fallthrough:
            takes_all = match.HasField("metadata") and not match.routes
            return offered if takes_all else found
    return []


def _routed(
    match: Match,
    service: str,
    client: Mapping[str, str],
    offered: Iterable[NetworkServiceEndpoint],
) -> list[NetworkServiceEndpoint]:
    return [
        endpoint
        for route in match.routes
        for endpoint in offered
        if is_selected(_labels(endpoint, service), route.destination_selector, client)
    ]


def _labels(endpoint: NetworkServiceEndpoint, service: str) -> Mapping[str, str]:
    # Asking a map of messages for a key that it has not would add it.
    if service not in endpoint.network_service_labels:
        return {}
    return endpoint.network_service_labels[service].labels


def _filled(text: str, client: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        field, index = found.groups()
        return client.get(index, "") if field is None else client.get(field, _NO_VALUE)

    return _LABEL.sub(value, text)
