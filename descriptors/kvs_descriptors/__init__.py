# SPDX-License-Identifier: Apache-2.0
"""Descriptors by southbound: one package each, independent of each other."""
