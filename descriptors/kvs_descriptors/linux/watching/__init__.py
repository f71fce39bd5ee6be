# SPDX-License-Identifier: Apache-2.0
"""What others change, heard of from the kernel: from a notification to the keys to read again."""
