# SPDX-License-Identifier: Apache-2.0
"""A scheduler in virtual time and the plainest descriptors, for examples by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from kvscheduler import (
    Depends,
    DependsOnAny,
    Derived,
    Descriptor,
    Plan,
    Retrieved,
    Scheduler,
    Southbound,
    TransactionResult,
    ValueState,
)
from kvscheduler.testing import VirtualClock

__all__ = ["Keyed", "Later", "Plain", "Stage", "act"]

_PATIENCE_S = 10_000.0


class Plain(Descriptor[Any, Any]):
    """Holds whatever it is given, by plain ``def``; ``calls`` is what it was asked to do."""

    def __init__(self, name: str = "a") -> None:
        self.name = name
        self.key_prefix = f"{name}/"
        self.calls: list[tuple[str, str]] = []
        self.held: dict[str, Any] = {}
        self.port: Southbound

    def attach(self, southbound: Southbound) -> None:
        self.port = southbound

    def create(self, key: str, value: Any) -> Any:
        self.calls.append(("create", key))
        self.held[key] = value

    def update(self, key: str, old: Any, new: Any, metadata: Any) -> Any:
        self.calls.append(("update", key))
        self.held[key] = new

    def delete(self, key: str, value: Any, metadata: Any) -> Any:
        self.calls.append(("delete", key))
        self.held.pop(key, None)

    def found(self, keys: Sequence[str] | None = None) -> list[Retrieved]:
        """Return what is held, as a retrieve would."""
        asked = None if keys is None else set(keys)
        return [Retrieved(k, v) for k, v in self.held.items() if asked is None or k in asked]


class Later(Plain):
    """The same by ``async def``, with a step of the loop before each effect."""

    async def create(self, key: str, value: Any) -> Any:
        await asyncio.sleep(0)
        return Plain.create(self, key, value)

    async def update(self, key: str, old: Any, new: Any, metadata: Any) -> Any:
        await asyncio.sleep(0)
        return Plain.update(self, key, old, new, metadata)

    async def delete(self, key: str, value: Any, metadata: Any) -> Any:
        await asyncio.sleep(0)
        return Plain.delete(self, key, value, metadata)


class Keyed(Plain):
    """Values are mappings that say what they need and derive: needs, any_of, derives."""

    def dependencies(self, key: str, value: Any) -> Iterable[Depends | DependsOnAny]:
        found: list[Depends | DependsOnAny] = [Depends(need) for need in value.get("needs", ())]
        found.extend(DependsOnAny(prefixes=prefix) for prefix in value.get("any_of", ()))
        return found

    def derived(self, key: str, value: Any) -> Iterable[Derived]:
        return [Derived(*one) for one in value.get("derives", {}).items()]


class Stage:
    """A running scheduler with its clock."""

    def __init__(self, descriptors: Iterable[Descriptor[Any, Any]], **options: Any) -> None:
        self.clock = VirtualClock()
        self.scheduler = Scheduler(descriptors, clock=self.clock, **options)

    def transaction(self, changes: Mapping[str, Any], **options: Any) -> Any:
        """Return a transaction that sets the values and deletes what is None."""
        transaction = self.scheduler.transaction(**options)
        for key, value in changes.items():
            if value is None:
                transaction.delete(key)
            else:
                transaction.set(key, value)
        return transaction

    async def commit(self, changes: Mapping[str, Any], **options: Any) -> TransactionResult:
        """Commit a transaction of the changes."""
        result: TransactionResult = await self.transaction(changes, **options).commit()
        return result

    def plan(self, changes: Mapping[str, Any], **options: Any) -> Plan:
        """Plan a transaction of the changes."""
        plan: Plan = self.transaction(changes, **options).plan()
        return plan

    def state(self, key: str) -> ValueState:
        """Return where a value stands."""
        return self.scheduler.status(key).state


def act(
    story: Callable[[Stage], Awaitable[None]], *descriptors: Descriptor[Any, Any], **options: Any
) -> None:
    """Run a story between start and close, in virtual time; a hang is a failure."""
    stage = Stage(descriptors, **options)

    async def main() -> None:
        async with asyncio.timeout(_PATIENCE_S):
            async with stage.scheduler:
                await story(stage)

    stage.clock.run(main())
