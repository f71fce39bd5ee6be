# SPDX-License-Identifier: Apache-2.0
"""What has become of each mutant, kept in a file for each module, so that a run can go on."""

from __future__ import annotations

import dataclasses
import enum
import json
from pathlib import Path

__all__ = ["Outcome", "Results", "Verdict"]


class Outcome(enum.Enum):
    """What became of a mutant; ``UNSEEN``: no test comes by its line."""

    KILLED = "killed"
    HUNG = "hung"
    SURVIVED = "survived"
    UNSEEN = "unseen"

    @property
    def is_kill(self) -> bool:
        """Whether a test noticed."""
        return self in (Outcome.KILLED, Outcome.HUNG)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a mutant, by which test, after how many of them and how long."""

    outcome: Outcome
    by: str = ""
    tests: int = 0
    seconds: float = 0.0


class Results:
    """The verdicts on one module's mutants, by name; each is stored at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._verdicts: dict[str, Verdict] = {}
        if path.exists():
            for name, fields in json.loads(path.read_text()).items():
                fields["outcome"] = Outcome(fields["outcome"])
                self._verdicts[name] = Verdict(**fields)

    def get(self, name: str) -> Verdict | None:
        """Return what is known of a mutant."""
        return self._verdicts.get(name)

    def put(self, name: str, verdict: Verdict) -> None:
        """Note what became of a mutant."""
        self._verdicts[name] = verdict
        found = {
            known: {**dataclasses.asdict(one), "outcome": one.outcome.value}
            for known, one in self._verdicts.items()
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(found, indent=0))
        fresh.replace(self._path)
