# SPDX-License-Identifier: Apache-2.0
"""SPIFFE IDs: how they are written, and which one a certificate bears."""

from __future__ import annotations

import re

from cryptography import x509

from ..errors import Untrusted

__all__ = ["of_certificate", "trust_domain"]

_MAX_BYTES = 2048
_FORM = re.compile(r"spiffe://([a-z0-9._-]{1,255})((?:/[A-Za-z0-9._-]+)*)")


def trust_domain(identity: str) -> str:
    """Return the trust domain of a SPIFFE ID; refuse what is none."""
    found = _FORM.fullmatch(identity)
    if found is None or len(identity) > _MAX_BYTES or _has_dots(found[2]):
        raise Untrusted(f"not a SPIFFE ID: {identity[:200]!r}")
    return found[1]


def _has_dots(path: str) -> bool:
    return any(part in {".", ".."} for part in path.split("/"))


def of_certificate(certificate: x509.Certificate) -> str:
    """Return whose certificate it is: it bears one URI, and signs no others."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        limits = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        is_authority = limits.value.ca
    except x509.ExtensionNotFound as error:
        if error.oid != x509.BasicConstraints.oid:
            raise Untrusted("the certificate bears no SPIFFE ID") from error
        is_authority = False
    except ValueError as error:
        raise Untrusted(f"the certificate cannot be read: {error}") from error
    uris = names.value.get_values_for_type(x509.UniformResourceIdentifier)
    if is_authority:
        raise Untrusted("the certificate is an authority's, nobody calls with it")
    if len(uris) != 1:
        raise Untrusted(f"the certificate bears {len(uris)} URIs, a SPIFFE ID is the only one")
    trust_domain(uris[0])
    return uris[0]
