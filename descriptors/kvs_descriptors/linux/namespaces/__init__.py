# SPDX-License-Identifier: Apache-2.0
"""Network namespaces as values: those that go by a name, and those of containers."""
