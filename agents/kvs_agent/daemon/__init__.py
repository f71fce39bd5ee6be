# SPDX-License-Identifier: Apache-2.0
"""The agents as daemons: what they are made of, their settings, and their lives."""
