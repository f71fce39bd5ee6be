# SPDX-License-Identifier: Apache-2.0
"""Network Service Mesh, v1: clients and endpoints that are not written in Go."""
