# SPDX-License-Identifier: Apache-2.0
"""Who we are in a mesh, and who the others are: identities by SPIFFE."""
