# SPDX-License-Identifier: Apache-2.0
"""kvsctl killed around each write to its journal and each message to the kernel, for real.

KVS_CRASH_POINTS=all tries every passage of every point, before and after it, for a good while;
otherwise it is the number of passages that are tried of each point in each phase.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.trial import PHASES, trials
from tests.machine import why_no_machine

TRIED = os.environ.get("KVS_CRASH_POINTS", "3")
POINTS = {"journal.write", "netlink.dump", "netlink.send"}
# Where the kernel has packet filter tables, they are looked at too.
PERHAPS = {"iptables.start"}
MOMENTS = ("kill-before", "kill-after")
ENDINGS = ("repair", "again", "destroy")

pytestmark = [
    pytest.mark.skipif(bool(why_no_machine()), reason=why_no_machine() or "there are some"),
    pytest.mark.timeout(7200 if TRIED == "all" else 240),
]


def tried(passages: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Yield which fail points are tried, and with which command after it."""
    for point, count in passages.items():
        if TRIED == "all":
            tries = list(itertools.product(range(1, count + 1), MOMENTS))
        else:
            last = max(1, int(TRIED) - 1)
            spread = [1 + index * (count - 1) // last for index in range(int(TRIED))]
            tries = list(zip(spread, itertools.cycle(MOMENTS), strict=False))
        for number, moment in tries:
            ending = ENDINGS[(number + MOMENTS.index(moment)) % len(ENDINGS)]
            yield f"{point}:{number}={moment}", ending


@pytest.mark.parametrize("name", PHASES)
def test_killed_there_the_next_command_ends_right_and_nothing_is_left(
    name: str, folder: Path
) -> None:
    killed, wrong = 0, []
    with contextlib.closing(trials(folder, PHASES[name])) as begun:
        passages = next(begun).passages()
        wishes = list(tried(passages))

        for wish, ending in wishes:
            trial = next(begun)
            try:
                killed += trial.die(wish)
                trial.end(ending)
            except AssertionError as error:
                wrong.append(f"KVS_FAILPOINT={wish}, then {ending}: {error}")

    sys.stdout.write(f"{name}: {passages}; {len(wishes)} tried, {killed} killed\n")
    assert not wrong, "\n".join(wrong)
    assert passages.keys() - PERHAPS == POINTS
    # How often the kernel is asked differs a little from run to run.
    assert killed > 0.8 * len(wishes)
