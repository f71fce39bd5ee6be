# SPDX-License-Identifier: Apache-2.0
"""Route netlink: messages as bytes, the sockets they travel through, and what the kernel tells."""
