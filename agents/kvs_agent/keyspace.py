# SPDX-License-Identifier: Apache-2.0
"""Where an agent's keys are in a store that many agents share."""

from __future__ import annotations

__all__ = ["CONFIG", "STATUS", "agent_prefix"]

CONFIG = "config/"
STATUS = "config-status/"


def agent_prefix(label: str) -> str:
    """Return what all keys of the agent with this label begin with.

    The label is one step of a path: with ``ValueError`` it is refused where it would be another
    agent's, or nobody's.
    """
    if not label or "/" in label or not label.isprintable():
        raise ValueError(f"agent label {label!r}: empty, or with characters that it cannot have")
    return f"/vnf-agent/{label}/"
