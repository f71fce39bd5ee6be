# SPDX-License-Identifier: Apache-2.0
"""The real Network Service Mesh on loopback: registry, manager, forwarder, each to be killed.

The program is ours (tests/interop/nsm), what it is made of is the mesh's own sdk. It is built
once, into build/interop, with Go and the modules that go.sum pins. ``python -m tests.nsm.mesh``
does just that, before tests have to wait for it; where it cannot, they are skipped and say why.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.etcd.server import free_ports
from tests.nsm.authority import Authority, write

__all__ = ["Mesh", "Part", "prepare", "program", "why_not"]

ROOT = Path(__file__).parent.parent.parent
SOURCES = ROOT / "tests" / "interop" / "nsm"
BUILT = ROOT / "build" / "interop"

_READY_S = 60.0
_BUILD_S = 1500.0


def why_not() -> str:
    """Say why there is no mesh to test with, "" where there is one."""
    if os.environ.get("KVS_NSM") or _target().exists():
        return ""
    if shutil.which("go") is None:
        return "Go is not installed, which the test mesh is built with (https://go.dev/dl)"
    note = _note()
    return note.read_text(encoding="utf-8") if note.exists() else ""


def prepare() -> str:
    """Build the mesh if there is none; return why it could not be, "" where it is there."""
    _note().unlink(missing_ok=True)
    if why := why_not():
        return why
    try:
        program()
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        last = str(error).rstrip().rpartition("\n")[2]
        _note().write_text(f"the test mesh could not be built: {last}", encoding="utf-8")
    return why_not()


def _note() -> Path:
    """Return where it stands why what the sources say now could not be built."""
    return _target().with_suffix(".why")


def program() -> Path:
    """Return the mesh's program, built if need be; KVS_NSM names another one."""
    if named := os.environ.get("KVS_NSM"):
        return Path(named)
    target = _target()
    BUILT.mkdir(parents=True, exist_ok=True)
    with (BUILT / "nsm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one of the processes that test builds it
        if not target.exists():
            _build(target)
    return target


def _target() -> Path:
    digest = hashlib.sha256()
    for file in sorted(SOURCES.iterdir()):
        digest.update(file.read_bytes())
    return BUILT / f"nsm-{digest.hexdigest()[:16]}"


def _build(target: Path) -> None:
    made = target.with_suffix(".new")
    done = subprocess.run(
        ["nice", "go", "build", "-mod=readonly", "-o", made, "."],
        cwd=SOURCES,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"},
        capture_output=True,
        text=True,
        timeout=_BUILD_S,
        check=False,
    )
    assert done.returncode == 0, f"the test mesh does not build:\n{done.stderr[-4000:]}"
    made.rename(target)
    for old in BUILT.glob("nsm-*"):
        if old != target:
            old.unlink()


class Part:
    """One process of the mesh; its address stays over ``kill`` and ``start``."""

    def __init__(self, kind: str, log: Path, arguments: Sequence[str]) -> None:
        self.kind = kind
        self.log = log
        self.port = free_ports(1)[0]
        self._arguments = arguments
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [program(), self.kind, "-listen", self.url, *self._arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        if self._first_line() != f"ready {self.url}\n":
            self.kill()
            raise AssertionError(
                f"the {self.kind} does not start:\n{self.log.read_text()[-4000:]}"
            )

    def _first_line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        lines: queue.Queue[str] = queue.Queue()
        reader = self._process.stdout
        threading.Thread(target=lambda: lines.put(reader.readline()), daemon=True).start()
        try:
            return lines.get(timeout=_READY_S)
        except queue.Empty:
            return ""

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it in good order; return its exit code."""
        return self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Have it say nothing any more, and keep its connections."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def restart(self) -> None:
        self.kill()
        self.start()

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        code = process.wait(30)
        assert process.stdout is not None
        process.stdout.close()
        return code


class Mesh:
    """Registry, manager and a forwarder that passes through; with an authority, all of it mTLS."""

    def __init__(
        self, folder: Path, authority: Authority | None = None, flags: Mapping[str, str] = {}
    ) -> None:
        self._folder = folder
        self.authority = authority
        self._flags = [text for name, value in flags.items() for text in (f"-{name}", value)]
        self.registry = self._part("registry")
        self.manager = self._part("manager", "-registry", self.registry.url)
        self.forwarder = self._part("forwarder", "-manager", self.manager.url)
        self.parts: tuple[Part, ...] = (self.registry, self.manager, self.forwarder)

    def _part(self, kind: str, *arguments: str) -> Part:
        self._folder.mkdir(parents=True, exist_ok=True)
        return Part(
            kind, self._folder / f"{kind}.log", [*arguments, *self._proof(kind), *self._flags]
        )

    def _proof(self, kind: str) -> list[str]:
        if self.authority is None:
            return []
        files = write(self.authority.identity(kind), self._folder / "identities", kind)
        return [text for name, file in files.items() for text in (f"-{name}", str(file))] + [
            "-policies"
        ]

    def start(self) -> None:
        for part in self.parts:
            part.start()

    def kill(self) -> None:
        for part in reversed(self.parts):
            part.kill()


if __name__ == "__main__":
    if reason := prepare():
        sys.stdout.write(f"Tests of Network Service Mesh will be skipped: {reason}\n")
