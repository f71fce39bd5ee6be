# SPDX-License-Identifier: Apache-2.0
"""The mesh, taken down again whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.linux.bench import may_make_namespaces
from tests.nsm.authority import Authority
from tests.nsm.forwarder import Forwarder
from tests.nsm.mesh import Mesh, program, why_not
from tests.nsm.oracle import Oracle
from tests.nsm.places import Place


@pytest.fixture(scope="session")
def built() -> None:
    if reason := why_not():
        pytest.skip(reason)
    program()


@pytest.fixture(scope="session")
def oracle(built: None) -> Iterator[Oracle]:
    """Return the sdk, to be asked."""
    with Oracle() as asked:
        yield asked


@pytest.fixture
def authority() -> Authority:
    """Return who signs the identities of a test."""
    return Authority()


@pytest.fixture
def mesh(built: None, tmp_path: Path, authority: Authority) -> Iterator[Mesh]:
    """Return a mesh that checks everything, running."""
    made = Mesh(tmp_path / "mesh", authority)
    try:
        made.start()
        yield made
    finally:
        made.kill()


@pytest.fixture
def open_mesh(built: None, tmp_path: Path) -> Iterator[Mesh]:
    """Return a mesh that checks nothing, running."""
    made = Mesh(tmp_path / "mesh")
    try:
        made.start()
        yield made
    finally:
        made.kill()


@pytest.fixture(scope="session")
def privileged() -> None:
    if not may_make_namespaces():
        pytest.skip("making network namespaces takes root, or a user namespace (unshare -Urmn)")


@pytest.fixture
def bare_mesh(built: None, tmp_path: Path) -> Iterator[Mesh]:
    """Return a mesh that checks nothing, without a forwarder, running."""
    made = Mesh(tmp_path / "mesh")
    made.parts = (made.registry, made.manager)
    try:
        made.start()
        yield made
    finally:
        made.kill()


@pytest.fixture
def forwarder(privileged: None, bare_mesh: Mesh, tmp_path: Path) -> Iterator[Forwarder]:
    """Return our forwarder in that mesh, running."""
    made = Forwarder(tmp_path / "forwarder", bare_mesh.manager.url)
    try:
        made.start()
        yield made
    finally:
        made.clean()


@pytest.fixture
def here(privileged: None) -> Iterator[Place]:
    """Return the client's namespace."""
    with Place() as made:
        yield made


@pytest.fixture
def there(privileged: None) -> Iterator[Place]:
    """Return the endpoint's namespace."""
    with Place() as made:
        yield made
