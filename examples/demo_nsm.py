# SPDX-License-Identifier: Apache-2.0
"""Show a network service mesh: two agents, our forwarder between them, all of it on one machine.

Registry and manager are made of Network Service Mesh's own sdk, which takes Go.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from staging import INSIDE, NETNS, DemoFailed, child, inside, perform, run, say

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

from tests.nsm import mesh  # noqa: E402 - the test mesh is part of the project, not of the package

PLACE = Path("/run/kvs-demo-nsm")
FILES = HERE / "nsm"
MANAGER = PLACE / "manager.sock"
REGISTRY_URL, MANAGER_URL = "tcp://127.0.0.1:5001", "tcp://127.0.0.1:5002"
OUTSIDE = "80.80.80.80"
WAIT_S = 60.0
POLL_S = 0.1

Process = subprocess.Popen[bytes]


def show() -> None:
    """Walk through the life of one connection, checking each step as it goes."""
    os.chdir(HERE)
    prepare("client", "nat", "spare")
    with contextlib.ExitStack() as running:
        enter = running.enter_context
        say("A mesh: a registry, a manager, and our forwarder, which lays cables.")
        enter(start("nsm registry", part("registry", REGISTRY_URL)))
        enter(start("nsm manager", part("manager", MANAGER_URL, "-registry", REGISTRY_URL)))
        relay = [sys.executable, "-m", "tests.nsm.relay", str(MANAGER), "5002"]
        enter(started(relay, "relay"))
        forwarder = enter(start_forwarder())

        say("An agent in a namespace of its own is told of an endpoint.")
        nat = enter(start_agent("nat", FILES / "endpoint.yaml"))

        say("Another one knows nothing yet. What would a client come to?")
        client = enter(start_agent("client"))
        kvsctl("client", "plan", "nsm/client.yaml")

        say("It is told, and asks the mesh. A cable comes of it, and packets go through.")
        tell("client", FILES / "client.yaml")
        wait("the connection", reaches)
        ping()
        kvsctl("client", "graph")
        inside("nat", "ip", "-brief", "address")

        say("The client's agent and the manager's forwarder are killed, and started again.")
        kill("nsm-agent-linux, the client's", client)
        ping()
        kill("nsm-forwarder-kernel", forwarder)
        enter(start_forwarder())
        enter(start_agent("client"))
        wait("the connection", reaches)
        ping()

        say("Another endpoint comes, and the first one goes for good. The client moves on.")
        enter(start_agent("spare", FILES / "endpoint.yaml"))
        kill("nsm-agent-linux, the endpoint's", nat)
        wait("the other endpoint", lambda: "access0" in links("spare") and reaches())
        ping()
        inside("spare", "ip", "-brief", "address")

        say("The client is not wanted any more. Nothing is left of it, on neither side.")
        told("client").unlink()
        print(f"$ rm {told('client')}", flush=True)
        names = ("client", "nat", "spare")
        wait("the end", lambda: not any("@" in links(name) for name in names))
        for name in names:
            inside(name, "ip", "-brief", "link")
    say("That was the demo.")


def prepare(*names: str) -> None:
    """Make namespaces, and lay out what agents are told."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name in names:
        subprocess.run(["ip", "netns", "add", name], check=True)
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        (PLACE / name / "conf" / "config.d").mkdir(parents=True)
        settings = f"connect-to: unix://{MANAGER}\nlisten-on: unix://{PLACE / name}/nsm.sock\n"
        (PLACE / name / "conf" / "nsm.conf").write_text(f"{settings}insecure: true\n")


def part(kind: str, url: str, *more: str) -> list[str]:
    """Return the command line of a part of the mesh."""
    return [str(mesh.program()), kind, "-listen", url, *more]


@contextlib.contextmanager
def started(command: Sequence[str], log: str, **variables: str) -> Iterator[Process]:
    """Run a process, its log kept away."""
    shell = ["sh", "-c", f'exec "$@" >>{PLACE / log}.log 2>&1', "sh"]
    roots = os.pathsep.join(
        str(HERE.parent / name) for name in ("", "agents", "descriptors", "proto")
    )
    with child([*shell, "env", f"PYTHONPATH={roots}", *_set(variables), *command]) as process:
        yield process


def _set(variables: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in variables.items()]


