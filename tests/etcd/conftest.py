# SPDX-License-Identifier: Apache-2.0
"""Servers, taken down again whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.etcd.server import Cluster, Etcd, binary


@pytest.fixture(scope="session")
def installed() -> None:
    if binary() is None:
        pytest.skip("etcd is not installed (Debian: etcd-server)")


@pytest.fixture
def etcd(installed: None, tmp_path: Path) -> Iterator[Etcd]:
    """Return one server, running."""
    server = Etcd(tmp_path / "etcd")
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def cluster(installed: None, tmp_path: Path) -> Iterator[Cluster]:
    """Return three servers, running."""
    servers = Cluster(tmp_path)
    try:
        servers.start()
        yield servers
    finally:
        servers.kill()
