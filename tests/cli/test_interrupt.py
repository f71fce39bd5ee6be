# SPDX-License-Identifier: Apache-2.0
"""What a signal does: before a change, within one, and during a question."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from kvs_agent.cli.interrupt import Interrupts
from tests.machine import environment

LOOP = "import asyncio, os, signal; from kvs_agent.cli.interrupt import Interrupts"


def run_script(body: str) -> subprocess.CompletedProcess[str]:
    """Run a coroutine's body in a process of its own, with its signals as they are there."""
    script = f"{LOOP}\nasync def main():\n{body}\nprint(asyncio.run(main()))"
    return subprocess.run(
        [sys.executable, "-c", script],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_before_a_change_a_signal_cancels_the_work(number: signal.Signals) -> None:
    async def work() -> int:
        with Interrupts() as interrupts:
            try:
                os.kill(os.getpid(), number)
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                return interrupts.number
        return 0

    assert asyncio.run(work()) == number


def test_within_a_change_the_first_signal_waits_until_it_is_finished() -> None:
    done = run_script(
        "  with Interrupts() as interrupts:\n"
        "    with interrupts.unbroken():\n"
        "      os.kill(os.getpid(), signal.SIGINT)\n"
        "      await asyncio.sleep(0.05)\n"
        "      finished = 'finished'\n"
        "    return finished, interrupts.number"
    )

    assert (done.returncode, done.stdout) == (0, "('finished', 2)\n")
    assert done.stderr == (
        "interrupted: what has begun is finished first; once more to stop at once\n"
    )


def test_within_a_change_the_second_signal_ends_the_process() -> None:
    done = run_script(
        "  with Interrupts() as interrupts:\n"
        "    with interrupts.unbroken():\n"
        "      os.kill(os.getpid(), signal.SIGINT)\n"
        "      await asyncio.sleep(0.05)\n"
        "      os.kill(os.getpid(), signal.SIGTERM)\n"
        "      await asyncio.sleep(5)\n"
    )

    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "")


def test_a_change_does_not_begin_once_a_signal_has_come() -> None:
    async def work() -> str:
        with Interrupts() as interrupts:
            try:
                os.kill(os.getpid(), signal.SIGINT)
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                try:
                    with interrupts.unbroken():
                        return "begun"
                except asyncio.CancelledError:
                    return "withdrawn"
        return "unheard"

    assert asyncio.run(work()) == "withdrawn"


def test_a_question_can_be_left_as_in_other_programs() -> None:
    done = run_script(
        "  with Interrupts() as interrupts:\n"
        "    try:\n"
        "      with interrupts.let_through():\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        return 'unheard'\n"
        "    except KeyboardInterrupt:\n"
        "      return 'left', interrupts.number"
    )

    assert (done.returncode, done.stdout) == (0, "('left', 0)\n")