@contextlib.contextmanager
def start(name: str, command: Sequence[str]) -> Iterator[Process]:
    """Run a part of the mesh."""
    print(f"$ {name} &", flush=True)
    with started(command, name.replace(" ", "-")) as process:
        wait(name, lambda: "ready" in log(name.replace(" ", "-")))
        yield process


@contextlib.contextmanager
def start_forwarder() -> Iterator[Process]:
    """Run our forwarder, and wait until it is to be found."""
    print(f"$ NSM_CONNECT_TO={MANAGER_URL} nsm-forwarder-kernel --insecure &", flush=True)
    command = [sys.executable, "-m", "kvs_agent.forwarder", "--insecure"]
    folders = {"NSM_FORWARDER_STATE": PLACE / "cables", "NSM_FORWARDER_RUNTIME": PLACE / "run"}
    variables = {name: str(folder) for name, folder in folders.items()}
    before = log("forwarder").count("registered as")
    with started(command, "forwarder", NSM_CONNECT_TO=MANAGER_URL, **variables) as process:
        wait("the forwarder", lambda: log("forwarder").count("registered as") > before)
        yield process


@contextlib.contextmanager
def start_agent(name: str, file: Path | None = None) -> Iterator[Process]:
    """Run an agent in its namespace, and wait until it answers."""
    if file is not None:
        tell(name, file)
    print(f"$ ip netns exec {name} nsm-agent-linux --label={name} &", flush=True)
    folders = {"config": "conf", "state": "state", "runtime": "run"}
    options = [f"--{one}-dir={PLACE / name / folder}" for one, folder in folders.items()]
    command = [sys.executable, "-m", "kvs_agent.daemon", *options, f"--label={name}"]
    before = log(name).count("gRPC at")
    with started(["nsenter", f"--net={NETNS / name}", *command], name) as process:
        wait(f"the agent {name}", lambda: log(name).count("gRPC at") > before)
        yield process


def told(name: str) -> Path:
    """Return the file that an agent is told."""
    return PLACE / name / "conf" / "config.d" / "told.yaml"


def tell(name: str, file: Path) -> None:
    """Give an agent a file."""
    print(f"$ cp {file.relative_to(HERE)} {told(name)}", flush=True)
    shutil.copy(file, told(name))


def kill(name: str, process: Process) -> None:
    """Kill a process as nothing can be prepared for."""
    print(f"$ kill -9 {process.pid}  # {name}", flush=True)
    process.send_signal(signal.SIGKILL)
    process.wait(WAIT_S)


def ping() -> None:
    """Send real packets from the client to what is behind the endpoint."""
    inside("client", "ping", "-c", "1", "-W", "1", OUTSIDE)


def reaches() -> bool:
    """Tell whether packets get through."""
    return not in_namespace("client", "ping", "-c", "1", "-W", "1", OUTSIDE).returncode


def links(name: str) -> str:
    """Return the interfaces of a namespace."""
    return in_namespace(name, "ip", "-brief", "link").stdout


def in_namespace(name: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command that nobody needs to see."""
    entered = ["nsenter", f"--net={NETNS / name}", *command]
    return subprocess.run(entered, capture_output=True, text=True, check=False)


def kvsctl(name: str, *arguments: str) -> None:
    """Ask an agent as a spectator would."""
    words = ["--agent", f"unix:{PLACE / name / 'run' / 'agent.sock'}", *arguments]
    run([sys.executable, "-m", "kvs_agent.cli", *words], shown=["kvsctl", *words], fails=False)


def log(name: str) -> str:
    """Return what a process has told."""
    file = PLACE / f"{name}.log"
    return file.read_text(encoding="utf-8") if file.exists() else ""


def wait(what: str, holds: Callable[[], Any]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > deadline:
            logs = "\n".join(
                f"{one.stem}:\n{one.read_text()[-1000:]}" for one in PLACE.glob("*.log")
            )
            raise DemoFailed(f"{what} does not come about\n{logs}")
        time.sleep(POLL_S)


def main() -> int:
    """Build the mesh, if need be: where this machine's network is still to be seen."""
    if os.environ.get(INSIDE) != "1" and (why := mesh.prepare()):
        print(f"demo: {why}", file=sys.stderr)
        return 1
    return perform(show)


if __name__ == "__main__":
    sys.exit(main())
