# SPDX-License-Identifier: Apache-2.0
"""Runs every measurement, prints the table, and keeps a full run in ``RESULTS.md``."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from . import agent, importing, linux, linux_scale, memory, nsm, scale, slow_southbound
from .measure import yardstick
from .table import Row, markdown, seconds, text

RESULTS = Path(__file__).parent / "RESULTS.md"
SUITES: dict[str, Callable[..., Iterator[Row]]] = {
    "scale": scale.rows,
    "memory": memory.rows,
    "parallel": slow_southbound.rows,
    "import": importing.rows,
    "linux": linux.rows,
    "linux-scale": linux_scale.rows,
    "agent": agent.rows,
    "nsm": nsm.rows,
}
NOTES = """\
*Best* is the least of several runs after a warm-up, with the garbage collector as users have it;
*yardsticks* is the best time as a multiple of a fixed piece of pure Python work
(`benchmarks/measure.py`) run in turn with it: compare that between machines, not the seconds.
*Reach* is the goal for a quiet two-core machine. *Go* is what the predecessor, ligato's
KVScheduler, is quoted with for such a machine, its printing of summaries off: not measured here.

The scale workload is the predecessor's own: n loopbacks and one bridge domain that derives n
members, each depending on its interface, so 2 n + 1 operations, on a mock southbound of plain
`def` methods.
"""


def _machine() -> str:
    """Return what ran it: processor, cores, Python."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    implementation = f"{platform.python_implementation()} {platform.python_version()}"
    system = f"{platform.system()} {platform.release()}"
    return f"{model}, {os.cpu_count()} cores, {system}, {implementation}"


def _commit() -> str:
    """Return the commit that was measured, and whether more than that."""
    describe = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    run = subprocess.run(describe, capture_output=True, text=True, check=False, cwd=RESULTS.parent)
    return run.stdout.strip() or "unknown"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", help=f"some of {', '.join(SUITES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="small sizes, few repeats, not kept")
    arguments = parser.parse_args()
    if unknown := set(arguments.suites) - set(SUITES):
        parser.error(f"unknown suites: {', '.join(sorted(unknown))}")
    return arguments


def _document(rows: list[Row], yard_s: float) -> str:
    head = [
        "# Results of `make bench`",
        "",
        f"- Machine: {_machine()}; load average {os.getloadavg()[0]:.1f} at the end",
        f"- Date: {time.strftime('%Y-%m-%d', time.gmtime())}",
        f"- Commit: {_commit()}",
        f"- One yardstick: {seconds(yard_s)}",
    ]
    return "\n".join([*head, "", *markdown(rows), "", NOTES])


def main() -> None:
    """Measure what was asked for."""
    arguments = _arguments()
    rows: list[Row] = []
    for name in arguments.suites or SUITES:
        print(f"measuring: {name}", flush=True)
        rows.extend(SUITES[name](quick=arguments.quick))
    yard_s = min(yardstick() for _ in range(20))
    print("", *text(rows), "", f"{_machine()}; one yardstick: {seconds(yard_s)}", sep="\n")
    if not arguments.quick and not arguments.suites:
        RESULTS.write_text(_document(rows, yard_s), encoding="utf-8")
        print(f"kept in {RESULTS}")


if __name__ == "__main__":
    main()
