# SPDX-License-Identifier: Apache-2.0
"""Makes the lines of a file of passwords: ``python -m kvs_agent.northbound.rest.passwords``."""

from __future__ import annotations

import sys

import click

from kvs_agent.northbound.access import Role, role_of

from .credentials import password_line, token_line

__all__ = ["password"]

ROLES = [role.name.lower() for role in Role if role is not Role.NONE]


@click.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="read", show_default=True)
@click.option("--token", is_flag=True, help="Make a token rather than ask for a password.")
def password(name: str, role: str, *, token: bool) -> None:
    """Print a line for NAME to be added to the file of passwords.

    Asks for the password, or reads it from a pipe. A token is printed once, on stderr; the line
    keeps no more than a hash of either.
    """
    try:
        if token:
            made, line = token_line(name, role_of(role))
            click.echo(f"token: {made}", err=True)
        else:
            line = password_line(name, role_of(role), _asked())
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    click.echo(line)


def _asked() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return asked


if __name__ == "__main__":
    password()
