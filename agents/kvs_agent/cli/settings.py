# SPDX-License-Identifier: Apache-2.0
"""What holds for every command: where the state is kept, and how much is said."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

__all__ = [
    "Limits",
    "Named",
    "Settings",
    "agent_of",
    "default_state",
    "is_begun",
    "wants_color",
]

STATE_FILE = Path("kvscheduler", "kvsctl.db")
AGENT_DEADLINE_S = 120.0


class Limits(TypedDict, total=False):
    """How much is asked of the system at once, and how long an answer may take."""

    max_parallel: int
    deadline_s: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An agent as it was named, how to speak with it, and how long an answer may take.

    Certificates and keys are files; with any of them what is said is encrypted.
    """

    address: str
    authorities: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    deadline_s: float = AGENT_DEADLINE_S


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """The options that stand before the command; with an ``agent`` the state is not used."""

    state: Path
    verbose: bool = False
    limits: Limits = dataclasses.field(default_factory=Limits)
    agent: Named | None = None


def agent_of(given: Mapping[str, Any]) -> Named | None:
    """Return the agent that the options name, None where they name none."""
    if not given.get("agent"):
        return None
    named = {name: given.get(name) for name in ("authorities", "certificate", "key")}
    deadline_s = given.get("deadline") or AGENT_DEADLINE_S
    return Named(address=given["agent"], deadline_s=deadline_s, **named)


def is_begun(state: Path) -> bool:
    """Tell whether a state was ever begun there; one that has gone alone is missed by its lock."""
    return state.exists() or state.with_name(f"{state.name}.lock").exists()


def default_state() -> Path:
    """Return where the state is kept unless told otherwise: below /var/lib only for root."""
    if os.geteuid() == 0:
        return Path("/var/lib") / STATE_FILE
    home = os.environ.get("XDG_STATE_HOME", "")
    # Relative paths in XDG_STATE_HOME are to be ignored, as its specification says.
    base = Path(home) if home.startswith("/") else Path.home() / ".local" / "state"
    return base / STATE_FILE


def wants_color(choice: str) -> bool:
    """Decide on colour: ``always``, ``never``, or ``auto`` for a terminal without NO_COLOR."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout.isatty()
