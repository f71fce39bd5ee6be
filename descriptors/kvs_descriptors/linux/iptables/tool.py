# SPDX-License-Identifier: Apache-2.0
"""The host's iptables: found, asked which variant it is, run, and its complaints made words."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import AsyncIterator, Sequence

from . import ruleset
from .process import Finished, run
from .rules import targets, words
from .ruleset import Table
from .script import Script

__all__ = ["Tool", "ToolFailed", "ToolMissing"]

# Where the tools are, also for users who lack it.
ADMIN_PATH = "/usr/sbin:/sbin:/usr/local/sbin"

LOCK_WAIT_S = 20  # for other programs that use the legacy variant at this moment
PAUSE_S = 0.01

SYNTAX = 2
_LINE = re.compile(r"line:? (\d+)", re.IGNORECASE)
_NOISE = re.compile(r"^(Error occurred at line|Try `)")
_TO_COME = re.compile(r"does(n't| not) exist|Couldn't load target")
_NO_CHAIN = re.compile(r"[Cc]hain '([^']+)' does not exist")
_PREFIX = re.compile(r"^ip6?tables\S* v[\d.]+ \([a-z_]+\): ?")


class ToolMissing(OSError):
    """The host has no iptables; all else works without."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not installed here, which rule chains need")


class ToolFailed(OSError):
    """The host's iptables, or the kernel behind it, has refused; the text says what."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status

    @property
    def is_hopeless(self) -> bool:
        """Whether the rule is wrong; what it names may come to be there."""
        return self.status == SYNTAX and not _TO_COME.search(str(self))


class Tool:
    """iptables and ip6tables in one variant: "nft", "legacy", or "" for the host's own choice."""

    def __init__(self, variant: str = "") -> None:
        self._variant = variant
        self._paths: dict[str, str] = {}
        self._is_legacy: bool | None = None

    @property
    def is_missing(self) -> bool:
        """Whether there is no iptables; looked for anew until it is there."""
        try:
            self.check()
        except ToolMissing:
            return True
        return False

    def check(self) -> None:
        """Raise ``ToolMissing`` where there is no iptables."""
        self._path(self._name("save", is_ipv6=False))

    async def is_legacy(self, netns_fd: int) -> bool:
        """Tell whether this is the legacy variant; asked once."""
        if self._is_legacy is None:
            done = await run([self._path(self._name("save", is_ipv6=False)), "-V"], netns_fd)
            self._is_legacy = "nf_tables" not in done.output
        return self._is_legacy

    async def save(self, netns_fd: int, *, is_ipv6: bool, table: str = "") -> dict[str, Table]:
        """Return the tables of a namespace, or one of them."""
        only = ["-t", table] if table else []
        done = await self._run("save", only, netns_fd, is_ipv6=is_ipv6)
        if done.status:
            raise ToolFailed(_words(done, self._name("save", is_ipv6=is_ipv6)), done.status)
        return ruleset.parse(done.output)

    async def restore(
        self, netns_fd: int, script: Script, *, table: str, is_ipv6: bool, about: Sequence[str]
    ) -> None:
        """Carry out a script, all of it or nothing; ``about`` are the rules as written."""
        options = ["--noflush", "-w", str(LOCK_WAIT_S)]
        text = script.text(table)
        done = await self._run("restore", options, netns_fd, is_ipv6=is_ipv6, given=text)
        if done.status:
            said = _words(done, self._name("restore", is_ipv6=is_ipv6))
            raise ToolFailed(_located(done, said, script, about), done.status)

    async def _run(
        self, action: str, options: Sequence[str], netns_fd: int, *, is_ipv6: bool, given: str = ""
    ) -> Finished:
        path = self._path(self._name(action, is_ipv6=is_ipv6))
        return await run([path, *options], netns_fd, given)

    def _name(self, action: str, *, is_ipv6: bool) -> str:
        program = "ip6tables" if is_ipv6 else "iptables"
        return "-".join(part for part in (program, self._variant, action) if part)

    def _path(self, name: str) -> str:
        if name not in self._paths:
            places = f"{os.environ.get('PATH', os.defpath)}:{ADMIN_PATH}"
            found = shutil.which(name, path=places)
            if found is None:
                raise ToolMissing(name)
            self._paths[name] = found
        return self._paths[name]


@contextlib.asynccontextmanager
async def locked(netns_fd: int) -> AsyncIterator[int]:
    """Hold a namespace; yield a descriptor of it, to run programs with.

    They inherit it, and with it the lock: what a killed process has left running ends before
    anyone else looks. Nothing is left to clear away, whoever dies.
    """
    held = os.open(f"/proc/self/fd/{netns_fd}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        while not _try_lock(held):  # noqa: ASYNC110 - no event tells of other processes
            await asyncio.sleep(PAUSE_S)
        yield held
    finally:
        os.close(held)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _words(done: Finished, name: str) -> str:
    """Return what a tool has complained of, in one line."""
    lines = (_PREFIX.sub("", line).strip() for line in done.errors.splitlines())
    said = "; ".join(line for line in lines if line and not _NOISE.match(line))
    if done.status < 0:
        return f"{name} was ended by signal {-done.status}"
    if not said:
        return f"{name} has failed with status {done.status}"
    if re.fullmatch(r"\S*: line \d+ failed\.?", said):
        return f"{said}: the kernel refuses it, and has no word why"
    if "Message too long" in said:
        return f"{said}: too many rules for one transaction; net.core.wmem_max is the limit here"
    if "No such file or directory" in said and "load" not in said:
        return f"{said}: the kernel lacks what it asks for, or it jumps to where it cannot"
    return said


def _located(done: Finished, said: str, script: Script, about: Sequence[str]) -> str:
    """Name the rule that a complaint is about, where it can be told."""
    found = _LINE.search(done.errors)
    index = int(found[1]) - script.first_rule if found and script.first_rule else -1
    if not 0 <= index < len(about):
        # That a chain is not there is found out at the end of the table.
        name = _NO_CHAIN.search(said)
        aimed = [name is not None and name[1] in targets(words(rule)) for rule in about]
        index = aimed.index(True) if True in aimed else -1
    return f"rules[{index}]: {about[index]}: {said}" if index >= 0 else said
