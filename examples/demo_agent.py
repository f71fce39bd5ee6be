# SPDX-License-Identifier: Apache-2.0
"""Show nsm-agent-linux with a real etcd, in namespaces that vanish with this process."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from staging import (
    HERE,
    DemoFailed,
    child,
    inside,
    kvsctl,
    no_namespace_is_left,
    perform,
    run,
    say,
)

PLACE = Path("/run/kvs-demo-agent")
SOCKET = f"unix:{PLACE / 'run' / 'agent.sock'}"
PREFIX = "/vnf-agent/vpp1/"
INTERFACE = "config/linux/interfaces/v2/interface/"
LEFT, RIGHT = "kvs-demo-left", "kvs-demo-right"
ADDRESS = "10.78.0.2"
WAIT_S = 20.0
POLL_S = 0.05

BLUE: dict[str, Any] = {
    "name": "blue",
    "type": "VETH",
    "enabled": True,
    "namespace": {"type": "NSID", "reference": RIGHT},
    "ipAddresses": [f"{ADDRESS}/24"],
    "veth": {"peerIfName": "red"},
}
RED: dict[str, Any] = {
    "name": "red",
    "type": "VETH",
    "enabled": True,
    "namespace": {"type": "NSID", "reference": LEFT},
    "ipAddresses": ["10.78.0.1/24"],
    "veth": {"peerIfName": "blue"},
}
EXTRA = """\
linuxConfig:
  interfaces:
    - name: extra
      type: TAP
      enabled: true
      namespace: {type: NSID, reference: kvs-demo-left}
      ip_addresses: [10.78.9.1/24]
"""


def show() -> None:
    """Walk through an agent's day, checking each step as it goes."""
    os.chdir(HERE)
    prepare()
    with contextlib.ExitStack() as running:
        say("A key-value store, and an agent that follows it. Neither knows anything yet.")
        store = running.enter_context(start_etcd())
        agent = running.enter_context(start_agent())
        print(f"$ export KVSCTL_AGENT={SOCKET}", flush=True)
        os.environ["KVSCTL_AGENT"] = SOCKET

        say("Two keys make a cable between two network namespaces:")
        put(red=RED, blue=BLUE)
        wait("the cable", lambda: reaches(ADDRESS))
        ping(ADDRESS)
        say("What became of it stands in etcd as well, and the agent tells more:")
        etcdctl("get", "--print-value-only", f"{PREFIX}config-status/{INTERFACE[7:]}red")
        kvsctl("get", "--sources")

        say("A mistake costs itself alone: the last good value stands.")
        put(red={**RED, "mtuu": 1400})
        wait("the mistake", lambda: "INVALID" in explained(f"{INTERFACE}red"))
        kvsctl("explain", f"{INTERFACE}red")
        ping(ADDRESS)
        put(red=RED)

        say("Somebody breaks things. Nobody asks for a repair; it is there before the next ping.")
        inside(LEFT, "ip", "link", "delete", "red")
        wait("the repair", lambda: reaches(ADDRESS))
        ping(ADDRESS)

        say("Both are killed, and things break. The next start knows what is wanted without etcd.")
        kill("nsm-agent-linux", agent)
        kill("etcd", store)
        inside(RIGHT, "ip", "address", "flush", "dev", "blue")
        agent = running.enter_context(start_agent())
        wait("the repair", lambda: reaches(ADDRESS))
        ping(ADDRESS)

        say("A person adds something meanwhile: planned first, then all or nothing.")
        (PLACE / "extra.yaml").write_text(EXTRA, encoding="utf-8")
        kvsctl("plan", str(PLACE / "extra.yaml"))
        kvsctl("apply", "--quiet", "--revert", str(PLACE / "extra.yaml"))

        say("etcd is back, and its keys go. What the person added stays.")
        store = running.enter_context(start_etcd())
        etcdctl("del", "--prefix", f"{PREFIX}config/")
        wait("the end of the cable", lambda: not reaches(ADDRESS))
        kvsctl("get", "--sources")

        say("Remove the rest, and stop.")
        kvsctl("destroy", "--yes")
        end(agent, signal.SIGTERM)
        end(store, signal.SIGTERM)
    no_namespace_is_left()
    say("No namespace is left. That was the demo.")


def prepare() -> None:
    """Check what is there, and lay out what the agent is told."""
    for program, package in (("etcd", "etcd-server"), ("etcdctl", "etcd-client")):
        if not shutil.which(program):
            raise DemoFailed(f"{program} is missing: install {package}")
    os.environ["ETCDCTL_API"] = "3"
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    (PLACE / "conf").mkdir(parents=True)
    settings = "endpoints: [127.0.0.1:2379]\npublish-status: true\n"
    (PLACE / "conf" / "etcd.conf").write_text(settings, encoding="utf-8")


def start_etcd() -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    """Start etcd, its log kept away."""
    print("$ etcd &", flush=True)
    script = f"exec etcd --data-dir {PLACE / 'etcd'} >>{PLACE / 'etcd.log'} 2>&1"
    return child(["sh", "-c", script])


@contextlib.contextmanager
def start_agent() -> Any:
    """Start the agent, its log kept away, and wait until it answers."""
    print("$ nsm-agent-linux &", flush=True)
    folders = {"config": "conf", "state": "state", "runtime": "run"}
    options = " ".join(f"--{name}-dir={PLACE / place}" for name, place in folders.items())
    command = f"exec {sys.executable} -m kvs_agent.daemon {options} >>{PLACE / 'agent.log'} 2>&1"
    with child(["sh", "-c", command]) as agent:
        wait("the agent", lambda: agent.poll() is None and answers())
        yield agent


def end(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal a process, as somebody else would, and wait for its end."""
    process.send_signal(number)
    process.wait(WAIT_S)


def kill(name: str, process: subprocess.Popen[bytes]) -> None:
    """Kill a process as nothing can be prepared for."""
    print(f"$ kill -9 {process.pid}  # {name}", flush=True)
    end(process, signal.SIGKILL)


def put(**interfaces: dict[str, Any]) -> None:
    """Write interfaces into etcd."""
    for name, one in interfaces.items():
        etcdctl("put", key(name), json.dumps(one))


def key(name: str) -> str:
    """Return the key of an interface in etcd."""
    return f"{PREFIX}{INTERFACE}{name}"


def etcdctl(*arguments: str) -> None:
    """Run etcdctl as a spectator would."""
    run(["etcdctl", *arguments], shown=["etcdctl", *arguments], fails=False)


def ping(address: str) -> None:
    """Send real packets from the left to the right."""
    inside(LEFT, "ping", "-c", "1", "-W", "1", address)


def reaches(address: str) -> bool:
    """Tell whether packets get through."""
    command = ["nsenter", f"--net=/run/netns/{LEFT}", "ping", "-c", "1", "-W", "1", address]
    return not subprocess.run(command, capture_output=True, check=False).returncode


def asked(*arguments: str) -> str | None:
    """Return what the agent answers to kvsctl, None where it does not."""
    command = [sys.executable, "-m", "kvs_agent.cli", "--agent", SOCKET, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def answers() -> bool:
    """Tell whether the agent can be asked."""
    return asked("info") is not None


def explained(value: str) -> str:
    """Return how a value stands."""
    return asked("explain", value) or ""


def wait(what: str, holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > deadline:
            log = PLACE / "agent.log"
            told = log.read_text(encoding="utf-8")[-2000:] if log.exists() else ""
            raise DemoFailed(f"{what} does not come about\n{told}")
        time.sleep(POLL_S)


if __name__ == "__main__":
    sys.exit(perform(show))
