# SPDX-License-Identifier: Apache-2.0
"""Comments that say whose a chain is: in each chain of ours the first rule is nothing but one.

A rule without a target decides nothing. It is written by the very transaction that makes the
chain, so none of ours is ever unmarked, and it holds what has to outlive us: the policy to put
back.
"""

from __future__ import annotations

import dataclasses
import functools
import shlex
from collections.abc import Iterable

from .chain import Chain
from .rules import Words, digest

__all__ = ["Mark", "Marks", "comment_of"]

CACHED = 8192

COMMENT = ("-m", "comment", "--comment")
# A chain that has a name only so that rules can jump to it. No logical name begins so.
PLACEHOLDER = "~"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What the mark of a chain tells.

    ``digest`` is that of the rules as they were wanted. ``policy`` was set where the built-in
    chain had ``before``; both are "" where none was.
    """

    name: str
    built_in: str = ""
    digest: str = ""
    policy: str = ""
    before: str = ""

    @property
    def is_placeholder(self) -> bool:
        """Whether the chain is there only to be jumped to."""
        return self.name == PLACEHOLDER


class Marks:
    """Writes and reads the marks of one owner."""

    def __init__(self, owner: str) -> None:
        self.owner = owner

    def jump(self, wanted: Chain) -> Words:
        """Return the rule that leads from the built-in chain to ours."""
        return (*self._rule(wanted.name), "-j", wanted.chain)

    def rule(self, mark: Mark) -> Words:
        """Return the first rule of a chain of ours."""
        parts = [mark.name]
        if not mark.is_placeholder:
            parts += [mark.built_in or "CUSTOM", mark.digest]
        if mark.policy:
            parts.append(f"{mark.policy}/{mark.before}")
        return self._rule(" ".join(parts))

    def of(self, wanted: Chain, policy: str = "", before: str = "") -> Mark:
        """Return the mark of a chain that is to be."""
        return Mark(
            name=wanted.name,
            built_in=wanted.built_in,
            digest=digest(wanted.rules),
            policy=policy,
            before=before,
        )

    def placeholder(self) -> Words:
        """Return the only rule of a chain that is there to be jumped to."""
        return self.rule(Mark(name=PLACEHOLDER))

    def find(self, rules: Iterable[str]) -> Mark | None:
        """Return what marks a chain, None where nothing of ours does."""
        found = (mark for rule in rules if (mark := self.read(rule)) is not None)
        return next(found, None)

    def read(self, rule: str) -> Mark | None:
        """Return what a rule says, None where it is no mark of ours."""
        text = comment_of(rule)
        if not text.startswith(f"{self.owner}:"):
            return None
        name, *rest = text.removeprefix(f"{self.owner}:").split(" ")
        if name == PLACEHOLDER:
            return Mark(name=name)
        if len(rest) not in (2, 3):
            return None
        policy, _, before = rest[2].partition("/") if rest[2:] else ("", "", "")
        built_in = "" if rest[0] == "CUSTOM" else rest[0]
        return Mark(name=name, built_in=built_in, digest=rest[1], policy=policy, before=before)

    def _rule(self, text: str) -> Words:
        return (*COMMENT, f"{self.owner}:{text}")


@functools.lru_cache(maxsize=CACHED)
def comment_of(rule: str) -> str:
    """Return the comment of a rule that is nothing else, "" of any other rule."""
    if not rule.startswith(" ".join(COMMENT)):
        return ""
    try:
        found = shlex.split(rule)
    except ValueError:
        return ""
    return found[3] if len(found) == len(COMMENT) + 1 else ""
