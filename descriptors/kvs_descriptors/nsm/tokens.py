# SPDX-License-Identifier: Apache-2.0
"""Tokens: who calls whom, until when, signed with the key of the caller's certificate."""

from __future__ import annotations

import dataclasses
import datetime
import functools
from collections.abc import Iterable, Mapping
from typing import Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from kvs_proto.networkservice.connection_pb2 import PathSegment

from .errors import BadToken

__all__ = ["Token", "check", "check_chain", "from_metadata", "issue", "metadata", "unproved"]

Metadata = tuple[tuple[str, str], ...]

_TOKEN: Final = "nsm-client-token"  # noqa: S105 - the name of a header
_EXPIRES: Final = "nsm-client-token-expires"
_ALGORITHM: Final = "ES256"
_MAX_TOKEN_BYTES: Final = 16 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Token:
    """A token, and when it expires."""

    text: str = dataclasses.field(repr=False)
    expires: datetime.datetime


def issue(
    key: ec.EllipticCurvePrivateKey, subject: str, audience: str, expires: datetime.datetime
) -> Token:
    """Make a token. Its last second is a whole one."""
    end = expires.replace(microsecond=0)
    # The audience has to be a list: the mesh refuses a plain text.
    claims = {"sub": subject, "aud": [audience], "exp": int(end.timestamp())}
    return Token(jwt.encode(claims, key, algorithm=_ALGORITHM), end)


@functools.cache
def _throwaway() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def unproved(expires: datetime.datetime) -> Token:
    """Make a token for where nobody can check one: the mesh reads its form all the same."""
    return issue(_throwaway(), "spiffe://insecure/us", "spiffe://insecure/them", expires)


def metadata(token: Token) -> Metadata:
    """Return what goes along with a call."""
    end = token.expires.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    return ((_TOKEN, token.text), (_EXPIRES, end))


def from_metadata(received: Iterable[tuple[str, str | bytes]]) -> Token:
    """Read the token that has come with a call."""
    found = {key: value for key, value in received if key in {_TOKEN, _EXPIRES}}
    text, end = found.get(_TOKEN), found.get(_EXPIRES)
    if not isinstance(text, str) or not isinstance(end, str):
        raise BadToken(f"the call came without {_TOKEN} or {_EXPIRES}")
    if len(text) > _MAX_TOKEN_BYTES:
        raise BadToken(f"the token has more than {_MAX_TOKEN_BYTES} bytes")
    try:
        expires = datetime.datetime.fromisoformat(end)
    except ValueError as error:
        raise BadToken(f"{_EXPIRES} is no point in time: {end[:64]!r}") from error
    if expires.tzinfo is None:
        raise BadToken(f"{_EXPIRES} names no time zone: {end[:64]!r}")
    return Token(text, expires)


def check(token: str, certificate: x509.Certificate, audience: str, now: datetime.datetime) -> str:
    """Return whose token it is: signed by who holds the certificate, for us, and not expired."""
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise BadToken("the caller's certificate has no key of an elliptic curve")
    try:
        jwt.PyJWS().decode(token, key, algorithms=[_ALGORITHM])
    except (jwt.PyJWTError, ValueError) as error:  # not each of its own
        raise BadToken(f"the token is not signed with the caller's key: {error}") from error
    claims = _claims(token)
    _check_life(claims, now)
    if audience not in _audience(claims):
        raise BadToken(f"the token is not for {audience}")
    return _subject(claims)


def check_chain(segments: Iterable[PathSegment], now: datetime.datetime) -> None:
    """Check that each token of a path is alive, and meant for who comes next."""
    before: tuple[str, ...] | None = None
    for segment in segments:
        claims = _claims(segment.token)
        _check_life(claims, now)
        if before is not None and _subject(claims) not in before:
            raise BadToken(f"the token before {segment.name}'s is meant for somebody else")
        before = _audience(claims)


def _claims(token: str) -> Mapping[str, object]:
    try:
        # Only the last one's signature can be checked: with its certificate.
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError) as error:  # not each of its own
        raise BadToken(f"not a token: {error}") from error
    return dict(claims)


def _check_life(claims: Mapping[str, object], now: datetime.datetime) -> None:
    end = claims.get("exp")
    if not isinstance(end, (int, float)) or isinstance(end, bool):
        raise BadToken("the token does not say when it expires")
    if end <= now.timestamp():
        raise BadToken("the token has expired")


def _subject(claims: Mapping[str, object]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise BadToken("the token does not say whose it is")
    return subject


def _audience(claims: Mapping[str, object]) -> tuple[str, ...]:
    audience = claims.get("aud")
    if not isinstance(audience, list):
        raise BadToken("the token does not say whom it is for")
    return tuple(one for one in audience if isinstance(one, str))
