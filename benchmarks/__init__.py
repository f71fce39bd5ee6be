# SPDX-License-Identifier: Apache-2.0
"""What the engine costs: ``make bench`` measures, ``benchmarks/RESULTS.md`` keeps the figures."""
