# SPDX-License-Identifier: Apache-2.0
"""What others talk to: gRPC and REST, and who may do what."""
