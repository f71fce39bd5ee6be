# SPDX-License-Identifier: Apache-2.0
"""Clients of network services as values, and their connections as properties."""
