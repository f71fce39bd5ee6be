# SPDX-License-Identifier: Apache-2.0
"""An identity: a certificate with its key, and the authorities that others are checked by."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ..errors import Untrusted
from . import spiffe_id

__all__ = ["Identity", "Svid", "peer_identity"]

_PEM: Final = serialization.Encoding.PEM
# DER: a tag, then a length in one byte, or in as many as the first one says beyond 0x80.
_SEQUENCE: Final = 0x30
_LONG_FORM: Final = 0x80
_HEAD_BYTES: Final = 2
_MAX_LENGTH_BYTES: Final = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Svid:
    """A SPIFFE ID with the certificates that prove it, the leaf first, and the leaf's key."""

    id: str
    chain: tuple[x509.Certificate, ...]
    key: ec.EllipticCurvePrivateKey = dataclasses.field(repr=False)

    @property
    def expires(self) -> datetime.datetime:
        """Return until when the leaf is valid."""
        return self.chain[0].not_valid_after_utc

    def chain_pem(self) -> bytes:
        """Return the certificates as OpenSSL reads them."""
        return b"".join(one.public_bytes(_PEM) for one in self.chain)

    def key_pem(self) -> bytes:
        """Return the key as OpenSSL reads it."""
        form, encryption = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self.key.private_bytes(_PEM, form, encryption)


@dataclasses.dataclass(frozen=True, slots=True)
class Identity:
    """What we are at a time, and whom we believe: the authorities of our own trust domain."""

    svid: Svid
    bundle: tuple[x509.Certificate, ...]

    @property
    def domain(self) -> str:
        """Return the trust domain."""
        return spiffe_id.trust_domain(self.svid.id)

    def bundle_pem(self) -> bytes:
        """Return the authorities as OpenSSL reads them."""
        return b"".join(one.public_bytes(_PEM) for one in self.bundle)

    @classmethod
    def from_der(cls, chain: bytes, key: bytes, bundle: bytes) -> Identity:
        """Read what a Workload API hands out."""
        try:
            certificates = tuple(_split(chain))
            private = serialization.load_der_private_key(key, password=None)
            authorities = tuple(_split(bundle))
        except (ValueError, TypeError) as error:
            raise Untrusted(f"the identity given to us cannot be read: {error}") from error
        if not certificates or not authorities:
            raise Untrusted("the identity given to us has no certificate, or no authority")
        if (
            not isinstance(private, ec.EllipticCurvePrivateKey)
            or private.curve.name != "secp256r1"
        ):
            # Tokens are signed with it, and the mesh knows ES256 only.
            raise Untrusted("the key given to us is not of the curve P-256")
        identity = spiffe_id.of_certificate(certificates[0])
        return cls(Svid(identity, certificates, private), authorities)


def peer_identity(identity: Identity, certificate: x509.Certificate) -> str:
    """Return whose certificate it is, which OpenSSL has found to be signed by our authorities."""
    found = spiffe_id.of_certificate(certificate)
    if spiffe_id.trust_domain(found) != identity.domain:
        # Our authorities may only speak for their own domain.
        raise Untrusted(f"{found} is not of the trust domain {identity.domain}")
    return found


def _split(der: bytes) -> list[x509.Certificate]:
    """Split certificates that stand one after another."""
    found = []
    while der:
        length = _length(der)
        found.append(x509.load_der_x509_certificate(der[:length]))
        der = der[length:]
    return found


def _length(der: bytes) -> int:
    """Return how many bytes the first element has, with its head: a tag and a length."""
    if len(der) < _HEAD_BYTES or der[0] != _SEQUENCE:
        raise ValueError("not a certificate in DER")
    count = der[1] - _LONG_FORM
    if count < 0:
        return _HEAD_BYTES + der[1]
    end = _HEAD_BYTES + count
    if not 1 <= count <= _MAX_LENGTH_BYTES or len(der) < end:
        raise ValueError("not a certificate in DER")
    return end + int.from_bytes(der[_HEAD_BYTES:end], "big")
