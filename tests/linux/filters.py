# SPDX-License-Identifier: Apache-2.0
"""Rule chains for tests, and iptables-save as the witness of what has come of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from kvs_descriptors.linux.iptables import RuleChainDescriptor
from kvscheduler import Retrieved, failpoints
from ligato.linux.iptables.iptables_pb2 import RuleChain
from tests.linux.bench import Bench, key_of, reference

VARIANTS = ("nft", "legacy")


def needs(variant: str) -> None:
    """Skip where a variant is not installed, or cannot do anything here."""
    for program in (f"iptables-{variant}-save", f"ip6tables-{variant}-save"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    command = ["unshare", "--net", f"iptables-{variant}", "-w", "-N", "probe"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"iptables-{variant} does not work here: {done.stderr.strip()}")


def chain(
    name: str, where: str, *rules: str, at: RuleChain.ChainType = RuleChain.INPUT, **more: Any
) -> RuleChain:
    """Return a rule chain in a named namespace."""
    return RuleChain(
        name=name, namespace=reference(where), chain_type=at, rules=list(rules), **more
    )


def custom(name: str, where: str, *rules: str, **more: Any) -> RuleChain:
    """Return a chain of its own, named as its value is."""
    return chain(name, where, *rules, at=RuleChain.CUSTOM, chain_name=name, **more)


def without_marks(lines: list[str]) -> list[str]:
    """Return the rules that decide something, less names, marks and what leads to chains."""
    return [line for line in lines if not line.startswith(":") and "--comment" not in line]


class Filters:
    """Drives the descriptor of rule chains directly, in one variant of iptables."""

    def __init__(self, bench: Bench, variant: str) -> None:
        self.bench = bench
        self.variant = variant
        self.restart()

    def restart(self) -> None:
        """Forget everything, as a crash does."""
        self.bench.kernel.close()
        self.bench.restart()
        self.descriptor = RuleChainDescriptor(self.bench.kernel, self.variant)

    def make_namespace(self, name: str) -> None:
        """Make a namespace as others would."""
        path = self.bench.folder / name
        path.touch()
        subprocess.run(["unshare", f"--net={path}", "true"], check=True)

    async def create(self, *values: RuleChain) -> None:
        for value in values:
            self.descriptor.validate(key_of(value), value)
            assert list(self.descriptor.dependencies(key_of(value), value))
        for value in values:
            await self.descriptor.create(key_of(value), value)

    async def update(self, old: RuleChain, new: RuleChain) -> None:
        key = key_of(new)
        self.descriptor.validate(key, new)
        assert list(self.descriptor.dependencies(key, new))
        assert not self.descriptor.requires_recreate(key, old, new, None)
        await self.descriptor.update(key, old, new, None)

    async def delete(self, *values: RuleChain) -> None:
        for value in values:
            await self.descriptor.delete(key_of(value), value, None)

    async def retrieve(self, *expected: RuleChain) -> dict[str, Retrieved]:
        found = await self.descriptor.retrieve([Retrieved(key_of(one), one) for one in expected])
        return {one.key: one for one in found}

    async def is_right(self, *expected: RuleChain) -> bool:
        """Tell whether all that is expected, and nothing else, is found as it should be."""
        found = await self.retrieve(*expected)
        return found.keys() == {key_of(one) for one in expected} and all(
            self.descriptor.equivalent(key, found[key].value, value)
            for key, value in ((key_of(one), one) for one in expected)
        )

    def count_programs(self) -> Callable[[], int]:
        """Return what tells how many programs have been started since."""
        census = failpoints.armed = failpoints.Census()

        def told() -> int:
            failpoints.armed = None
            return census._counts["iptables.start"]

        return told

    def do(self, where: str, *args: str, program: str = "iptables") -> str:
        """Run iptables itself, which shares no code with what is tested."""
        command = ["nsenter", f"--net={self.bench.path(where)}", f"{program}-{self.variant}"]
        done = subprocess.run([*command, *args], check=True, capture_output=True, text=True)
        return done.stdout

    def run_python(self, where: str, source: str) -> None:
        """Run a program in a namespace."""
        command = ["nsenter", f"--net={self.bench.path(where)}", sys.executable, "-c", source]
        subprocess.run(command, check=True, capture_output=True)

    def rules(self, where: str, table: str = "filter", program: str = "iptables") -> list[str]:
        """Return the chains and rules of a table, less what every table has."""
        return self.lines(where, "-t", table, program=program)

    def all(self, where: str) -> list[str]:
        """Return all that is not as in an empty namespace, of both families."""
        both = ("iptables", "ip6tables")
        return [f"{name}: {line}" for name in both for line in self.lines(where, program=name)]

    def lines(self, where: str, *args: str, program: str) -> list[str]:
        command = ["nsenter", f"--net={self.bench.path(where)}"]
        command += [f"{program}-{self.variant}-save", *args]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        lines = [line.replace(" [0:0]", "") for line in done.stdout.splitlines()]
        usual = ("#", "*", "COMMIT")
        return [one for one in lines if not one.startswith(usual) and not _is_empty(one)]


def _is_empty(line: str) -> bool:
    return line.startswith(":") and line.split()[1] == "ACCEPT"
