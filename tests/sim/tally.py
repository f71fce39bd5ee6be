# SPDX-License-Identifier: Apache-2.0
"""What was done in a simulation, counted."""

from __future__ import annotations

import dataclasses
from collections import Counter

from kvscheduler import Scheduler

__all__ = ["Tally"]


@dataclasses.dataclass(slots=True)
class Tally:
    """Counts; ``runs`` are ways from one wanted state to another, each looked at afterwards.

    ``fault_runs`` are those in which something failed, crashes and restarts among them.
    ``transactions`` are all that the engines went through: recoveries, retries and reports as
    well, which they begin themselves. ``asked_for`` are those that a run committed or asked for.
    ``ways`` are plans; of those ``with_all_pairs`` every two failures were tried together.
    """

    seeds: int = 0
    runs: int = 0
    fault_runs: int = 0
    transactions: int = 0
    asked_for: int = 0
    dry_runs: int = 0
    operations: int = 0
    ways: int = 0
    ways_with_all_pairs: int = 0
    pairs: int = 0
    late: int = 0
    unrest: int = 0
    crashes: int = 0
    crashes_again: int = 0
    injected: Counter[str] = dataclasses.field(default_factory=Counter)
    cpu_s: float = 0.0

    def add(self, other: Tally) -> None:
        """Take in what another counted."""
        for field in dataclasses.fields(self):
            mine, others = getattr(self, field.name), getattr(other, field.name)
            setattr(self, field.name, mine + others)

    def count_out(self, scheduler: Scheduler) -> None:
        """Count what an engine has gone through in its life."""
        self.transactions += scheduler._engine.numbers

    def report(self) -> str:
        """Return the figures for people."""
        lines = [
            f"seeds              {self.seeds:>12,}",
            f"runs               {self.runs:>12,}",
            f"  with failures    {self.fault_runs:>12,}",
            f"  with two         {self.pairs:>12,}",
            f"  late descriptors {self.late:>12,}",
            f"  amid trouble     {self.unrest:>12,}",
            f"ways               {self.ways:>12,}",
            f"  with all pairs   {self.ways_with_all_pairs:>12,}",
            f"transactions       {self.transactions:>12,}",
            f"  asked for        {self.asked_for:>12,}",
            f"dry runs           {self.dry_runs:>12,}",
            f"operations         {self.operations:>12,}",
            f"injected failures  {self.injected.total() + self.crashes:>12,}",
            *(f"  {count:>12,}  {name}" for name, count in sorted(self.injected.items())),
            f"  {self.crashes:>12,}  crash, and another start",
            f"  {self.crashes_again:>12,}  of them during the recovery from another",
            f"fault runs a second of CPU time {self.fault_runs / (self.cpu_s or 1):,.0f}",
        ]
        return "\n".join(lines)
