# SPDX-License-Identifier: Apache-2.0
"""The demo: it shows what it promises, with root and without, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from tests.etcd.server import binary
from tests.machine import ROOT, environment, why_no_machine

DEMO = [sys.executable, str(ROOT / "examples" / "demo.py")]
# Somebody who is not root, but may read what root may: the interpreter can be in root's home.
WITHOUT_ROOT = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
TIMEOUT_S = 100

pytestmark = [
    pytest.mark.usefixtures("host_namespaces"),
    pytest.mark.skipif(bool(why_no_machine()), reason=why_no_machine() or "there are some"),
]


def start(*before: str) -> subprocess.Popen[str]:
    """Start the demo in a process group of its own."""
    return subprocess.Popen(
        [*before, *DEMO],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def assert_nobody_is_left(group: int) -> None:
    """Check that no process of the demo's group lives on."""
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)


@pytest.mark.parametrize("before", [(), WITHOUT_ROOT], ids=["as-we-are", "without-root"])
def test_the_demo_shows_the_main_job(before: tuple[str, ...]) -> None:
    with start(*before) as demo:
        out, err = demo.communicate(timeout=TIMEOUT_S)

    assert demo.returncode == 0, out[-2000:] + err
    assert "No changes. The southbound already matches." in out
    assert "Rolled back: everything stands as it did before." in out
    assert "digraph plan {" in out
    assert out.rstrip().endswith("That was the demo.")
    assert_nobody_is_left(demo.pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["# Do it.", "# Real packets", "# One command finds"])
def test_interrupted_at_any_moment_the_demo_leaves_nothing(
    moment: str, number: signal.Signals
) -> None:
    with start() as demo:
        assert demo.stdout is not None
        while not (line := demo.stdout.readline()).startswith(moment):
            assert line, demo.communicate()[1]
        demo.send_signal(number)
        out, _ = demo.communicate(timeout=TIMEOUT_S)

    assert demo.returncode == 128 + number
    assert "Interrupted: what was made vanishes with this process" in out
    assert_nobody_is_left(demo.pid)


def test_a_host_that_forbids_namespaces_gets_one_line() -> None:
    forbidding = "echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv"
    drop = "--bounding-set=-sys_admin --inh-caps=-sys_admin"

    with start("unshare", "-Ur", "sh", "-c", f'{forbidding} {drop} "$@"', "sh") as demo:
        out, err = demo.communicate(timeout=TIMEOUT_S)

    assert (demo.returncode, out) == (1, "")
    assert err.startswith("demo: this host forbids namespaces of one's own (unshare: ")
    assert err.count("\n") == 1


def test_the_readme_shows_what_the_demo_prints() -> None:
    (shown,) = [block for block in fenced_blocks() if block.startswith("# What would be done:")]

    with start() as demo:
        out, err = demo.communicate(timeout=TIMEOUT_S)

    printed = {without_numbers(line) for line in (out + err).splitlines()}
    of_ping = re.compile(r"PING|\d+ bytes|--- |\d+ packets|rtt |ping: |.* ping ")
    lines = [line for line in shown.splitlines() if not of_ping.match(line)]
    lacking = [line for line in lines if without_numbers(line) not in {*printed, "    [...]"}]
    assert lacking == []


def fenced_blocks() -> list[str]:
    """Return the blocks of text in the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def without_numbers(line: str) -> str:
    """Return a line without what differs from run to run."""
    return re.sub(r"\d+(\.\d+)?", "N", line)


@pytest.mark.skipif(binary() is None, reason="etcd is not installed")
def test_the_demo_of_an_agent_shows_what_it_promises() -> None:
    command = [sys.executable, str(ROOT / "examples" / "demo_agent.py")]
    demo = subprocess.run(
        command,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert demo.returncode == 0, demo.stdout[-2000:] + demo.stderr
    assert "mtuu: there is no such field: did you mean mtu?" in demo.stdout
    assert "Done in" in demo.stdout
    assert demo.stdout.rstrip().endswith("That was the demo.")
