# SPDX-License-Identifier: Apache-2.0
"""The command that takes over what others configured, and prints the file for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import outcome
from .failure import UserError
from .session import Session, run_on
from .settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kvs_agent.existing import Existing, Found, Request
    from kvscheduler import Scheduler

__all__ = ["import_existing"]

NOT_OF_AGENTS = (
    "import-existing reads and marks this machine's own networking, so it cannot be done through"
    " an agent; kvsctl import-existing --dry-run there, without --agent, prints the file that"
    " --agent ADDR apply then takes: what stands as the file says is taken as it is"
)


@click.command("import-existing")
@click.option("--netns", "namespaces", multiple=True, metavar="NAME", help="Also look in there.")
@click.option(
    "--only", multiple=True, metavar="PATTERN", help="Only links with such a name (eth*, lab/*)."
)
@click.option("--dry-run", is_flag=True, help="Only print; change nothing.")
@click.option("--all", "everything", is_flag=True, help="Also print what is kvsctl's already.")
@click.option("--protected", is_flag=True, help="Have nothing of it deleted: protected: true.")
@click.option("--force", is_flag=True, help="Also take links with an alias, which is lost.")
@click.pass_obj
def import_existing(
    settings: Settings,
    namespaces: tuple[str, ...],
    only: tuple[str, ...],
    *,
    dry_run: bool,
    everything: bool,
    protected: bool,
    force: bool,
) -> int:
    """Take over what is there, and print the file for it.

    Links, addresses, routes and fixed neighbours that others set are marked as kvsctl's, each
    where it stands: nothing is made anew, and no packet is lost. From then on drift is repaired,
    and destroy removes them. What no file can say is left as it is, and named in comments and on
    stderr.
    """
    from kvs_agent.existing import Existing, Request  # noqa: PLC0415 - the engine: not for --help

    if settings.agent is not None:
        raise UserError(NOT_OF_AGENTS)
    request = Request(only=only, everything=everything, protected=protected, force=force)
    existing = Existing(settings.state, **settings.limits)

    async def work(session: Session[Scheduler]) -> int:
        before = session.target.values(view="desired")
        found = await existing.find(namespaces, request)
        if not dry_run and not await _taken_over(session, settings.state, existing, found):
            return 1
        _tell(found, before, request)
        return 0

    return run_on(lambda: existing.scheduler, work)


def _tell(found: Found, before: Mapping[str, Any], request: Request) -> None:
    _print(found, before if request.everything else {})
    others = before.keys() - found.findings.values.keys()
    if others and not request.everything:
        text = "what kvsctl has of other files is not in this one: apply them together, or --all"
        click.echo(f"note: {text}", err=True)


async def _taken_over(
    session: Session[Scheduler], state: Path, existing: Existing, found: Found
) -> bool:
    """Set the marks, all of them or none; tell whether that is done."""
    from .engine import remember  # noqa: PLC0415 - as above

    found.check()
    with session.interrupts.unbroken():
        result = await found.transaction.commit(expect=found.plan)
    if result.operations or not result.ok:
        remember(state, result)
    if not result.ok:
        outcome.report(result)
        return False
    for one in (await existing.difference()).operations:
        click.echo(f"warning: kvsctl would still {one.kind} {one.key}: {one.reason}", err=True)
    return True


def _print(found: Found, more: Mapping[str, Any]) -> None:
    from kvs_agent.existing import told, written  # noqa: PLC0415 - as above

    findings = found.findings
    text = written({**more, **findings.values}, findings.left, findings.notes)
    click.echo(text, nl=False)
    for line in told(findings.left):
        click.echo(f"left: {line}", err=True)
    for line in told(findings.notes):
        click.echo(f"note: {line}", err=True)
