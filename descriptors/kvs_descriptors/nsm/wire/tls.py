# SPDX-License-Identifier: Apache-2.0
"""TLS as SPIFFE has it: both sides prove an ID of the trust domain, host names mean nothing."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import os
import ssl

from cryptography import x509

from ..errors import Untrusted
from ..identity.svid import Identity, peer_identity

__all__ = ["Peer", "client_context", "peer_of", "server_context"]


@dataclasses.dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a connection, and as whom we have shown ourselves on it."""

    id: str
    certificate: x509.Certificate
    ours: Identity

    @property
    def expires(self) -> datetime.datetime:
        """Return until when both sides' certificates are valid."""
        return min(self.certificate.not_valid_after_utc, self.ours.svid.expires)


def client_context(identity: Identity) -> ssl.SSLContext:
    """Return how we connect."""
    return _context(ssl.PROTOCOL_TLS_CLIENT, identity)


def server_context(identity: Identity) -> ssl.SSLContext:
    """Return how we are connected to."""
    return _context(ssl.PROTOCOL_TLS_SERVER, identity)


def peer_of(writer: asyncio.StreamWriter, identity: Identity) -> Peer:
    """Return who is at the other end; raise ``Untrusted`` where it is nobody of ours."""
    connection = writer.get_extra_info("ssl_object")
    der = connection.getpeercert(binary_form=True) if connection is not None else None
    if not der:
        raise Untrusted("the other side has shown no certificate")
    certificate = x509.load_der_x509_certificate(der)
    return Peer(peer_identity(identity, certificate), certificate, identity)


def _context(side: int, identity: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The ID is checked instead of the host name, right after the handshake: see peer_of.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    # An authority of the bundle may be signed by another one: it is trusted as it is.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["h2"])
    context.load_verify_locations(cadata=identity.bundle_pem().decode())
    _load_chain(context, identity)
    return context


def _load_chain(context: ssl.SSLContext, identity: Identity) -> None:
    # OpenSSL's binding takes files only. This one is memory, the key never reaches a disk.
    file = os.memfd_create("svid", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(file), "wb") as writer:
            writer.write(identity.svid.key_pem() + identity.svid.chain_pem())
        context.load_cert_chain(f"/proc/self/fd/{file}")
    except ssl.SSLError as error:
        raise Untrusted(f"our own identity is not usable: {error}") from error
    finally:
        os.close(file)
