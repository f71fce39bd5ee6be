# SPDX-License-Identifier: Apache-2.0
"""The bench, taken away again whatever happens."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from tests.linux.bench import Bench, may_make_namespaces


@pytest.fixture(scope="session")
def privileged() -> None:
    if not may_make_namespaces():
        pytest.skip("making network namespaces takes root, or a user namespace (unshare -Urmn)")


@pytest.fixture
def bench(privileged: None, tmp_path: pathlib.Path) -> Iterator[Bench]:
    folder = tmp_path / "netns"
    folder.mkdir()
    before = pathlib.Path("/proc/self/ns/net").readlink()
    made = Bench(folder)
    try:
        yield made
    finally:
        made.clean()
        assert pathlib.Path("/proc/thread-self/ns/net").readlink() == before
