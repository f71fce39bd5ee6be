# SPDX-License-Identifier: Apache-2.0
"""Telling others where values stand."""
