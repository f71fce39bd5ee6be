# SPDX-License-Identifier: Apache-2.0
"""Links as the kernel has them, whoever made them: found, told apart, changed and deleted."""
