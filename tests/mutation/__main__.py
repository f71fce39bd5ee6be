# SPDX-License-Identifier: Apache-2.0
"""Change the engine's code, one small thing at a time, and see whether a test notices.

``python -m tests.mutation --help`` lists the options; ``make mutate`` is the short way.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.mutation.fresh import run_afresh
from tests.mutation.reasons import Reasons
from tests.mutation.report import report
from tests.mutation.runner import Plan, run

ROOT = Path(__file__).resolve().parents[2]
MODULES = (
    "planner/closure", "planner/conflicts", "planner/wants", "planner/steps", "planner/order",
    "planner/wiring", "planner/rings", "planner/choices", "planner/grounding", "planner/arrange",
    "planner/outlook", "planner/plain", "planner/planner", "planner/meaning", "planner/explain",
    "planner/change", "graph", "keyindex", "executor", "ledger", "processing", "wayback",
    "journal", "journal_store", "journal_batch", "journal_schema", "journal_lock", "keeper",
    "recovery", "codec",
)  # fmt: skip
# Tests in one process: what others start does not see the change.
FOLDERS = ("engine", "properties", "sim", "conformance")
FILES = ("journal*", "codec", "order", "graph*", "plan*", "keyindex*", "render", "deadlines",
         "testing_memory_journal")  # fmt: skip
SEEDS, LEFT_OUT = "tests/mutation/seeds.py", ("tests/sim/test_matrix.py",)


def main(arguments: list[str] | None = None) -> int:
    """Try mutants as asked, or report what is known of them."""
    options = _parser().parse_args(arguments)
    if options.afresh:
        root, path, name, *tests = options.afresh
        return run_afresh(Path(root), Path(path), name, tests)
    plan = _plan(options)
    if not plan.targets:
        sys.stderr.write(f"no such module; there are {', '.join(MODULES)}\n")
        return 2
    code = 0 if options.report else run(plan)
    sys.stdout.writelines(f"{line}\n" for line in report(plan))
    return code


def _plan(options: argparse.Namespace) -> Plan:
    paths = {name: ROOT / "kvscheduler" / f"{name}.py" for name in MODULES}
    wanted = {name.removeprefix("planner/") for name in options.modules}
    files = [path for name in FILES for path in sorted(ROOT.glob(f"tests/test_{name}.py"))]
    return Plan(
        root=ROOT,
        measured=tuple(paths.values()),
        targets=[path for path in paths.values() if not wanted or path.stem in wanted],
        tests=tuple(options.tests)
        or (
            *(f"--deselect={name}" for name in LEFT_OUT),
            *(f"tests/{name}" for name in FOLDERS),
            SEEDS,
            *(str(path.relative_to(ROOT)) for path in files),
        ),
        store=ROOT / ".mutation",
        again=options.again,
        limit_s=options.limit,
        only=options.only,
        reasons=Reasons(ROOT / "tests" / "mutation" / "survivors.toml"),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", help="names of modules (default: all)")
    parser.add_argument("--report", action="store_true", help="try nothing, tell what is known")
    parser.add_argument(
        "--again", action="store_true", help="try survivors once more, those without a reason"
    )
    parser.add_argument("--limit", type=float, default=10.0, help="seconds of tests for each")
    parser.add_argument("--only", default="", help="those with this text in 'function: change'")
    parser.add_argument("--tests", nargs="*", default=(), help="try these only, for a first look")
    parser.add_argument("--afresh", nargs="+", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
