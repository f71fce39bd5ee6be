# SPDX-License-Identifier: Apache-2.0
"""One rule as words: split as a shell would, checked, and written for iptables-restore."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import re
import shlex
from collections.abc import Iterable, Sequence

from kvscheduler import InvalidValue

__all__ = ["Words", "digest", "split", "targets", "words", "written"]

Words = tuple[str, ...]

# iptables-restore cuts lines at 10,240 bytes and would read on in the middle of a rule.
MAX_RULE_BYTES = 4096
MAX_WORD_BYTES = 1000
CACHED = 8192

# What iptables knows beside the parts of a rule. It takes any beginning of these for them.
_COMMANDS = (
    "append", "check", "delete", "delete-chain", "exact", "flush", "help", "insert", "ipv4",
    "ipv6", "line-numbers", "list", "list-rules", "modprobe", "new-chain", "noflush", "numeric",
    "policy", "rename-chain", "replace", "table", "verbose", "version", "wait", "wait-interval",
    "zero",
)  # fmt: skip
# The match "policy" has an option of its own that is such a beginning.
_NO_COMMANDS = frozenset({"pol"})

_SHORT = re.compile(r"-([psdiojgmc].*|f|[0-9.]+.*)", re.DOTALL)
_FAMILY = frozenset({"-4", "-6"})
_JUMPS = frozenset({"-j", "-g", "--jump", "--goto"})
_JUMP = re.compile(r"(?:-[jg]|--jump=|--goto=)(.+)")


def split(rule: str, *field: str) -> Words:
    """Return the words of a rule; refuse what does not belong into one, or leads out of it."""
    if not rule.isprintable():
        raise InvalidValue(f"a rule is one line of printable characters: {rule!r:.80}", field)
    if len(rule.encode()) > MAX_RULE_BYTES:
        raise InvalidValue(f"a rule has at most {MAX_RULE_BYTES} bytes", field)
    try:
        found = tuple(shlex.split(rule))
    except ValueError as error:
        raise InvalidValue(f"{error}: {rule!r:.80}", field) from None
    if not found:
        raise InvalidValue("a rule is not empty", field)
    for word in found:
        _check(word, field)
    return found


@functools.lru_cache(maxsize=CACHED)
def words(rule: str) -> Words:
    """Return the words of a rule, unchecked; what has no end is one word."""
    try:
        return tuple(shlex.split(rule))
    except ValueError:
        return (rule,)


def _check(word: str, field: Sequence[str]) -> None:
    if len(word.encode()) > MAX_WORD_BYTES:
        raise InvalidValue(f"a word of a rule has at most {MAX_WORD_BYTES} bytes", field)
    if word in _FAMILY:
        raise InvalidValue(f"{word}: the protocol is the chain's, not a rule's", field)
    if _leads_out(word):
        text = "a rule is matches and a target (-s, -p, -i, -m, -j, ...)"
        raise InvalidValue(f"{word:.40} does not belong into a rule: {text}", field)


def _leads_out(word: str) -> bool:
    if word.startswith("--"):
        name = word[2:].partition("=")[0]
        return name not in _NO_COMMANDS and any(one.startswith(name) for one in _COMMANDS)
    return word.startswith("-") and not _SHORT.fullmatch(word)


def written(found: Iterable[str]) -> str:
    """Return words as iptables-restore reads them: it has no quotation marks but double ones."""
    return " ".join(map(_quoted, found))


def _quoted(word: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_.:/,=!+@%-]+", word):
        return word
    return '"' + re.sub(r'(["\\])', r"\\\1", word) + '"'


def targets(found: Sequence[str]) -> set[str]:
    """Return what a rule may jump to: chains and targets look alike."""
    there = {match[1] for word in found if (match := _JUMP.fullmatch(word))}
    return there | {after for word, after in itertools.pairwise(found) if word in _JUMPS}


def digest(rules: Iterable[Words]) -> str:
    """Return a short digest of rules."""
    text = json.dumps(list(map(list, rules)))
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
