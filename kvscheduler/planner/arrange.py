# SPDX-License-Identifier: Apache-2.0
"""An order for the operations, opening rings by as few recreates as will do."""

from __future__ import annotations

import logging

from .order import Network, Order, find_order, order_regardless, with_order
from .rings import rings
from .steps import Steps
from .wiring import wire

__all__ = ["arrange"]

logger = logging.getLogger(__name__)

# Above so many extra recreates none is taken back: each attempt plans the whole anew.
_PRUNED_RECREATES = 32


def arrange(steps: Steps) -> tuple[list[int], list[list[int]]]:
    """Build the operations and return an order for them, and what each waits for.

    Where an order does not exist, the smallest key in each ring is recreated, again and again;
    then every recreate that turns out to be superfluous is taken back, the largest key first.
    """
    extra: dict[str, str] = {}
    given_up: set[str] = set()
    grouped = bool(steps.closure.rings)
    while True:
        network, order, cut_off = _attempt(steps, extra, given_up, grouped=grouped)
        if not order.stuck and not cut_off:
            break
        if not grouped:
            grouped = True
            continue
        picks = cut_off or _openers(steps, network, order.stuck)
        extra.update(picks)
        if not picks:
            hopeless = _hopeless(network, order.stuck)
            if not hopeless:  # pragma: no cover - an error of ours; nothing may kill it
                logger.error("%d operations wait for each other", len(order.stuck))
                order = order_regardless(network, order.stuck)
                break
            given_up |= hopeless
    if 1 < len(extra) <= _PRUNED_RECREATES:
        extra = _spared(steps, extra, given_up)
        network, order, _ = _attempt(steps, extra, given_up, grouped=grouped)
    return list(order.numbers), with_order(network, order.numbers)


def _attempt(
    steps: Steps, extra: dict[str, str], given_up: set[str], *, grouped: bool
) -> tuple[Network, Order, dict[str, str]]:
    steps.build(extra)
    network = wire(steps, with_rings=grouped or steps.is_joined())
    why = "its support disappears in between"
    lost = (choice.owner for choice in network.choices if not choice.edges)
    cut_off = {key: why for key in lost if steps.is_recreatable(key)}
    network.choices = [c for c in network.choices if c.edges and c.owner not in given_up]
    if cut_off:
        return network, Order(()), cut_off
    return network, find_order(network), cut_off


def _hopeless(network: Network, stuck: frozenset[int]) -> set[str]:
    """Return, for each ring that nothing opens, whose any-of dependency to do without.

    What the southbound took away may leave values that only hold each other up: each would
    have to go first. Firm edges alone make no ring that a recreate does not open.
    """
    found: set[str] = set()
    for ring in map(set, rings(sorted(stuck), _following(network, stuck).__getitem__)):
        owners = [c.owner for c in network.choices if any(ring.issuperset(e) for e in c.edges)]
        found.update(sorted(owners)[:1])
    logger.info("no order keeps the any-of dependencies of %s met", ", ".join(sorted(found)))
    return found


def _spared(steps: Steps, extra: dict[str, str], given_up: set[str]) -> dict[str, str]:
    changed = True
    while changed:
        changed = False
        for key in sorted(extra, reverse=True):
            fewer = {other: why for other, why in extra.items() if other != key}
            _, order, cut_off = _attempt(steps, fewer, given_up, grouped=True)
            if not order.stuck and not cut_off:
                extra, changed = fewer, True
    return extra


def _openers(steps: Steps, network: Network, stuck: frozenset[int]) -> dict[str, str]:
    """Return for each ring of operations the smallest key whose recreate opens it."""
    after = _following(network, stuck)
    found: dict[str, str] = {}
    for ring in rings(sorted(stuck), after.__getitem__):
        keys = _recreatable(steps, network, set(ring))
        if keys:
            found[min(keys)] = "only this opens a ring of operations"
    return found


def _following(network: Network, stuck: frozenset[int]) -> dict[int, list[int]]:
    """Return what comes after each stuck number, by firm edges and by choices."""
    after: dict[int, list[int]] = {number: [] for number in stuck}
    for number in stuck:
        for first in network.before[number]:
            if first in stuck:
                after[first].append(number)
    for choice in network.choices:
        for first, then in choice.edges:
            if first in stuck and then in stuck:
                after[first].append(then)
    return after


def _recreatable(steps: Steps, network: Network, ring: set[int]) -> set[str]:
    keys = {key for key, number in steps.changed.items() if number in ring}
    for (first, then), owner in network.owners.items():
        if first in ring and then in ring:
            keys.add(owner)
    for choice in network.choices:
        if any(first in ring and then in ring for first, then in choice.edges):
            keys.add(choice.owner)
    keys = {key for key in keys if key not in steps.recreated and steps.is_recreatable(key)}
    own = {key for key in keys if not steps.outlook.is_exempt(steps.nodes[key])}
    return own or keys
