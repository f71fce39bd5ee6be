# SPDX-License-Identifier: Apache-2.0
"""An agent is as well as the worst of the parts that it needs."""

from __future__ import annotations

import itertools

from kvs_agent.core.health import Health, State


def fresh() -> Health:
    ticks = itertools.count(100.0)
    return Health(clock=lambda: next(ticks))


def test_before_anything_is_told_it_is_alive_and_not_ready() -> None:
    health = fresh()

    assert (health.state, health.is_alive, health.is_ready) == (State.INIT, True, False)


def test_it_is_ready_once_all_that_it_needs_is_ok() -> None:
    health = fresh()
    health.report("engine", State.OK)
    health.report("etcd", State.INIT)
    assert not health.is_ready

    health.report("etcd", State.OK)
    assert health.is_ready


def test_one_error_makes_it_unwell_and_is_told() -> None:
    health = fresh()
    health.report("engine", State.OK)
    health.report("etcd", State.ERROR, "refused")

    assert (health.is_alive, health.is_ready) == (False, False)
    assert health.components["etcd"].error == "refused"


def test_what_it_does_not_need_is_shown_and_no_more() -> None:
    health = fresh()
    health.report("engine", State.OK)
    health.report("files", State.ERROR, "x.yaml:1: no", needed=False)

    assert health.is_ready
    assert health.components["files"].state is State.ERROR


def test_when_a_state_changed_is_not_when_it_was_told_last() -> None:
    health = fresh()
    health.report("engine", State.OK)
    health.report("engine", State.OK)

    engine = health.components["engine"]
    assert engine.changed < engine.updated
    assert (health.changed, health.updated) == (engine.changed, engine.updated)
