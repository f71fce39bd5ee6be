# SPDX-License-Identifier: Apache-2.0
"""Tokens as they should not be, and a way to send them."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import AsyncIterator, Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from kvs_descriptors.nsm import tokens
from kvs_descriptors.nsm.identity.svid import Identity
from kvs_descriptors.nsm.wire.address import Address
from kvs_descriptors.nsm.wire.link import Link
from kvs_descriptors.nsm.wire.links import now

__all__ = ["FORGED", "Forge", "forge", "opened", "proper"]

Metadata = tuple[tuple[str, str], ...]
Forge = Callable[[Identity, str], Metadata]

_LIFE = datetime.timedelta(minutes=10)


def proper(identity: Identity, audience: str) -> Metadata:
    """Return what goes along with a call as it should."""
    svid = identity.svid
    return tokens.metadata(tokens.issue(svid.key, svid.id, audience, now() + _LIFE))


def forge(
    algorithm: str = "ES256", *, foreign: bool = False, without: str = "", **claims: Any
) -> Forge:
    """Make tokens that are wrong in one point."""

    def forged(identity: Identity, audience: str) -> Metadata:
        whole = {
            "sub": identity.svid.id,
            "aud": [audience],
            "exp": int((now() + _LIFE).timestamp()),
            **claims,
        }
        whole.pop(without, None)
        key: Any = ec.generate_private_key(ec.SECP256R1()) if foreign else identity.svid.key
        key = "k" * 32 if algorithm == "HS256" else None if algorithm == "none" else key
        text = jwt.encode(whole, key, algorithm=algorithm)
        return tokens.metadata(tokens.Token(text, now() + _LIFE))

    return forged


def _nothing(identity: Identity, audience: str) -> Metadata:
    return ()


def _nonsense(identity: Identity, audience: str) -> Metadata:
    return tokens.metadata(tokens.Token("nonsense", now() + _LIFE))


def _plain_audience(identity: Identity, audience: str) -> Metadata:
    return forge(aud=audience)(identity, audience)


FORGED: dict[str, Forge] = {
    "no token": _nothing,
    "no token but nonsense": _nonsense,
    "no audience": forge(without="aud"),
    "another audience": forge(aud=["spiffe://test.nsm/somebody-else"]),
    "an audience that is no list": _plain_audience,
    "an expired token": forge(exp=1),
    "a foreign key": forge(foreign=True),
    "HS256": forge("HS256"),
}


@contextlib.asynccontextmanager
async def opened(url: str, identity: Identity) -> AsyncIterator[tuple[Link, str]]:
    """Lend a connection on which any metadata can be sent, and the other end's ID."""
    link = Link(Address.parse(url), identity)
    await link.open()
    try:
        await link.until_ready(30)
        assert link.peer is not None
        yield link, link.peer.id
    finally:
        await link.close()
