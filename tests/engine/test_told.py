# SPDX-License-Identifier: Apache-2.0
"""Stories told as they were told before: plans, their order, their reasons, and what came of them.

No law says that it has to be these. Where the engine learns to do better, told.txt is written
anew (``python -m tests.engine.telling``), and the difference says in what.
"""

from __future__ import annotations

import functools

import pytest

from tests.engine.telling import SEEDS, TOLD, tell


@functools.cache
def told() -> dict[int, str]:
    stories = TOLD.read_text().split("== ")[1:]
    return {int(story.split("\n", 1)[0]): f"== {story}" for story in stories}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_story_of_a_seed_is_told_as_before(seed: int) -> None:
    assert tell(seed) == told()[seed]
