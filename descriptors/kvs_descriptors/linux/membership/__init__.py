# SPDX-License-Identifier: Apache-2.0
"""What is plugged into what: ports into bridges, members into bonds, interfaces into VRFs."""
