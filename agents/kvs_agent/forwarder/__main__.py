# SPDX-License-Identifier: Apache-2.0
"""``python -m kvs_agent.forwarder`` is nsm-forwarder-kernel."""

from __future__ import annotations

from .main import kernel_forwarder

if __name__ == "__main__":
    kernel_forwarder()
