# SPDX-License-Identifier: Apache-2.0
"""Show kvsctl at work on real Linux networking, in namespaces that vanish with this process."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from staging import HERE, inside, kvsctl, no_namespace_is_left, perform, say

STATE = Path("/run/kvsctl-demo/state.db")

CLIENT, SERVER = "kvs-demo-client", "kvs-demo-server"
SERVER_ADDRESS = "10.77.2.10"
TOPOLOGY, REFUSED = "topology.yaml", "refused.yaml"


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
    no_namespace_is_left()
    say("No namespace is left. That was the demo.")


def reach(address: str, *, fails: bool = False) -> None:
    """Send real packets from the client, and check whether answers come."""
    if shutil.which("ping"):
        inside(CLIENT, "ping", "-c", "2", "-i", "0.2", "-W", "1", address, fails=fails)
    else:
        inside(CLIENT, sys.executable, "ping.py", address, "2", fails=fails)


if __name__ == "__main__":
    sys.exit(perform(show))
