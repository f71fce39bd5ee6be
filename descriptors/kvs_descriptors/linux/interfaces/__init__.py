# SPDX-License-Identifier: Apache-2.0
"""Interfaces as values: made, marked, borrowed, changed, found again and given back."""
