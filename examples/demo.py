# SPDX-License-Identifier: Apache-2.0
"""Show kvsctl at work on real Linux networking, in namespaces that vanish with this process."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
INSIDE = "KVSCTL_DEMO_INSIDE"
NETNS = Path("/run/netns")
STATE = Path("/run/kvsctl-demo/state.db")
STEP_TIMEOUT_S = 60
STOP_TIMEOUT_S = 15

# What keeps the demo to itself: its own links, its own mounts, and without root its own users.
UNSHARE = ["unshare", "--net", "--mount", "--propagation", "private"]
WITHOUT_ROOT = ["--user", "--map-root-user"]
PRIVATE_RUN = "mount -t tmpfs -o mode=755 kvsctl-demo /run && mkdir /run/netns"

CLIENT, SERVER = "kvs-demo-client", "kvs-demo-server"
SERVER_ADDRESS = "10.77.2.10"
TOPOLOGY, REFUSED = "topology.yaml", "refused.yaml"


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


def main() -> int:
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
            os.execvp(command[0], [*command, script, "sh", sys.executable, __file__])  # noqa: S606
        why = " ".join(tried.stderr.split())
    hint = "" if os.geteuid() == 0 else "; try it as root"
    print(f"demo: this host forbids namespaces of one's own ({why}){hint}", file=sys.stderr)


def show() -> None:
    """Walk through the main job, checking each step as it goes."""
    os.chdir(HERE)
    os.environ["KVSCTL_STATE"] = str(STATE)
    say(f"Two hosts, a switch and a router, each in a network namespace of its own: {TOPOLOGY}.")
    say("What would be done:")
    kvsctl("plan", TOPOLOGY)

    say("Do it.")
    kvsctl("apply", "--quiet", TOPOLOGY)
    say("Real packets go from one host to the other:")
    reach(SERVER_ADDRESS)

    say("Somebody breaks things behind the engine's back.")
    inside(CLIENT, "ip", "link", "delete", "eth0")
    inside(SERVER, "ip", "address", "flush", "dev", "eth0")
    reach(SERVER_ADDRESS, fails=True)
    say("One command finds what has drifted, and mends just that:")
    kvsctl("repair")
    reach(SERVER_ADDRESS)

    say("A change that the kernel will refuse half-way; what has to wait for what, for graphviz:")
    kvsctl("plan", "--dot", TOPOLOGY, REFUSED)
    say("Do that, all or nothing.")
    kvsctl("apply", "--revert", TOPOLOGY, REFUSED, fails=True)
    say("It was rolled back: the difference to what was applied before is")
    kvsctl("plan", "--detailed-exitcode", TOPOLOGY)
    reach(SERVER_ADDRESS)

    say("Remove everything.")
    kvsctl("destroy", "--yes")
    leftover = sorted(path.name for path in NETNS.iterdir())
    if leftover:
        raise DemoFailed(f"these namespaces are left over: {', '.join(leftover)}")
    say("No namespace is left. That was the demo.")


def say(text: str) -> None:
    """Tell the spectator what comes next."""
    bold, plain = ("\x1b[1m", "\x1b[0m") if is_colourful() else ("", "")
    print(f"\n{bold}# {text}{plain}", flush=True)


def is_colourful() -> bool:
    """Tell whether escape sequences are welcome."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def kvsctl(*arguments: str, fails: bool = False) -> None:
    """Run kvsctl as a spectator would."""
    installed = Path(sys.executable).with_name("kvsctl")
    command = [str(installed)] if installed.exists() else [sys.executable, "-m", "kvs_agent.cli"]
    run([*command, *arguments], shown=["kvsctl", *arguments], fails=fails)


def inside(namespace: str, *command: str, fails: bool = False) -> None:
    """Run a command in a named network namespace."""
    entered = ["nsenter", f"--net={NETNS / namespace}", *command]
    run(entered, shown=entered, fails=fails)


def reach(address: str, *, fails: bool = False) -> None:
    """Send real packets from the client, and check whether answers come."""
    if shutil.which("ping"):
        inside(CLIENT, "ping", "-c", "2", "-i", "0.2", "-W", "1", address, fails=fails)
    else:
        inside(CLIENT, sys.executable, "ping.py", address, "2", fails=fails)


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


if __name__ == "__main__":
    sys.exit(main())
