# SPDX-License-Identifier: Apache-2.0
"""The mesh, taken down again whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nsm.authority import Authority
from tests.nsm.mesh import Mesh, program, why_not
from tests.nsm.oracle import Oracle


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
