# SPDX-License-Identifier: Apache-2.0
"""Starting from what a journal holds: what was wanted, what was made, what is in doubt."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from .engine import Engine
from .errors import InvalidValue
from .graph import Graph, Node, Spec
from .journal import Records
from .model import Origin
from .planner import Change, Draft
from .planner.meaning import specify
from .planner.wants import resolve
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
        if own:
            values = {key: wish.value for key, wish in own.items()}
            engine.ledger.take_on(_wishes(engine, values))
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
    # Killed before it was written down that they were handed back.
    lent = (key for key, made in records.made.items() if made.adopted)
    engine.ledger.found_out.update((k, None) for k in lent if not graph.nodes[k].adopted)
    engine.ledger.publish(engine.clock.now())


def _wishes(engine: Engine, values: dict[str, Any]) -> Draft:
    """Return what values mean; nothing stands yet, so that what to do about it comes later."""
    wants = resolve(engine.graph, engine.registry, Change(values=values, lenient=True))
    return Draft(wants.specs, (), (), (), rejected=wants.rejected, unblocked=wants.unblocked)


def _stand_in(records: Records, graph: Graph, registry: Registry) -> None:
    """Have the last valid value count where a derived one is invalid."""
    for key, wish in records.rejected.items():
        node = graph.nodes.get(key)
        if wish.base is None or node is None or node.want is not None:
            continue
        if node.rejected is None or node.rejected[1] != wish.base:
            continue
        if key in records.made:
            graph.set_want(node, _spec(registry, key, wish.value, wish.base))
            continue
        # Of what does not stand, only what is valid to this day: it was a fact once, perhaps.
        with contextlib.suppress(InvalidValue):
            graph.set_want(node, specify(registry.find(key), key, wish.value, wish.base))


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
        node = graph.nodes.get(key)
        spec = None if node is None else node.want
        if spec is None or spec.value != made.value:
            spec = _spec(registry, key, made.value, None)
        specs[key] = spec
        bases.update({derived.key: key for derived in spec.derived})
    for key, made in records.made.items():
        node = graph.node(key)
        spec = specs[key]
        base = node.want.base if node.want is not None else bases.get(key)
        if spec.base != base:
            spec = _spec(registry, key, made.value, base)
        node.adopted = made.adopted and node.want is not None
        node.origin = Origin.SOUTHBOUND if made.adopted else Origin.NORTHBOUND
        if made.doubtful and not made.adopted:
            node.doubt = spec
        else:
            graph.set_have(node, spec, made.metadata)
        if made.doubtful:
            graph.unsettled[key] = None
            if node.adopted:  # that it is there is not in doubt, only what was made of it
                node.unsure, node.operation = True, "update"
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
