# SPDX-License-Identifier: Apache-2.0
"""One try at what goes wrong: a machine at a known stage, a command cut short, another one."""

from __future__ import annotations

import dataclasses
import itertools
import re
import signal
from collections.abc import Generator
from pathlib import Path

import kvs_agent.models  # noqa: F401 - the classes of what a journal holds
from kvs_agent.sources.config import load_text
from kvscheduler import Journal
from tests.e2e.crash_story import EMPTY, FIRST, SECOND, Stage, seen, settle_strangers
from tests.machine import Machine, kvsctl

__all__ = ["PHASES", "Phase", "Trial", "trials"]

FILES = {"state.db", "state.db.lock"}
# What tells of the past, and what a kill while it is written leaves beside it.
PAST = {"state.db.history", "state.db.history-journal"}


@dataclasses.dataclass(frozen=True, slots=True)
class Phase:
    """A command that leads from one stage to another."""

    before: Stage
    after: Stage

    @property
    def command(self) -> list[str]:
        """Return the arguments of kvsctl."""
        return (
            ["destroy", "--yes"] if self.after is EMPTY else ["apply", f"{self.after.name}.yaml"]
        )


PHASES = {
    "apply": Phase(EMPTY, FIRST),
    "change": Phase(FIRST, SECOND),
    "destroy": Phase(SECOND, EMPTY),
}


class Trial:
    """A machine with strangers' things in it, brought to the stage that a phase begins with."""

    def __init__(self, machine: Machine, phase: Phase) -> None:
        self.machine = machine
        self.phase = phase
        settle_strangers(machine)
        self.mounts = self.mounted()
        # Nothing yet, not even a journal: that is made by the command that is killed.
        if phase.before is not EMPTY:
            self.reach(phase.before)

    def reach(self, stage: Stage) -> None:
        """Bring the machine to a stage, and see that it is there."""
        if stage is EMPTY:
            self.run("destroy", "--yes")
        else:
            self.run("apply", f"{stage.name}.yaml")
        self.check(stage)

    def run(self, *command: str) -> None:
        """Run a command that has to go well without a word of complaint."""
        done = self.machine.kvsctl(*command)
        assert (done.returncode, done.stderr) == (0, ""), f"{command}: {done.stderr}"

    def passages(self) -> dict[str, int]:
        """Return how often the phase's command passes each point when nothing kills it."""
        done = self.machine.kvsctl(*self.phase.command, env={"KVS_FAILPOINT": "count"})
        assert done.returncode == 0
        return {name: int(count) for name, count in re.findall(r"(.+): (\d+)\n", done.stderr)}

    def die(self, wish: str) -> bool:
        """Run the phase's command; tell whether it was killed."""
        done = self.machine.kvsctl(*self.phase.command, env={"KVS_FAILPOINT": wish})
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode != 0

    def starve(self, file_bytes: int) -> str:
        """Run the phase's command where no file may grow larger; return what it complains of."""
        limit = ["prlimit", f"--fsize={file_bytes}"]
        done = self.machine.run(*limit, *kvsctl(), *self.phase.command)
        # That the history has no room is a warning, and fails nothing.
        told = [line for line in done.stderr.splitlines(True) if not line.startswith("warning: ")]
        assert done.returncode == (1 if told else 0)
        return "".join(told)

    def end(self, ending: str) -> None:
        """Have another command follow, and see that all is as it should be; then remove all.

        It is repair, the same one again, or at once the removal of all.
        """
        noted = self.noted()
        if ending == "repair":
            self.run("repair")
            self.check(noted)
        elif ending == "again":
            self.run(*self.phase.command)
            self.check(self.phase.after)
        self.reach(EMPTY)

    def noted(self) -> Stage:
        """Return the stage that the journal wants, which is there as a whole or not at all."""
        wanted = self.wanted()
        (found,) = [
            stage
            for stage in (self.phase.before, self.phase.after)
            if wanted == dict(load_text(stage.configuration))
        ]
        return found

    def wanted(self) -> dict[str, object]:
        """Return what the journal holds as wanted, after all its checks."""
        if not self.machine.state.exists():
            return {}
        records = Journal(self.machine.state).peek()
        return {key: wish.value for key, wish in records.wanted.items()}

    def check(self, stage: Stage) -> None:
        """See that a stage stands, nothing else, and that the journal says just that."""
        found = seen(self.machine)
        odd, missing = sorted(found - stage.stands), sorted(stage.stands - found)
        assert not odd, f"more than {stage.name}: {odd}, less: {missing}"
        assert not missing, f"less than {stage.name}: {missing}"
        for namespace, address in stage.reachable:
            ping = self.machine.inside(namespace, "ping", "-c1", "-W2", address)
            assert ping.returncode == 0, f"{address} does not answer {namespace}"
        mounts = self.mounted() - self.mounts
        assert not mounts, mounts
        files = {path.name for path in self.machine.state.parent.iterdir()}
        assert files - PAST == FILES, files
        assert self.wanted() == dict(load_text(stage.configuration)), f"not noted: {stage.name}"
        made = Journal(self.machine.state).peek().made
        doubtful = [key for key, entry in made.items() if entry.doubtful]
        assert not doubtful, f"in doubt: {doubtful}"

    def mounted(self) -> set[str]:
        """Return where something is mounted, the named namespaces apart."""
        lines = self.machine.run("cat", "/proc/self/mounts").stdout.splitlines()
        return {line for line in lines if " /run/netns/" not in line}


def trials(folder: Path, phase: Phase) -> Generator[Trial, None, None]:
    """Yield trials, each on a machine of its own."""
    for number in itertools.count():
        place = folder / f"state-{number}"
        place.mkdir()
        with Machine(state=place / "state.db") as machine:
            yield Trial(machine, phase)
