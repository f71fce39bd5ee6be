# SPDX-License-Identifier: Apache-2.0
"""A stage for demonstrations: namespaces that vanish with it, commands that are echoed."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
INSIDE = "KVSCTL_DEMO_INSIDE"
NETNS = Path("/run/netns")
STEP_TIMEOUT_S = 60
STOP_TIMEOUT_S = 15

# What keeps the demo to itself: its own links, its own mounts, and without root its own users.
UNSHARE = ["unshare", "--net", "--mount", "--propagation", "private"]
WITHOUT_ROOT = ["--user", "--map-root-user"]
PRIVATE_RUN = "mount -t tmpfs -o mode=755 kvsctl-demo /run && mkdir /run/netns"


class DemoFailed(Exception):
    """A step did not end as it should."""


class Stopped(Exception):
    """A signal asked the demo to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Signals:
    """Ends the demo at the first signal, but for moments in which that would lose a child."""

    def __init__(self) -> None:
        self._number = 0
        self._is_held = False

    def arrived(self, number: int, _: types.FrameType | None) -> None:
        """Take a signal; those that follow must not disturb the end."""
        if self._number:
            return
        self._number = number
        if not self._is_held:
            raise Stopped(number)

    def hold(self) -> None:
        """Let signals wait."""
        self._is_held = True

    def release(self) -> None:
        """Let signals through, first one that has waited."""
        self._is_held = False
        if self._number:
            raise Stopped(self._number)


SIGNALS = Signals()


def perform(show: Callable[[], None]) -> int:
    """Enter namespaces of our own, show everything there, and leave nothing behind."""
    if os.environ.get(INSIDE) != "1":
        enter()
        return 1
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, SIGNALS.arrived)
    try:
        show()
    except Stopped as stopped:
        say(f"Interrupted: what was made vanishes with this process ({stopped}).")
        return 128 + stopped.number
    except DemoFailed as failed:
        print(f"demo: {failed}", file=sys.stderr)
        return 1
    return 0


def enter() -> None:
    """Become the same program in namespaces of its own; return only where that is forbidden."""
    why = ""
    # Root in a container may lack the right to plain namespaces and still be allowed users' ones.
    for rights in [[], WITHOUT_ROOT] if os.geteuid() == 0 else [WITHOUT_ROOT]:
        command = [*UNSHARE, *rights, "sh", "-c"]
        tried = subprocess.run(
            [*command, PRIVATE_RUN], capture_output=True, text=True, check=False
        )
        if tried.returncode == 0:
            os.environ[INSIDE] = "1"
            script = f'{PRIVATE_RUN} && exec "$@"'
            os.execvp(command[0], [*command, script, "sh", sys.executable, sys.argv[0]])  # noqa: S606
        why = " ".join(tried.stderr.split())
    hint = "" if os.geteuid() == 0 else "; try it as root"
    print(f"demo: this host forbids namespaces of one's own ({why}){hint}", file=sys.stderr)


def say(text: str) -> None:
    """Tell the spectator what comes next."""
    bold, plain = ("\x1b[1m", "\x1b[0m") if is_colourful() else ("", "")
    print(f"\n{bold}# {text}{plain}", flush=True)


def is_colourful() -> bool:
    """Tell whether escape sequences are welcome."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def no_namespace_is_left() -> None:
    """Check that all has been removed."""
    leftover = sorted(path.name for path in NETNS.iterdir())
    if leftover:
        raise DemoFailed(f"these namespaces are left over: {', '.join(leftover)}")


def kvsctl(*arguments: str, fails: bool = False) -> None:
    """Run kvsctl as a spectator would."""
    installed = Path(sys.executable).with_name("kvsctl")
    command = [str(installed)] if installed.exists() else [sys.executable, "-m", "kvs_agent.cli"]
    run([*command, *arguments], shown=["kvsctl", *arguments], fails=fails)


def inside(namespace: str, *command: str, fails: bool = False) -> None:
    """Run a command in a named network namespace."""
    entered = ["nsenter", f"--net={NETNS / namespace}", *command]
    run(entered, shown=entered, fails=fails)


def run(command: list[str], *, shown: list[str], fails: bool) -> None:
    """Echo a command, run it, and check its exit code."""
    line = shlex.join(shown)
    print(f"$ {line}", flush=True)
    with child(command) as running:
        code = running.wait(timeout=STEP_TIMEOUT_S)
    if bool(code) is not fails:
        raise DemoFailed(f"`{line}` ended with {code}, {'a failure' if fails else '0'} expected")


@contextlib.contextmanager
def child(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command that does not outlive us; kvsctl finishes a change that it has begun."""
    # A signal between the birth of a child and our knowing it would leave an orphan.
    SIGNALS.hold()
    running = subprocess.Popen(command)
    try:
        SIGNALS.release()
        yield running
    finally:
        if running.poll() is None:
            running.terminate()
            try:
                running.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
