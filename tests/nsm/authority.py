# SPDX-License-Identifier: Apache-2.0
"""A trust domain, and identities in it, made on the spot as SPIRE would make them."""

from __future__ import annotations

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kvs_descriptors.nsm.identity.svid import Identity, Svid

__all__ = ["Authority", "write"]

_A_MINUTE = datetime.timedelta(minutes=1)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text)])


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


class Authority:
    """Signs identities of one trust domain."""

    def __init__(self, domain: str = "test.nsm") -> None:
        self.domain = domain
        self._key = ec.generate_private_key(ec.SECP256R1())
        name, now = _name(f"authority of {domain}"), _now()
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _A_MINUTE)
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(is_authority=True), critical=True)
            .add_extension(_uris(f"spiffe://{domain}"), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def identity(
        self, name: str, *uris: str, life: datetime.timedelta = datetime.timedelta(minutes=50)
    ) -> Identity:
        """Return an identity; the URIs are for those that are not as they should be."""
        key, now = ec.generate_private_key(ec.SECP256R1()), _now()
        uris = uris or (f"spiffe://{self.domain}/{name}",)
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        leaf = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _A_MINUTE)
            .not_valid_after(now + life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(is_authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(_uris(*uris), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        svid = Svid(id=uris[0], chain=(leaf,), key=key)
        return Identity(svid=svid, bundle=(self.certificate,))


def _uris(*uris: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])


def write(identity: Identity, folder: Path, name: str) -> dict[str, Path]:
    """Write an identity for a program that reads files; return where."""
    folder.mkdir(parents=True, exist_ok=True)
    pem = serialization.Encoding.PEM
    files = {part: folder / f"{name}.{part}.pem" for part in ("cert", "key", "bundle")}
    files["cert"].write_bytes(b"".join(one.public_bytes(pem) for one in identity.svid.chain))
    files["bundle"].write_bytes(b"".join(one.public_bytes(pem) for one in identity.bundle))
    private = identity.svid.key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    files["key"].write_bytes(private)
    return files
