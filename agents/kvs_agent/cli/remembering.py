# SPDX-License-Identifier: Apache-2.0
"""The commands that tell what was done before: by transaction, and by key."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from . import completing
from .failure import UserError
from .session import recall
from .settings import Settings

if TYPE_CHECKING:
    from kvs_agent.past import Step, Transaction

    from .target import Memory

__all__ = ["history", "timeline"]

SHOWN = 20
SYMBOLS = {"create": "+", "update": "~", "delete": "-"}

json_option = click.option(
    "--json", "as_json", is_flag=True, help="For programs: JSON with a format_version."
)


@click.command()
@click.argument("number", default=SHOWN, type=click.IntRange(min=1), metavar="[N]")
@click.option("--of", type=int, metavar="NUMBER", help="All that one transaction did.")
@json_option
@click.pass_obj
def history(settings: Settings, number: int, *, of: int | None, as_json: bool) -> int:
    """Tell what was done, newest last.

    The last N times that something was done, 20 unless told otherwise.
    """

    async def work(memory: Memory) -> int:
        if of is not None:
            return await _one(memory, of, as_json=as_json)
        found = await memory.transactions(number)
        if as_json:
            _echo_json({"transactions": [dataclasses.asdict(one) for one, _ in found]})
            return 0
        for one, steps in found:
            click.echo(_line(one, steps))
        if not found:
            click.echo("Nothing has been done yet.")
        return 0

    return recall(settings, work)


async def _one(memory: Memory, number: int, *, as_json: bool) -> int:
    told = await memory.transaction(number)
    if told is None:
        raise UserError(f"there is no transaction {number}, or no longer; see kvsctl history")
    found, steps = told
    if as_json:
        data = {**dataclasses.asdict(found), "steps": [dataclasses.asdict(one) for one in steps]}
        _echo_json({"transaction": data})
        return 0
    click.echo(_line(found, steps))
    for step in steps:
        for line in _step_lines(step, step.key):
            click.echo(f"  {line}")
    return 0


@click.command()
@click.argument("key", shell_complete=completing.past_keys)
@json_option
@click.pass_obj
def timeline(settings: Settings, key: str, *, as_json: bool) -> int:
    """Tell what was done to KEY, oldest first."""

    async def work(memory: Memory) -> int:
        found = await memory.of_key(key)
        if as_json:
            _echo_json({"key": key, "steps": [dataclasses.asdict(step) for step, _ in found]})
            return 0
        if not found:
            raise UserError(f"nothing was ever done to {key}; kvsctl history tells what was")
        for step, transaction in found:
            when = (
                f"{_time(transaction.started)}  {transaction.description}" if transaction else ""
            )
            for place, line in enumerate(_step_lines(step, f"#{step.number}  {when}")):
                click.echo(line if place == 0 else f"  {line}")
        return 0

    return recall(settings, work)


def _line(one: Transaction, steps: Sequence[Step]) -> str:
    counts = Counter(step.kind for step in steps if not step.error and not step.reverts)
    told = ", ".join(f"{symbol}{counts[kind]}" for kind, symbol in SYMBOLS.items() if counts[kind])
    told = told or "nothing"
    failed = sum(1 for step in steps if step.error) or len(one.errors)
    told += f"; {failed} failed" if failed else ""
    told += "; rolled back" if one.reverted else ""
    what = one.description or one.kind
    return _printable(f"#{one.number}  {_time(one.started)}  {what}  {told}")


def _step_lines(step: Step, what: str) -> Iterator[str]:
    from kvscheduler.render import changes  # noqa: PLC0415 - the engine: not for --help

    undone = " (undone)" if step.reverts else ""
    error = f"  failed: {step.fault}" if step.error else ""
    reason = f"  # {step.reason}" if step.reason else ""
    yield _printable(f"{SYMBOLS.get(step.kind, '?')} {what}{undone}{reason}{error}")
    if step.kind == "update":
        for change in changes(step.old, step.new):
            yield _printable(f"    {change}")


def _printable(line: str) -> str:
    from kvscheduler.render import printable  # noqa: PLC0415 - as above

    return printable(line)


def _time(seconds: float) -> str:
    there = datetime.datetime.fromtimestamp(seconds, datetime.UTC).astimezone()
    return there.strftime("%Y-%m-%d %H:%M:%S")


def _echo_json(data: dict[str, object]) -> None:
    from kvs_agent.past import VERSION  # noqa: PLC0415 - as above

    click.echo(json.dumps({"format_version": f"{VERSION}.0", **data}, indent=2))
