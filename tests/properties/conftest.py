# SPDX-License-Identifier: Apache-2.0
"""How hard hypothesis tries: HYPOTHESIS_PROFILE=dev (quick, repeatable), ci, search,
or raw (nothing is reduced, for a first look).
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

_CHECKS = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

settings.register_profile(
    "dev", deadline=None, max_examples=60, derandomize=True, suppress_health_check=_CHECKS
)
settings.register_profile(
    "ci", deadline=None, max_examples=300, derandomize=True, suppress_health_check=_CHECKS
)
settings.register_profile(
    "search",
    deadline=None,
    max_examples=2000,
    suppress_health_check=_CHECKS,
)
settings.register_profile(
    "raw",
    deadline=None,
    max_examples=1000,
    suppress_health_check=_CHECKS,
    phases=[Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
    database=None,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
