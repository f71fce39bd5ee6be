# SPDX-License-Identifier: Apache-2.0
"""The laws that every descriptor has to keep, checked by a ready state machine."""
