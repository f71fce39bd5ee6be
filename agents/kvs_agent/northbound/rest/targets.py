# SPDX-License-Identifier: Apache-2.0
"""What values needed and brought along, at a time in the past as well as now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kvs_agent.recording import Revision
from kvscheduler import Descriptor, Scheduler

if TYPE_CHECKING:
    import networkx

__all__ = ["Nodes"]


class Nodes:
    """Completes revisions with what the descriptors and the graph of today say of them.

    A value's needs follow from the value alone: where it is the same today, they are known. Of
    one that has changed since, only what it waited for then was recorded.
    """

    def __init__(self, scheduler: Scheduler, *, has_graph: bool = True) -> None:
        self._descriptors = {one.name: one for one in scheduler.descriptors}
        self._graph: networkx.DiGraph[str] | None = scheduler.graph() if has_graph else None

    def descriptor(self, revision: Revision) -> str:
        """Return which descriptor served a value, "" for none."""
        if revision.descriptor:
            return revision.descriptor
        return serving(self._descriptors, revision.key)

    def label(self, revision: Revision) -> str:
        """Return the name of a value for people."""
        descriptor = self._descriptors.get(self.descriptor(revision))
        try:
            return descriptor.label(revision.key) if descriptor is not None else ""
        except Exception:  # noqa: BLE001 - a descriptor's, and no reason to show nothing
            return revision.key

    def value(self, revision: Revision) -> Any:
        """Return a revision's value; of one that stands now, the graph may know it alone."""
        if revision.value is None and self._graph is not None and revision.until is None:
            return self._graph.nodes.get(revision.key, {}).get("value")
        return revision.value

    def targets(
        self, revision: Revision, standing: Mapping[str, Revision]
    ) -> Iterator[dict[str, Any]]:
        """Yield what a value needs and derives; ``standing`` is what stood beside it."""
        for label, key in self._needs(revision):
            yield _target("depends-on", label, key, [key] if key in standing else [])
        for label, keys in self._any_of(revision).items():
            yield _target("depends-on", label, "", [key for key in keys if key in standing])
        for key in revision.derived:
            yield _target("derives", key, key, [key] if key in standing else [])

    def needed(self, revision: Revision) -> list[str]:
        """Return the keys that a value needs, as far as they are known."""
        return [need for need, _ in self._edges(revision)]

    def _edges(self, revision: Revision) -> Iterator[tuple[str, Mapping[str, Any]]]:
        graph = self._graph
        if graph is None or revision.key not in graph:
            return
        today = graph.nodes[revision.key].get("value")
        if today is revision.value or revision.value is None or today == revision.value:
            for _, need, data in graph.out_edges(revision.key, data=True):
                yield need, data

    def _needs(self, revision: Revision) -> list[tuple[str, str]]:
        found = {
            need: need for need, data in self._edges(revision) if data["relation"] == "depends-on"
        }
        found.update({key: label for label, key in revision.unmet if key and key != revision.base})
        return [(label, key) for key, label in sorted(found.items())]

    def _any_of(self, revision: Revision) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {label: [] for label, key in revision.unmet if not key}
        for need, data in self._edges(revision):
            if data["relation"] == "any-of":
                found.setdefault(str(data.get("label") or "any of several"), []).append(need)
        return found


def serving(descriptors: Mapping[str, Descriptor[Any, Any]], key: str) -> str:
    """Return the name of the descriptor that serves a key, "" for none."""
    best = ""
    for name, one in descriptors.items():
        try:
            fits = one.selects(key)
        except Exception:  # noqa: BLE001 - a descriptor's own; it then serves nothing
            fits = False
        if fits and (not best or len(one.key_prefix) > len(descriptors[best].key_prefix)):
            best = name
    return best


def _target(relation: str, label: str, key: str, matching: list[str]) -> dict[str, Any]:
    return {"Relation": relation, "Label": label, "ExpectedKey": key, "MatchingKeys": matching}
