# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between us and a mesh; the class says what to do next."""

from __future__ import annotations

import dataclasses

__all__ = [
    "BadContext",
    "BadMechanism",
    "BadPath",
    "BadToken",
    "Declined",
    "MeshError",
    "Refused",
    "Unavailable",
    "Untrusted",
]


class MeshError(Exception):
    """Base of all that is raised on purpose here."""


class BadPath(MeshError):
    """A connection's path does not say whose turn it is: whoever sent it broke the protocol."""


class BadMechanism(MeshError):
    """A mechanism that we do not have, or that does not say what is needed of it."""


class BadContext(MeshError):
    """Addresses or routes of a connection that nobody can set."""


class BadToken(MeshError):
    """A token that does not prove what it should."""


class Declined(MeshError):
    """An endpoint of ours does not want this client; another one may."""


class Untrusted(MeshError):
    """A peer without an identity that we trust, or we have none ourselves."""


class Unavailable(MeshError):
    """Nobody is there to ask; it may work later."""


@dataclasses.dataclass(eq=False)
class Refused(MeshError):
    """The mesh has said no, and why; asking in the same way again helps only where it changes."""

    code: str
    reason: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.code})"
