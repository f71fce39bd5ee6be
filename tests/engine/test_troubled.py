# SPDX-License-Identifier: Apache-2.0
"""Stories of long trouble, told as they were told before: only their digests are kept.

As with told.txt, no law says that it has to be these. Look at what has changed in a story or two
(``python -m tests.engine.troubled 17``, here and at the commit before), then have them written
anew (``python -m tests.engine.troubled``).
"""

from __future__ import annotations

import pytest

from tests.engine.troubled import SEEDS, digest, digests, tell


@pytest.mark.parametrize("seed", SEEDS)
def test_the_story_of_a_troubled_seed_is_told_as_before(seed: int) -> None:
    assert digest(tell(seed)) == digests()[seed]
