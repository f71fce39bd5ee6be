# SPDX-License-Identifier: Apache-2.0
"""Starting from what a journal holds: what was wanted, what was made, what is in doubt."""

from __future__ import annotations

import logging
from typing import Any

from .engine import Engine
from .errors import InvalidValue
from .graph import Graph, Node, Spec
from .journal import Records
from .model import Origin
from .planner import Change
from .planner.meaning import specify
from .registry import Registry

__all__ = ["load"]

logger = logging.getLogger(__name__)


def load(records: Records, engine: Engine) -> None:
    """Start from a journal: wanted values are wanted, made ones stand or are in doubt.

    What was invalid is looked at once more: the descriptors may be newer ones.
    """
    graph = engine.graph
    for wishes in (records.wanted, records.rejected):
        own = {key: wish for key, wish in wishes.items() if wish.base is None}
        values = {key: wish.value for key, wish in own.items()}
        engine.ledger.take_on(engine.draft(Change(values=values, lenient=True)))
        for key, wish in own.items():
            graph.nodes[key].retry = wish.retry
    _stand_in(records, graph, engine.registry)
    _restore(records, graph, engine.registry)
    for key, node in graph.nodes.items():
        if node.want is not None and (
            node.have is not node.want or _may_lack_support(graph, node)
        ):
            graph.unsettled[key] = None
    engine.ledger.touched.update(dict.fromkeys(graph.nodes))
    engine.ledger.publish(engine.clock.now())


def _stand_in(records: Records, graph: Graph, registry: Registry) -> None:
    """Have the last valid value count where a derived one is invalid."""
    for key, wish in records.rejected.items():
        node = graph.nodes.get(key)
        if wish.base is None or node is None or node.want is not None:
            continue
        if node.rejected is not None and node.rejected[1] == wish.base:
            graph.set_want(node, _spec(registry, key, wish.value, wish.base))


def _may_lack_support(graph: Graph, node: Node) -> bool:
    """Tell whether a value may have outlived what it needs: its delete may have failed."""
    want = node.want
    return want is not None and (
        bool(want.anyof) or any(graph.have(need) is None for need in want.needs)
    )


def _restore(records: Records, graph: Graph, registry: Registry) -> None:
    """Take what was made before for what stands, as far as it is not in doubt.

    The wanted values have been planned already, so that derived values find their bases.
    """
    bases: dict[str, str] = {}
    specs: dict[str, Spec] = {}
    for key, made in records.made.items():
        spec = specs[key] = _spec(registry, key, made.value, None)
        bases.update({derived.key: key for derived in spec.derived})
    for key, made in records.made.items():
        node = graph.node(key)
        spec = specs[key]
        base = node.want.base if node.want is not None else bases.get(key)
        if base is not None:
            spec = _spec(registry, key, made.value, base)
        if node.want is not None and node.want.value == made.value:
            spec = node.want
        node.adopted = made.adopted
        node.origin = Origin.SOUTHBOUND if made.adopted else Origin.NORTHBOUND
        if made.doubtful:
            node.doubt = spec
            graph.unsettled[key] = None
        else:
            graph.set_have(node, spec, made.metadata)
    for node in [n for n in graph.nodes.values() if n.want is not None]:
        want = node.want
        if want is not None and want.is_fact and graph.have(want.base or "") is not None:
            graph.set_have(node, want, None)


def _spec(registry: Registry, key: str, value: Any, base: str | None) -> Spec:
    try:
        return specify(registry.find(key), key, value, base, seen=True)
    except InvalidValue as error:
        logger.warning("journal: %s: %s", key, error)
        try:
            binding = registry.find(key)
        except InvalidValue:
            binding = None
        return Spec(binding, value, base, () if base is None else (base,))
