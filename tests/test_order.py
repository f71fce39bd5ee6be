# SPDX-License-Identifier: Apache-2.0
"""Orders for operations, beside what a look at all permutations says."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvscheduler.planner.order import Choice, Network, find_order, order_regardless, with_order

MOST = 6

Edge = tuple[int, int]


def network_of(
    size: int, firm: Sequence[Edge], choices: Sequence[Sequence[Edge]], soft: Sequence[Edge] = ()
) -> Network:
    before: list[list[int]] = [[] for _ in range(size)]
    for first, then in firm:
        before[then].append(first)
    named = [Choice(f"k{at}", tuple(edges)) for at, edges in enumerate(choices)]
    return Network(before, named, list(soft))


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Draw a small network; its firm edges alone are a ring now and then."""
    size = draw(st.integers(2, MOST))
    edge = st.permutations(range(size)).map(lambda order: (order[0], order[1]))
    firm = draw(st.lists(edge, max_size=5))
    if draw(st.integers(0, 4)):
        firm = [(min(one), max(one)) for one in firm]
    choices = draw(st.lists(st.lists(edge, min_size=1, max_size=3), max_size=5))
    return network_of(size, firm, choices, draw(st.lists(edge, max_size=2)))


def is_kept(order: Sequence[int], network: Network) -> bool:
    """Tell whether an order keeps the firm edges, and of each choice at least one."""
    place = {number: at for at, number in enumerate(order)}
    firm = ((first, then) for then, firsts in enumerate(network.before) for first in firsts)
    return all(place[first] < place[then] for first, then in firm) and all(
        any(place[first] < place[then] for first, then in choice.edges)
        for choice in network.choices
    )


@given(network=networks())
def test_an_order_is_found_exactly_where_there_is_one(network: Network) -> None:
    numbers = range(len(network.before))
    exists = any(is_kept(order, network) for order in itertools.permutations(numbers))

    found = find_order(network)

    assert exists is not bool(found.stuck)
    if exists:
        assert sorted(found.numbers) == list(numbers)
        assert is_kept(found.numbers, network)
    else:
        assert found.stuck == set(numbers) - set(found.numbers)


@given(network=networks())
def test_every_order_that_the_edges_of_an_order_allow_keeps_the_network(network: Network) -> None:
    found = find_order(network)
    if found.stuck:
        return
    edges = Network(with_order(network, found.numbers))

    assert is_kept(found.numbers, edges)
    for order in itertools.permutations(range(len(network.before))):
        if is_kept(order, edges):
            assert is_kept(order, network)


def test_a_preference_is_kept_where_it_can_be_and_dropped_where_not() -> None:
    network = network_of(3, [(0, 1)], [], [(1, 0), (2, 0)])

    found = find_order(network)

    assert found.numbers == (2, 0, 1)
    assert with_order(network, found.numbers) == [[2], [0], []]


def test_the_size_of_a_network_does_not_decide_whether_its_order_is_found() -> None:
    # 0 is to go before 1 or before 2, and 2 has to go before 0.
    strangers = 1_000
    network = network_of(3 + strangers, [(2, 0)], [[(0, 1), (0, 2)]])

    found = find_order(network)

    assert not found.stuck
    assert is_kept(found.numbers, network)


def each_before_another(numbers: Sequence[int]) -> list[list[Edge]]:
    """Return choices that no order keeps: none of the numbers can be the last of them."""
    return [[(one, other) for other in numbers if other != one] for one in numbers]


def test_where_no_way_out_is_left_after_all_were_tried_there_is_no_order() -> None:
    assert find_order(network_of(3, [], each_before_another(range(3)))).stuck


@pytest.mark.parametrize("count", range(40, 46))
def test_a_search_that_gets_out_of_hand_ends_without_an_order(count: int) -> None:
    # That there is no order shows only once the other choices are made, in one of 2 ** 40 ways.
    pairs = [(3 + 2 * at, 4 + 2 * at) for at in range(count)]
    either = [[(one, other), (other, one)] for one, other in pairs]
    hub = 3 + 2 * len(pairs)
    firm = [(hub, number) for number in range(hub)]

    found = find_order(network_of(hub + 1, firm, [*either, *each_before_another(range(3))]))

    assert {0, 1, 2} & found.stuck


def test_a_choice_with_one_way_out_is_seen_among_a_thousand_that_are_free() -> None:
    # All wait for 0. Of the last four, one has to go before the next or the one after that,
    # which has to go before it.
    free = [(at, at + 1, at + 2) for at in range(1, 3_001, 3)]
    choices = [[(one, other), (one, third)] for one, other, third in free]
    choices.append([(3_001, 3_002), (3_001, 3_003)])
    firm = [(0, number) for number in range(1, 3_003)]

    network = network_of(3_004, [*firm, (3_003, 3_001)], choices)

    assert is_kept(find_order(network).numbers, network)


@given(networks())
def test_where_there_is_no_order_one_is_made_all_the_same(network: Network) -> None:
    stuck = find_order(network).stuck
    firm = {(first, then) for then, before in enumerate(network.before) for first in before}

    order = order_regardless(network, stuck)

    place = {number: at for at, number in enumerate(order.numbers)}
    assert sorted(place) == list(range(len(network.before)))
    kept = {(first, then) for first, then in firm if first < then or not {first, then} <= stuck}
    assert all(place[first] < place[then] for first, then in kept)
