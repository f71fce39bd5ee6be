# SPDX-License-Identifier: Apache-2.0
"""The planner: known state and wanted change in, operations and their order out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from ..graph import Graph
from ..model import Origin
from ..plan import Operation
from ..registry import Registry
from .arrange import arrange
from .change import Change, Draft
from .choices import choices_for
from .closure import Closure
from .conflicts import Conflicts, close
from .explain import Explanation
from .plain import plain_updates
from .steps import LEFT_ALONE, Steps
from .wants import Wants, resolve

__all__ = ["draft"]

# Kept here: to ask an enum for a member costs as much as a call.
_OURS = Origin.NORTHBOUND


def draft(graph: Graph, registry: Registry, change: Change, *, explained: bool = True) -> Draft:
    """Plan a change against what is known; touches neither.

    ``explained`` False leaves out why what waits has to, where nobody will read it. Raises
    ``ClaimConflict`` where two wanted values exclude each other, unless the change is lenient.
    Costs as much as the change touches.
    """
    wants = resolve(graph, registry, change)
    plain = plain_updates(graph, wants, change)
    if plain is not None:
        return plain
    seeds = _seeds(graph, wants, change)
    if not seeds:
        return Draft(wants.specs, (), (), (), rejected=wants.rejected)
    held: dict[str, str] = {}
    denied: dict[str, str] = {}
    refused: dict[str, str] = {}
    while True:
        closure = close(wants, seeds, held, denied)
        steps = Steps(closure)
        operations, edges = _ordered(steps)
        if not (steps.refused or steps.stuck_recreates or steps.recreated):
            break
        others = {**steps.refused, **_adopted_recreates(steps)}
        stuck = {**steps.stuck_recreates, **others}
        fresh = {key: why for key, why in stuck.items() if key not in held}
        if not fresh:
            break
        for key, why in fresh.items():
            Conflicts(closure).hold(key, why)
        refused.update(others)
    return Draft(
        wants=wants.specs,
        seeds=seeds,
        operations=operations,
        edges=edges,
        rejected=wants.rejected,
        unblocked=wants.unblocked,
        absorbed=[key for key in steps.absorbed if key not in steps.recreated],
        released=closure.released,
        facts=steps.facts,
        leaving=steps.leaving,
        waiting=_waiting(closure, refused) if explained else _NO_WAITING,
        refused=refused,
        held={**held, **denied},
    )


_NO_WAITING: Mapping[str, str] = MappingProxyType({})


def _seeds(graph: Graph, wants: Wants, change: Change) -> tuple[str, ...]:
    seeds = dict.fromkeys(wants.specs)
    if wants.unblocked:
        seeds.update(dict.fromkeys(sorted(wants.unblocked)))
    if graph.held:
        seeds.update(dict.fromkeys(sorted(graph.held)))
    if graph.unsettled:
        seeds.update(dict.fromkeys(sorted(graph.unsettled)))
    if change.purge:
        seeds.update(dict.fromkeys(sorted(_to_look_at(graph))))
    return tuple(seeds)


def _to_look_at(graph: Graph) -> Iterator[str]:
    """Yield what a resync looks at: leftovers, what is not as wanted, what may lack ground."""
    for key, node in graph.nodes.items():
        want = node.want
        if want is None:
            if node.have is not None and node.origin is _OURS:
                yield key
        elif node.have is not want or want.anyof or node.unsure:
            yield key


def _ordered(steps: Steps) -> tuple[list[Operation], list[tuple[int, ...]]]:
    if steps.outlook.wants.change.against:
        numbers, before = arrange(steps)
        return _permuted(steps, numbers, before)
    if _only_creates(steps):
        steps.build_creates()
        return steps.operations, _create_edges(steps)
    if _only_plain_updates(steps):
        steps.build_updates()
        return steps.operations, [()] * len(steps.operations)
    numbers, before = arrange(steps)
    return _permuted(steps, numbers, before)


def _only_creates(steps: Steps) -> bool:
    closure = steps.closure
    return not (
        closure.rings
        or closure.outlook.removed
        or steps.updated
        or steps.demanded
        or steps.absorbed
        or any(spec.claims for spec in closure.outlook.added.values())
    )


def _only_plain_updates(steps: Steps) -> bool:
    """Tell whether values change in place, and nothing that others could wait for."""
    outlook = steps.outlook
    if outlook.added or outlook.removed or steps.demanded:
        return False
    for changes in (steps.updated, steps.absorbed):
        for key, want in changes.items():
            have = steps.nodes[key].have
            if have is None or want.anyof or have.anyof:
                return False
            if want.needs != have.needs or want.claims != have.claims:
                return False
    return True


def _create_edges(steps: Steps) -> list[tuple[int, ...]]:
    """Return what each creation waits for; the order in which they were found is one already."""
    made, added = steps.made, steps.outlook.added
    edges: list[tuple[int, ...]] = []
    with_anyof = False
    for operation in steps.operations:
        spec = added[operation.key]
        with_anyof = with_anyof or bool(spec.anyof)
        needs = spec.needs
        edges.append(tuple([made[need] for need in needs if need in made]) if needs else ())
    if with_anyof:
        for choice in choices_for(steps):
            first, then = min(choice.edges)
            edges[then] = (*edges[then], first)
    return edges


def _permuted(
    steps: Steps, numbers: list[int], before: list[list[int]]
) -> tuple[list[Operation], list[tuple[int, ...]]]:
    """Renumber by the order found; gates come after the operations."""
    count = len(steps.operations)
    real = [number for number in numbers if number < count]
    place = {number: position for position, number in enumerate(real)}
    gates = [number for number in numbers if number >= count]
    place.update({number: count + index for index, number in enumerate(gates)})
    edges = [
        tuple(sorted({place[first] for first in before[number]})) for number in (*real, *gates)
    ]
    steps.facts = {place.get(number, -1): facts for number, facts in steps.facts.items()}
    return [steps.operations[number] for number in real], edges


def _adopted_recreates(steps: Steps) -> dict[str, str]:
    return {
        key: LEFT_ALONE for key in steps.recreated if steps.outlook.is_exempt(steps.nodes[key])
    }


def _waiting(closure: Closure, refused: dict[str, str]) -> dict[str, str]:
    outlook = closure.outlook
    keys: Iterable[str] = closure.seeds
    if closure.waiting or outlook.removed or outlook.held or outlook.denied:
        more = (*closure.waiting, *outlook.removed, *outlook.held, *outlook.denied)
        keys = dict.fromkeys((*keys, *more))
    left = [key for key in keys if key in outlook.held or not outlook.stands(key)]
    found: dict[str, str] = {}
    if not left:
        return found
    explanation = Explanation(outlook)
    for key in left:
        want = closure.wants.spec(key)
        if want is not None and not want.is_fact and key not in refused:
            found[key] = explanation.why(key)
    return found
