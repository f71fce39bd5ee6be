# SPDX-License-Identifier: Apache-2.0
"""Endpoints: they are asked for connections, keep them until they expire, and tell of them."""
