# SPDX-License-Identifier: Apache-2.0
"""What is above the link: addresses, routes, fixed neighbours."""
