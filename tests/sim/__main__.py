# SPDX-License-Identifier: Apache-2.0
"""Simulate seed after seed, every failure at every point, until something is wrong or time is up.

``python -m tests.sim --help`` lists the options; ``make sim`` is the short way.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import platform
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

from tests.sim.seeds import Effort, run_seed
from tests.sim.tally import Tally

SECONDS = 60.0
# Every so many seeds one has all pairs of failures, however many they are.
ALL_PAIRS_EVERY = 40


def main(arguments: list[str] | None = None) -> int:
    """Simulate as asked; 1 if a run did not end as the oracle expects."""
    logging.disable(logging.CRITICAL)  # what the engine warns of is what is being tested
    options = _parser().parse_args(arguments)
    if options.seed is not None:
        return _replay(options.seed, _effort(options, options.seed), options.run)
    begun, total = time.monotonic(), Tally()
    seeds: Iterator[int] = itertools.count(options.first)
    if options.runs:
        seeds = iter(range(options.first, options.first + options.runs))
    limit_s = options.seconds or (float("inf") if options.runs else SECONDS)
    bad = _search(options, seeds, begun + limit_s, total)
    say(total.report())
    spent_s = time.monotonic() - begun
    say(f"{total.cpu_s:,.0f} s of CPU time in {spent_s:,.0f} s, {options.jobs} at once,")
    say(f"Python {platform.python_version()}")
    if bad is None:
        say("every run ended as the oracle expects")
        return 0
    seed, told = bad
    pairs = f" PAIRS={options.pairs}" if options.pairs else ""
    say(f"\nseed {seed}: {told}\nto see it step by step: make sim SEED={seed}{pairs}")
    return 1


def say(line: object) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--runs", type=int, default=0, help="how many seeds")
    parser.add_argument(
        "--seconds", type=float, default=0.0, help=f"for how long (default {SECONDS:g})"
    )
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument(
        "--pairs",
        help="of two failures, drawn for each way: a number, or all (default: 24, and"
        f" all of every {ALL_PAIRS_EVERY}th seed)",
    )
    parser.add_argument("--seed", type=int, help="replay this one, step by step")
    parser.add_argument("--run", type=int, help="of the seed, show this run alone")
    return parser


def _effort(options: argparse.Namespace, seed: int) -> Effort:
    if options.pairs is None:
        return Effort(pairs=None) if seed % ALL_PAIRS_EVERY == ALL_PAIRS_EVERY - 1 else Effort()
    return Effort(pairs=None if options.pairs == "all" else int(options.pairs))


def _attempt(seed: int, effort: Effort) -> Tally | str:
    """Run a seed; return what was counted, or what went wrong."""
    try:
        return run_seed(seed, effort)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is what we look for
        return _told(error)


def _search(
    options: argparse.Namespace, seeds: Iterator[int], end: float, total: Tally
) -> tuple[int, str] | None:
    """Run the seeds; return the first that goes wrong."""
    if options.jobs > 1:
        return _search_at_once(options, seeds, end, total)
    for seed in seeds:
        if time.monotonic() > end:
            break
        outcome = _attempt(seed, _effort(options, seed))
        if isinstance(outcome, str):
            return seed, outcome
        total.add(outcome)
    return None


def _search_at_once(
    options: argparse.Namespace, seeds: Iterator[int], end: float, total: Tally
) -> tuple[int, str] | None:
    """Run the seeds in several processes; those under way when one goes wrong are finished."""
    under_way: dict[Future[Tally | str], int] = {}
    wrong: list[tuple[int, str]] = []
    with ProcessPoolExecutor(options.jobs, initializer=_be_quiet) as pool:
        while True:
            while len(under_way) < options.jobs and time.monotonic() < end and not wrong:
                seed = next(seeds, -1)
                if seed < 0:
                    break
                under_way[pool.submit(_attempt, seed, _effort(options, seed))] = seed
            if not under_way:
                return min(wrong, default=None)
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                seed = under_way.pop(future)
                outcome = future.result()
                if isinstance(outcome, str):
                    wrong.append((seed, outcome))
                else:
                    total.add(outcome)


def _be_quiet() -> None:
    logging.disable(logging.CRITICAL)


def _replay(seed: int, effort: Effort, run: int | None) -> int:
    """Tell what happens with a seed, or in one of its runs."""
    shown = run is None

    def tell(line: object) -> None:
        nonlocal shown
        if run is not None and str(line).startswith("--- run "):
            shown = str(line).startswith(f"--- run {run}:")
        if shown:
            say(line)

    try:
        tally = run_seed(seed, effort, tell)
    except Exception as error:  # noqa: BLE001 - told, whatever it is
        say(f"WRONG  {_told(error)}")
        return 1
    say(tally.report())
    return 0


def _told(error: BaseException) -> str:
    notes = "\n  ".join(getattr(error, "__notes__", ()))
    return f"{type(error).__name__}: {error}\n  {notes}"


if __name__ == "__main__":
    sys.exit(main())
