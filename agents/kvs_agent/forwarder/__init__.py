# SPDX-License-Identifier: Apache-2.0
"""A forwarder of Network Service Mesh: cables between clients and endpoints, all or nothing."""
