# SPDX-License-Identifier: Apache-2.0
"""What lasts in a mesh, kept up for as long as it is wanted: registrations and connections."""
