# SPDX-License-Identifier: Apache-2.0
"""Certificates, made on the spot."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import trustme

__all__ = ["Certificates", "Pair"]


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    cert: Path
    key: Path


class Certificates:
    """An authority, and what it has signed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.ca))

    def issue(self, *names: str) -> Pair:
        """Sign for host names, addresses or mail addresses."""
        signed = self._authority.issue_cert(*names)
        stem = self._folder / names[0].replace("/", "_")
        pair = Pair(stem.with_suffix(".crt"), stem.with_suffix(".key"))
        pair.cert.write_bytes(b"".join(blob.bytes() for blob in signed.cert_chain_pems))
        signed.private_key_pem.write_to_path(str(pair.key))
        return pair
