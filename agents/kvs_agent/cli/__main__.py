# SPDX-License-Identifier: Apache-2.0
"""``python -m kvs_agent.cli``: the same as ``kvsctl``."""

from __future__ import annotations

import sys

from . import main

sys.exit(main())
