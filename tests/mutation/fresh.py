# SPDX-License-Identifier: Apache-2.0
"""A mutant outside of all functions on trial: in a process that imports the changed file."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

import hypothesis
import pytest

from tests.mutation.coverage_map import Passage
from tests.mutation.mutants import Mutant, Source
from tests.mutation.results import Outcome, Verdict

__all__ = ["QUIET", "load_examples", "run_afresh", "try_afresh"]

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "25"))
QUIET = ("-q", "--no-header", "--tb=line", "--capture=sys", "-p", "no:cacheprovider", "-o",
         "tmp_path_retention_policy=none", "-W", "ignore")  # fmt: skip
START_S = 30.0
PATIENCE_FACTOR = 8.0
MOST_TESTS = 150


def load_examples() -> None:
    """Have hypothesis try few examples, the same ones every time, and reduce none."""
    hypothesis.settings.register_profile(
        "mutation",
        hypothesis.settings(),
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    hypothesis.settings.load_profile("mutation")


def try_afresh(
    root: Path, path: Path, mutant: Mutant, tests: Sequence[tuple[pytest.Item, Passage]]
) -> Verdict:
    """Run tests in a new process where a file is changed; tell what became of it."""
    begun, chosen = time.monotonic(), tests[:MOST_TESTS]
    patience_s = START_S + PATIENCE_FACTOR * sum(passage.seconds for _, passage in chosen)
    names = [item.nodeid for item, _ in chosen]
    command = [sys.executable, "-m", "tests.mutation", "--afresh", str(root), str(path)]
    try:
        done = subprocess.run(
            [*command, mutant.name, *names],
            cwd=root,
            capture_output=True,
            timeout=patience_s,
            check=False,
        )
        outcome = Outcome.SURVIVED if done.returncode == 0 else Outcome.KILLED
    except subprocess.TimeoutExpired:
        outcome = Outcome.HUNG
    return Verdict(outcome=outcome, tests=len(chosen), seconds=round(time.monotonic() - begun, 2))


def run_afresh(root: Path, path: Path, name: str, tests: Sequence[str]) -> int:
    """Run tests in this process, in which the file was not imported yet, with its change."""
    module = ".".join(path.relative_to(root).with_suffix("").parts)
    sys.meta_path.insert(0, _Changed(path, module, name))
    return int(pytest.main([*QUIET, "-x", *tests], plugins=[_Examples()]))


class _Examples:
    def pytest_collection(self) -> None:
        load_examples()


class _Changed(importlib.abc.MetaPathFinder):
    """Finds one module with a mutant's change in it."""

    def __init__(self, path: Path, module: str, name: str) -> None:
        source = Source(path)
        mutant = next(one for one in source.mutants if one.name == name)
        self._path, self._module = path, module
        self._code = source.compiled(mutant)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return a spec for the changed module, None for all others."""
        if fullname != self._module:
            return None
        loader = _Loader(fullname, str(self._path), self._code)
        return importlib.util.spec_from_file_location(fullname, self._path, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, code: CodeType) -> None:
        super().__init__(fullname, path)
        self._changed = code

    def get_code(self, fullname: str) -> CodeType:
        return self._changed
