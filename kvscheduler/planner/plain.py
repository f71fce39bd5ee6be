# SPDX-License-Identifier: Apache-2.0
"""The everyday change, planned without further ado: values that change in place."""

from __future__ import annotations

from ..graph import Graph, Node, Spec
from ..model import Origin
from ..plan import Operation
from .change import Change, Draft
from .meaning import equivalent, must_recreate, same
from .wants import Wants

__all__ = ["plain_updates"]

# Kept here: to ask an enum for a member costs as much as a call.
_OURS = Origin.NORTHBOUND


def plain_updates(graph: Graph, wants: Wants, change: Change) -> Draft | None:
    """Return the draft of a change that only changes values nobody else is touched by.

    None where there is more to it: then the whole of planning is needed, and comes to the same.
    """
    if graph.unsettled or graph.held or wants.rejected or change.purge or change.against:
        return None
    operations: list[Operation] = []
    absorbed: list[str] = []
    for key in sorted(wants.specs):
        node, spec = graph.nodes.get(key), wants.specs[key]
        if node is None or spec is None or not _is_ours_and_calm(node):
            return None
        operation = _update(node, spec, is_compared=not change.rebind)
        if operation is None:
            return None
        if operation is _NOTHING:
            absorbed.append(key)
        else:
            operations.append(operation)
    for key in wants.unblocked:
        node = graph.nodes.get(key)
        if key not in wants.specs and (node is None or not _is_ours_and_calm(node)):
            return None
    return Draft(
        wants=wants.specs,
        seeds=tuple(wants.specs),
        operations=operations,
        edges=[()] * len(operations),
        absorbed=absorbed,
    )


def _is_ours_and_calm(node: Node) -> bool:
    return node.origin is _OURS and node.is_calm


def _update(node: Node, spec: Spec, *, is_compared: bool) -> Operation | None:
    """Return the update that a new value takes, None where it takes more than an update.

    ``is_compared``: the two values are known to differ.
    """
    key, have, binding = node.key, node.have, spec.binding
    if have is None or binding is None or binding is not have.binding or binding.update is None:
        return None
    if spec.needs != have.needs or spec.claims != have.claims or spec.anyof or have.anyof:
        return None
    if spec.base != have.base or not same(spec.derived, have.derived):
        return None
    old, new = have.value, spec.value
    is_different = is_compared and binding.equivalent is None
    if not is_different and equivalent(binding, key, old, new):
        return _NOTHING
    if must_recreate(binding, key, old, new, node.metadata):
        return None
    return Operation("update", key, spec.base, binding.name, old, new, "the value changed")


_NOTHING = Operation("", "", None, "", None, None, "")
