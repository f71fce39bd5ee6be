# SPDX-License-Identifier: Apache-2.0
"""What the tests of the whole share: a machine with a state file, in an empty directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.crash_story import FIRST, SECOND
from tests.machine import Machine, why_no_machine


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Give a machine of the test's own, seen from an empty directory."""
    if why := why_no_machine():
        pytest.skip(why)
    monkeypatch.chdir(tmp_path)
    with Machine(state=tmp_path / "state.db") as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a working directory with the configurations, and room for states."""
    monkeypatch.chdir(tmp_path)
    for stage in (FIRST, SECOND):
        Path(f"{stage.name}.yaml").write_text(stage.configuration, encoding="utf-8")
    return tmp_path


@pytest.fixture
def host_namespaces() -> Iterator[None]:
    """Check that the demo leaves none of its namespaces on the host, where others may run too."""
    before = _host_namespaces()

    yield

    assert _host_namespaces() == before


def _host_namespaces() -> list[str]:
    return sorted(path.name for path in Path("/run").glob("netns/kvs-demo-*"))
