# SPDX-License-Identifier: Apache-2.0
"""What values needed and brought along, at a time in the past as well as now."""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kvs_agent.recording import Revision
from kvscheduler import Depends, DependsOnAny, Descriptor, Scheduler

__all__ = ["Nodes", "Standing"]


class Standing:
    """What stood at one time, by key."""

    def __init__(self, revisions: Iterable[Revision]) -> None:
        self.by_key = {one.key: one for one in revisions}
        self._sorted: list[str] | None = None

    def matching(self, group: DependsOnAny, owner: str) -> list[str]:
        """Return the keys that meet a dependency on any of many."""
        if self._sorted is None:
            self._sorted = sorted(self.by_key)
        found = {key for prefix in group.prefixes for key in self._below(self._sorted, prefix)}
        return sorted(key for key in found if key != owner and group.matches(key))

    @staticmethod
    def _below(keys: Sequence[str], prefix: str) -> Iterator[str]:
        for at in range(bisect.bisect_left(keys, prefix), len(keys)):
            if not keys[at].startswith(prefix):
                return
            yield keys[at]


class Nodes:
    """Completes revisions with what the descriptors say of their values.

    What a value needs follows from the value alone. Descriptors are asked about those of today
    only: of a value that has changed since, what it waited for then is all that is known.
    ``key``: only this one will be asked about.
    """

    def __init__(self, scheduler: Scheduler, key: str = "") -> None:
        self._descriptors = {one.name: one for one in scheduler.descriptors}
        self._values = {
            **scheduler.values(key, "configured"),
            **scheduler.values(key, "desired"),
        }

    def whole(self, revision: Revision) -> Revision:
        """Return a revision with its descriptor, and the value that it has had all along."""
        value = revision.value
        if value is None and revision.until is None:
            value = self._values.get(revision.key)
        return dataclasses.replace(revision, value=value, descriptor=self.descriptor(revision))

    def descriptor(self, revision: Revision) -> str:
        """Return which descriptor served a value, "" for none."""
        return revision.descriptor or _serving(self._descriptors, revision.key)

    def label(self, revision: Revision) -> str:
        """Return the name of a value for people."""
        descriptor = self._descriptors.get(revision.descriptor)
        try:
            return descriptor.label(revision.key) if descriptor is not None else ""
        except Exception:  # noqa: BLE001 - a descriptor's, and no reason to show nothing
            return revision.key

    def targets(self, revision: Revision, standing: Standing) -> Iterator[dict[str, Any]]:
        """Yield what a value needs, and what it derives."""
        told = set()
        for need in self._needs(revision):
            if isinstance(need, DependsOnAny):
                label = need.label or f"any of {' or '.join(need.prefixes)}"
                matching = standing.matching(need, revision.key)
                yield _target("depends-on", label, "", matching)
            else:
                label = need.label or need.key
                yield _target("depends-on", label, need.key, standing.by_key)
            told.add(label)
        for label, key in revision.unmet:
            if label not in told and key != revision.base:
                yield _target("depends-on", label, key, standing.by_key)
        for key in revision.derived:
            yield _target("derives", key, key, standing.by_key)

    def _needs(self, revision: Revision) -> list[Depends | DependsOnAny]:
        descriptor = self._descriptors.get(revision.descriptor)
        today = self._values.get(revision.key)
        if descriptor is None or today is None or not _same(today, revision.value):
            return []
        try:
            return list(descriptor.dependencies(revision.key, today))
        except Exception:  # noqa: BLE001 - as above
            return []


def _same(one: object, other: object) -> bool:
    return one is other or bool(one == other)


def _serving(descriptors: Mapping[str, Descriptor[Any, Any]], key: str) -> str:
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


def _target(relation: str, label: str, key: str, found: Iterable[str]) -> dict[str, Any]:
    """Return a target; ``found`` holds the keys that match, or may."""
    matching = [key] if key and key in found else [] if key else list(found)
    return {"Relation": relation, "Label": label, "ExpectedKey": key, "MatchingKeys": matching}
