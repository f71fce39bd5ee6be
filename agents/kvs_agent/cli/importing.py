# SPDX-License-Identifier: Apache-2.0
"""The command that takes over what others configured, and prints the file for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import outcome
from .session import Session, run_on
from .settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvs_agent.existing import Existing, Found, Request

__all__ = ["import_existing"]


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

    request = Request(only=only, everything=everything, protected=protected, force=force)
    existing = Existing(settings.state, **settings.limits)

    async def work(session: Session) -> int:
        return await _import(session, existing, namespaces, request, dry_run=dry_run)

    return run_on(lambda: existing.scheduler, settings, work)


async def _import(
    session: Session,
    existing: Existing,
    namespaces: tuple[str, ...],
    request: Request,
    *,
    dry_run: bool,
) -> int:
    before = session.scheduler.values(view="desired")
    found = await existing.find(namespaces, request)
    if not dry_run and not await _taken_over(session, existing, found):
        return 1
    _print(found, before if request.everything else {})
    others = before.keys() - found.findings.values.keys()
    if others and not request.everything:
        text = "what kvsctl has of other files is not in this one: apply them together, or --all"
        click.echo(f"note: {text}", err=True)
    return 0


async def _taken_over(session: Session, existing: Existing, found: Found) -> bool:
    """Set the marks, all of them or none; tell whether that is done."""
    found.check()
    with session.interrupts.unbroken():
        result = await found.transaction.commit(expect=found.plan)
    if result.operations or not result.ok:
        session.remember(result)
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
