# SPDX-License-Identifier: Apache-2.0
"""How hard hypothesis tries, in all tests: HYPOTHESIS_PROFILE=dev (the default), ci, search, raw.

dev and ci repeat the same examples; search draws new ones; raw does too and reduces nothing,
for a first look. HYPOTHESIS_EXAMPLES overrides how many of them.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

_EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "0"))
_CHECKS = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
_COMMON = settings(deadline=None, suppress_health_check=_CHECKS, report_multiple_bugs=False)

settings.register_profile("dev", _COMMON, max_examples=_EXAMPLES or 60, derandomize=True)
settings.register_profile("ci", _COMMON, max_examples=_EXAMPLES or 300, derandomize=True)
settings.register_profile("search", _COMMON, max_examples=_EXAMPLES or 2000)
settings.register_profile(
    "raw",
    _COMMON,
    max_examples=_EXAMPLES or 500,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
