# SPDX-License-Identifier: Apache-2.0
"""gRPC with a mesh: TLS with SPIFFE on both sides, calls with their tokens."""
