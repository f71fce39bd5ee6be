# SPDX-License-Identifier: Apache-2.0
"""What all parts of an agent share: its inside, its health, how settings are read."""
