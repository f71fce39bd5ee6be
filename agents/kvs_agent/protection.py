# SPDX-License-Identifier: Apache-2.0
"""Values that are protected: no plan may delete them, or make them anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from kvscheduler import SchedulerError

if TYPE_CHECKING:
    from kvscheduler import Plan

__all__ = ["Protected", "check"]


class Protected(SchedulerError):
    """A plan would delete protected values, or make them anew; ``problems`` has each."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.keys = tuple(problems)
        self.problems = tuple(problems.values())
        super().__init__("; ".join(self.problems))


def check(plan: Plan) -> None:
    """Raise ``Protected`` where a plan takes away what is not to be taken away.

    A value says so itself, in its field ``protected``, before the plan or after it: so it takes
    one plan that lifts the protection, and another one that deletes.
    """
    problems = dict(_problems(plan))
    if problems:
        raise Protected(problems)


def _problems(plan: Plan) -> Iterator[tuple[str, str]]:
    made = {one.key: one.new for one in plan.operations if one.kind == "create"}
    for one in plan.operations:
        if one.kind != "delete":
            continue
        if any(getattr(value, "protected", False) for value in (one.old, made.get(one.key))):
            what = "made anew" if one.key in made else "deleted"
            text = f"{one.key} is protected, and would be {what}: apply protected: false first"
            yield one.key, text
