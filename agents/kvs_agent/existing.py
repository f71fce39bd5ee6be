# SPDX-License-Identifier: Apache-2.0
"""Taking over what others configured: found, planned, marked in one transaction, and written."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from google.protobuf.message import Message

from kvs_descriptors.linux import Kernel, NamespaceGone, keys, strangers, with_namespaces
from kvs_descriptors.linux.places import OWN
from kvs_descriptors.linux.strangers import Findings, Left, Request, Taking
from kvscheduler import ClaimConflict, Plan, Scheduler, SchedulerError, Transaction
from kvscheduler.render import printable
from ligato.configurator.configurator_pb2 import Config

from .models import MODELS
from .wiring import DEADLINE_S, MAX_PARALLEL

__all__ = ["Existing", "Found", "ImportRefused", "Request", "told", "written"]

DERIVED = re.compile(r"linux/interface/([^/]+)/.*")
TITLE = "# Made by kvsctl import-existing."


class ImportRefused(SchedulerError):
    """Nothing can be taken over as things are; the message says what to do first."""


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What can be taken over, and the plan that does it."""

    findings: Findings
    transaction: Transaction
    plan: Plan

    def check(self) -> None:
        """Refuse a plan that would do more than to take over."""
        for one in self.plan.operations:
            is_meant = (one.base or one.key) in self.findings.values
            if one.kind != "create" or not (is_meant or one.key in self.findings.inside):
                what = f"{one.kind} {one.key}"
                text = f"kvsctl has work to do first ({what}): kvsctl repair does it"
                raise ImportRefused(text)


class Existing:
    """An engine that takes over: see ``kvs_descriptors.linux.strangers``."""

    def __init__(
        self,
        state: Path | None,
        *,
        owner: str = "kvs",
        kernel: Kernel | None = None,
        max_parallel: int = MAX_PARALLEL,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._kernel = kernel or Kernel(owner)
        self._taking = Taking()
        self.scheduler = Scheduler(
            strangers.descriptors(self._kernel, self._taking),
            journal=state,
            recover=False,
            max_parallel=max_parallel,
            deadline_s=deadline_s,
        )

    async def find(self, namespaces: Sequence[str], request: Request) -> Found:
        """Look at our own namespace and at named ones, and plan; nothing is changed."""
        wanted = self.scheduler.values(view="desired")
        try:
            findings = await strangers.find(self._kernel, [OWN, *namespaces], request, wanted)
        except NamespaceGone as error:
            raise ImportRefused(str(error)) from error
        while True:
            transaction = await self._begin(findings)
            dropped, plan = _dropped(transaction, findings)
            if plan is not None and not dropped:
                return Found(findings, transaction, plan)
            findings = findings.without(dropped)

    async def _begin(self, findings: Findings) -> Transaction:
        values = with_namespaces(findings.values)
        self._taking.begin(findings.taken, findings.inside)
        await self.scheduler.refresh(wanted=values)
        # A failure takes back the marks that were set before it.
        transaction = self.scheduler.transaction("kvsctl import-existing", revert=True)
        for key, value in values.items():
            transaction.set(key, value)
        return transaction

    async def difference(self) -> Plan:
        """Return what kvsctl would still change, once all is taken over: nothing should be."""
        self._taking.end()
        await self.scheduler.refresh()
        return self.scheduler.transaction(resync="downstream").plan()


def _dropped(transaction: Transaction, findings: Findings) -> tuple[dict[str, str], Plan | None]:
    """Return what cannot be taken over after all, and why; the plan, where there is one."""
    try:
        plan = transaction.plan()
    except ClaimConflict as conflict:
        ours = [key for key in conflict.keys if key in findings.values]
        if not ours:
            raise
        return {ours[-1]: str(conflict)}, None
    reasons = {**plan.pending, **plan.invalid}
    bases = {_base_of(key): why for key, why in reasons.items()}
    return {key: why for key, why in bases.items() if key in findings.values}, plan


def _base_of(key: str) -> str:
    """Return the interface that a key is derived from, or the key itself."""
    found = DERIVED.fullmatch(key)
    return keys.interface(found[1]) if found else key


def written(
    values: Mapping[str, Message], left: Sequence[Left] = (), notes: Sequence[Left] = ()
) -> str:
    """Return values as a file; what it does not say stands in comments at its head."""
    lines = [TITLE]
    for title, ones in (("Left as it is:", left), ("Imported, but for this:", notes)):
        lines += [f"# {title}"] if ones else []
        lines += [f"#   {line}" for line in told(ones)]
    data = _data(values)
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=98) if data else ""
    return "\n".join([*lines, text])


def told(ones: Sequence[Left]) -> Iterator[str]:
    """Yield a line for each thing that is left."""
    for one in ones:
        yield printable(f"{one.what}: {one.why}")


def _data(values: Mapping[str, Message]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for model in MODELS:
        ones = [values[key] for key in sorted(values) if isinstance(values[key], model.message)]
        if ones:
            section = Config.DESCRIPTOR.fields_by_name[model.section]
            assert section.message_type is not None
            field = section.message_type.fields_by_name[model.field]
            data.setdefault(section.json_name, {})[field.json_name] = [
                json_format.MessageToDict(one, preserving_proto_field_name=True) for one in ones
            ]
    return data
