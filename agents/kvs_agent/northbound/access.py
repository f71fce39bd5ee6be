# SPDX-License-Identifier: Apache-2.0
"""Who may do what: roles, given by certificates, by tokens, or to whoever can reach a socket."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Mapping

__all__ = ["Access", "AccessDenied", "Role", "role_of"]


class Role(enum.IntEnum):
    """What a peer may do; each role may do what those below it may.

    READ looks, WRITE changes what is wanted, and how much is logged; ADMIN sees secrets, and
    gives commands to the southbound past the engine.
    """

    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3


class AccessDenied(Exception):
    """A peer asked for more than its role allows; ``is_known`` is False where it showed none."""

    def __init__(self, needed: Role, has: Role, *, is_known: bool) -> None:
        super().__init__(f"this takes the role {needed.name.lower()}, not {has.name.lower()}")
        self.needed = needed
        self.is_known = is_known


def role_of(name: str) -> Role:
    """Return the role of a name such as "read"; ``ValueError`` names those that there are."""
    try:
        return Role[name.upper()]
    except KeyError:
        known = ", ".join(role.name.lower() for role in Role)
        raise ValueError(f"{name!r} is no role: one of {known}") from None


@dataclasses.dataclass(frozen=True, slots=True)
class Access:
    """Roles by the subject alternative names of certificates, as ``TYPE:VALUE`` or plain values.

    ``anonymous`` is the role of a peer that shows no certificate: of all who can reach loopback.
    ``socket`` is that of one at a unix socket, for whom the folder's mode answers; None: the same.
    ``verified`` is that of one whose certificate is good, and whose names nobody listed.
    """

    by_san: Mapping[str, Role] = dataclasses.field(default_factory=dict)
    anonymous: Role = Role.NONE
    verified: Role = Role.NONE
    socket: Role | None = None

    def at_socket(self) -> Access:
        """Return what holds at a unix socket."""
        return self if self.socket is None else dataclasses.replace(self, anonymous=self.socket)

    def role(self, names: Iterable[str] | None) -> Role:
        """Return the role of a peer whose certificate bears these names; None: it showed none."""
        if names is None:
            return self.anonymous
        return max((self.by_san.get(name, self.verified) for name in names), default=self.verified)

    def check(self, needed: Role, names: Iterable[str] | None) -> Role:
        """Return the peer's role, or raise ``AccessDenied`` where it does not suffice."""
        has = self.role(names)
        if has < needed:
            raise AccessDenied(needed, has, is_known=names is not None)
        return has
