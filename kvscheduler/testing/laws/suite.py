# SPDX-License-Identifier: Apache-2.0
"""``descriptor_laws``: a test of one's own descriptor on one's own southbound, in one line."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase
from hypothesis import settings as Settings  # noqa: N812 - a class, and settings an argument
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from ...descriptor import Descriptor
from .machine import DescriptorLaws, Kit
from .rig import Rig

__all__ = ["descriptor_laws"]

R = TypeVar("R", bound=Rig)

_EXAMPLES = 60
_STEPS = 12


def descriptor_laws(
    descriptor: Callable[[R], Descriptor[Any, Any] | Sequence[Descriptor[Any, Any]]],
    *,
    values: st.SearchStrategy[tuple[str, Any]],
    southbound: Callable[[], R],
    settings: Settings | None = None,
) -> type[unittest.TestCase]:
    """Return a test case that does to a descriptor what engines, crashes and others do.

    ``southbound`` makes a new ``Rig`` for each example, and ``descriptor`` new descriptors on
    it, at first and after each crash: one, or several where values derive or need others'
    values. ``values`` draws keys with values; let the keys be few, so that they meet again. What
    breaks a law is shortened by hypothesis, and raised as ``LawBroken``.

    Without ``settings`` the same examples are tried each time, 60 of up to 12 steps.
    """
    kit = Kit(family=descriptor, values=values, southbound=southbound)
    machine = type("DescriptorLaws", (DescriptorLaws,), {"kit": kit})
    chosen = settings or Settings(
        max_examples=_EXAMPLES,
        stateful_step_count=_STEPS,
        derandomize=True,
        deadline=None,
        report_multiple_bugs=False,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],  # explaining takes longer than all
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.filter_too_much,
        ],
    )

    class DescriptorLawsTest(unittest.TestCase):
        """The laws of one descriptor."""

        def runTest(self) -> None:  # noqa: N802 - unittest's name
            """Try the laws on generated values."""
            kit.created = 0
            run_state_machine_as_test(machine, settings=chosen)
            kit.check()

    return DescriptorLawsTest
