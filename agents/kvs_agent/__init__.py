# SPDX-License-Identifier: Apache-2.0
"""The agents: where configuration comes from, the command line, and the wiring of it all."""
