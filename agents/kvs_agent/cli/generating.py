# SPDX-License-Identifier: Apache-2.0
"""The commands that write something for the user to go on with: a file, a shell's completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from . import completing
from .failure import UserError

__all__ = ["completion", "generate"]

SHELLS = ("bash", "zsh", "fish")
# bash parts words at colons, and puts what is offered behind the last one.
WHOLE_WORDS = """
_kvsctl_whole_words() {
    local words=(${COMP_LINE:0:$COMP_POINT}) begun="" offer
    [[ ${COMP_LINE:0:$COMP_POINT} == *" " ]] && words+=("")
    [[ ${words[-1]} == *:* ]] && begun=${words[-1]%"${words[-1]##*:}"}
    COMP_WORDS=("${words[@]}") COMP_CWORD=$((${#words[@]} - 1))
    _kvsctl_completion "$@"
    local offered=("${COMPREPLY[@]}")
    COMPREPLY=()
    for offer in "${offered[@]}"; do
        [[ $offer == "$begun"* ]] && COMPREPLY+=("${offer#"$begun"}")
    done
}

complete -o nosort -F _kvsctl_whole_words kvsctl
"""


@click.command()
@click.argument("model", default="", shell_complete=completing.models)
def generate(model: str) -> int:
    """Print a file with one value of MODEL, to be filled in.

    Without MODEL, the names of all models.
    """
    from kvs_agent.models import MODELS  # noqa: PLC0415 - protobuf: not for --help
    from kvs_agent.sources.skeleton import name_of, named, skeleton  # noqa: PLC0415 - as above

    if not model:
        for one in MODELS:
            click.echo(name_of(one))
        return 0
    found = named(model)
    if len(found) != 1:
        names = ", ".join(name_of(one) for one in found or MODELS)
        raise UserError(f"{model} is no model's name: {'is it ' if found else ''}one of {names}")
    click.echo(skeleton(found[0]))
    return 0


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print what makes a shell complete kvsctl's commands, options, keys and files.

    For bash: kvsctl completion bash > /etc/bash_completion.d/kvsctl
    """
    made = get_completion_class(shell)
    assert made is not None
    root = context.find_root().command
    click.echo(made(root, {}, "kvsctl", "_KVSCTL_COMPLETE").source())
    if shell == "bash":
        click.echo(WHOLE_WORDS)
    return 0
