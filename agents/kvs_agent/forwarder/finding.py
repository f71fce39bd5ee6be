# SPDX-License-Identifier: Apache-2.0
"""Finds the namespace that a number of the kernel's stands for.

Between parts of a mesh that could pass descriptors a namespace goes by its number. Without the
descriptor it has to be looked for: among those that are mounted, and those of the processes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["Inode", "find"]

# In the table of mounts: what is mounted of the file system of namespaces, and where.
_MOUNTED: Final = re.compile(r"^\S+ \S+ \S+ net:\[([0-9]+)\] (\S+)", re.MULTILINE)
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


class Inode(NamedTuple):
    """By what the kernel knows a namespace."""

    device: int
    number: int


def find(inode: Inode) -> Path | None:
    """Return a file that stands for a namespace, None where there is none to be found."""
    files = (*_mounted(inode.number), *_of_processes(inode.number))
    return next((file for file in files if _is(file, inode)), None)


def _mounted(number: int) -> Iterator[Path]:
    table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    for found in _MOUNTED.finditer(table):
        if int(found[1]) == number:
            yield Path(_ESCAPED.sub(lambda one: chr(int(one[1], 8)), found[2]))


def _of_processes(number: int) -> Iterator[Path]:
    wanted = f"net:[{number}]"
    for process in os.listdir("/proc"):  # noqa: PTH208 - thousands of names, as plain as can be
        if process.isdigit():
            file = f"/proc/{process}/ns/net"
            try:
                is_it = os.readlink(file) == wanted  # noqa: PTH115 - as above
            except OSError:
                continue  # it has ended, or is not ours to look into
            if is_it:
                yield Path(file)


def _is(file: Path, inode: Inode) -> bool:
    try:
        there = file.stat()
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == inode
