# SPDX-License-Identifier: Apache-2.0
"""``python -m kvs_agent.daemon`` is nsm-agent-linux."""

from __future__ import annotations

from .main import linux_agent

if __name__ == "__main__":
    linux_agent()
