# SPDX-License-Identifier: Apache-2.0
"""The graph of values as networkx has it, for people and for analysis."""

from __future__ import annotations

import networkx

from .graph import Graph
from .ledger import state_of
from .model import ValueState

__all__ = ["snapshot"]


def snapshot(graph: Graph) -> networkx.DiGraph[str]:
    """Return a copy: nodes are keys, edges lead from a value to what it needs.

    Nodes carry ``state``, ``value``, ``base`` and ``descriptor``; needed keys that nobody knows
    are NONEXISTENT. Edges carry ``relation``: "depends-on", "derived-from" or "any-of", the
    last one to each known key that fits.
    """
    copy: networkx.DiGraph[str] = networkx.DiGraph()
    for key in sorted(graph.nodes):
        node = graph.nodes[key]
        spec = node.spec
        binding = None if spec is None else spec.binding
        copy.add_node(
            key,
            state=state_of(graph, node),
            value=None if spec is None else spec.value,
            base=None if spec is None else spec.base,
            descriptor=None if binding is None else binding.name,
        )
    for key in tuple(copy):
        _add_edges(copy, graph, key)
    return copy


def _add_edges(copy: networkx.DiGraph[str], graph: Graph, key: str) -> None:
    spec = graph.nodes[key].spec
    if spec is None:
        return
    for need in spec.needs:
        if need not in copy:
            copy.add_node(
                need, state=ValueState.NONEXISTENT, value=None, base=None, descriptor=None
            )
        copy.add_edge(key, need, relation="derived-from" if need == spec.base else "depends-on")
    for group in spec.anyof:
        for prefix in group.prefixes:
            for match in sorted(graph.below(prefix)):
                if match != key and group.matches(match) and not copy.has_edge(key, match):
                    copy.add_edge(key, match, relation="any-of", label=group.label)
