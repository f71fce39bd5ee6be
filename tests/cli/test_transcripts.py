# SPDX-License-Identifier: Apache-2.0
"""Every output of every command as approved: a story on one machine, told command by command."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.cli.agents import daemon
from tests.cli.conftest import GOLDEN
from tests.cli.test_commands import REFUSED
from tests.machine import Machine
from tests.topologies import CABLE, UNPLUGGED, cables

Golden = Callable[[str, str], None]

# One stays until a signal ends it; the others are about machines set up by others, and agents.
TOLD_ELSEWHERE = {"watch", "import-existing", "info"}
A0 = "config/linux/interfaces/v2/interface/a0"
ADDRESS = "linux/interface/a0/address/static/10.9.0.1/24"
REFUSED_ROUTE = "config/linux/l3/v2/route/10.30.0.0/16/a1"

FILES = {
    "net.yaml": CABLE,
    "half.yaml": UNPLUGGED,
    "empty.yaml": "linuxConfig: {}\n",
    "typing.yaml": CABLE.replace("enabled: true", "enabeld: true", 1),
    "invalid.yaml": CABLE.replace("10.9.0.1/24", "10.9.0.1/99"),
    "twice.yaml": CABLE.replace("host_if_name: b0", "host_if_name: a0").replace("right", "left"),
    "other.yaml": CABLE.replace("host_if_name: a0", "host_if_name: renamed"),
    "refused.yaml": REFUSED,
    "more.yaml": cables(2),
}
LOOKING = """
get
get --json
get --view configured
get --view configured --json
graph
graph --json
graph --dot
graph --mermaid
history
history --json
diff
diff --json
"""
STORY: Mapping[str, str] = {
    "nothing was ever done": f"""{LOOKING}
get --view live
get --view live --json
explain a0
history --of 1
timeline a0
timeline a0 --json
repair
destroy --yes
try --rollback
plan empty.yaml
plan --json empty.yaml
plan --dot empty.yaml
plan --mermaid empty.yaml
apply empty.yaml
validate empty.yaml
generate
generate bride
generate route
completion tcsh
--version
""",
    "files with mistakes": """
validate missing.yaml
validate typing.yaml
validate invalid.yaml
validate twice.yaml
plan typing.yaml
plan invalid.yaml
plan --json invalid.yaml
plan --mermaid invalid.yaml
plan --out kept invalid.yaml
plan twice.yaml
apply typing.yaml
apply invalid.yaml
apply twice.yaml
try typing.yaml
try invalid.yaml
""",
    "half of a cable": f"""
validate half.yaml
plan half.yaml
plan --json half.yaml
plan --mermaid half.yaml
apply --detailed-exitcode half.yaml
get --view configured
explain {A0}
explain {ADDRESS}
explain a0
graph linux/
graph --json linux/
""",
    "the whole cable": f"""
validate net.yaml
plan --detailed-exitcode --out kept net.yaml
apply kept
apply kept
apply net.yaml
repair
{LOOKING}
get {ADDRESS}
get --view live linux/
get nothing/
explain {A0}
explain linux/interface/state/a0/UP
history --of 1 --json
history --of 99
timeline {A0}
timeline {A0} --json
timeline {ADDRESS}
""",
    "somebody changes it": """
!ip -n left link set a0 mtu 1300
!ip -n right address flush dev b0
diff
diff --json
diff --dot
diff --mermaid
diff --color always
get --view live --json config/linux/interfaces
report --out kvsctl.tar.gz
repair --detailed-exitcode
""",
    "what is made anew": f"""
plan other.yaml
plan --json other.yaml
plan --color always other.yaml
apply --quiet other.yaml
history --of 4
timeline {A0}
""",
    "a trial that nobody confirms": """
try more.yaml
history 2
diff
""",
    "what the kernel refuses": f"""
apply --revert refused.yaml
history 1
history --of 7
apply --quiet refused.yaml
explain {REFUSED_ROUTE}
get --json config/linux/l3
graph config/linux/l3
graph --mermaid config/linux/l3
diff
plan refused.yaml
timeline {REFUSED_ROUTE}
timeline {REFUSED_ROUTE} --json
""",
    "the end": """
destroy
destroy
history 1
get
""",
}


def lines() -> Iterator[tuple[str, str]]:
    """Yield the lines of the story with what it has come to."""
    for stage, told in STORY.items():
        for line in filter(None, told.splitlines()):
            yield stage, line[1:] if line[0] == "!" else f"kvsctl {line}"


def same_always(text: str) -> str:
    """Replace what differs from run to run."""
    text = re.sub(r"\d+\.\d\d s\b", "N.NN s", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "YYYY-MM-DD hh:mm:ss", text)
    return re.sub(r'"(started|duration_s)": [\d.e-]+', r'"\1": 0', text)


def shown(stage: str, told: Mapping[str, Any]) -> str:
    """Return what one command has said, as it stands in its golden file."""
    errors = "".join(f"2> {line}\n" for line in told["err"].splitlines())
    code = f"[exit {told['code']}]\n" if told["code"] else ""
    return same_always(f"# {stage}\n$ {told['line']}\n{told['out']}{errors}{code}\n")


def played(machine: Machine, agent: str = "") -> list[tuple[str, str]]:
    """Return each command of the story and what it has said, of kvsctl itself or of an agent."""
    for name, content in FILES.items():
        Path(name).write_text(content, encoding="utf-8")
    story = list(lines())
    Path("story.json").write_text(json.dumps([line for _, line in story]), encoding="utf-8")

    env = {"KVSCTL_AGENT": agent} if agent else None
    ran = machine.run(sys.executable, "-m", "tests.cli.teller", "story.json", env=env)

    assert ran.returncode == 0, ran.stderr
    said = zip(story, json.loads(ran.stdout), strict=True)
    return [(line, shown(stage, told)) for (stage, line), told in said if "code" in told]


def test_every_command_says_what_was_approved(machine: Machine, golden: Golden) -> None:
    transcripts: dict[str, str] = {}
    for line, text in played(machine):
        command = line.split()[1].lstrip("-")
        transcripts[command] = transcripts.get(command, "") + text

    for command, text in transcripts.items():
        golden(f"said-{command}.txt", text)


def test_of_an_agent_every_command_says_the_same_but_where_it_is_another_thing(
    machine: Machine, golden: Golden
) -> None:
    approved = "".join(path.read_text(encoding="utf-8") for path in GOLDEN.glob("said-*.txt"))
    settings = {"max-parallel": 1, "repair-drift": False}

    with daemon(machine, kvscheduler=settings) as agent:
        told = [text for _, text in played(machine, agent.address)]

    differing = [text for text in told if text not in approved]
    golden("agent-differs.txt", "".join(differing))


def test_every_command_has_its_transcript() -> None:
    listed = (GOLDEN / "help.txt").read_text(encoding="utf-8").partition("Commands:\n")[2]
    commands = set(re.findall(r"^  ([\w-]+) ", listed, re.MULTILINE))

    told = {line.split()[1] for _, line in lines()}

    assert commands - told == TOLD_ELSEWHERE
