# SPDX-License-Identifier: Apache-2.0
"""What the engine is asked wrongly is refused at once, with what was wrong in the message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from kvscheduler import Derived, Descriptor, RetryPolicy, Scheduler, SchedulerError
from tests.engine.stage import Plain, Stage, act


def used(stage: Stage) -> Any:
    """Return a transaction that holds a value."""
    transaction = stage.scheduler.transaction()
    transaction.set("a/1", 1)
    return transaction


MISUSES: Sequence[tuple[str, Callable[[Stage], object]]] = [
    ("resync: 'up' is none of", lambda s: s.scheduler.transaction(resync="up")),
    ("retry: 3 is not a RetryPolicy", lambda s: s.scheduler.transaction(retry=3)),  # type: ignore[arg-type]  # that is the point
    ("a/1: None is not a value", lambda s: used(s).set("a/1", None)),
    ("takes no values", lambda s: s.scheduler.transaction(resync="downstream").set("a/1", 1)),
    ("view: 'wanted' is neither", lambda s: s.scheduler.values(view="wanted")),
    ("max_parallel: 0 is less", lambda s: Scheduler([], max_parallel=0)),
    ("deadline_s: 0 is not a number", lambda s: Scheduler([], deadline_s=0)),
    ("history: -1 is not a number", lambda s: Scheduler([], history=-1)),
]


@pytest.mark.parametrize(("message", "misuse"), MISUSES, ids=[name for name, _ in MISUSES])
def test_it_is_refused_and_nothing_happens(
    message: str, misuse: Callable[[Stage], object]
) -> None:
    plain = Plain()

    async def story(stage: Stage) -> None:
        with pytest.raises((ValueError, TypeError)) as refused:
            misuse(stage)
        assert message in str(refused.value)
        assert plain.calls == []

    act(story, plain)


def test_a_transaction_is_committed_once_and_takes_no_values_after_it() -> None:
    async def story(stage: Stage) -> None:
        transaction = used(stage)
        await transaction.commit()
        with pytest.raises(SchedulerError, match="committed already"):
            await transaction.commit()
        with pytest.raises(SchedulerError, match="begin another one"):
            transaction.set("a/2", 2)
        assert len(stage.scheduler.history) == 1

    act(story, Plain())


def test_the_history_reads_as_a_sequence() -> None:
    async def story(stage: Stage) -> None:
        for number in range(3):
            await stage.commit({"a/1": number})
        history = stage.scheduler.history
        assert [one.number for one in history[1:]] == [history[1].number, history[2].number]
        assert history[-1] is history[2]
        assert "3 transactions" in repr(history)

    act(story, Plain())


def test_a_delay_too_large_to_be_computed_is_the_longest() -> None:
    policy = RetryPolicy(first_delay=1.0, factor=10.0, max_delay=60.0)

    assert policy.delay_s(10_000) == 60.0


def test_a_descriptor_that_leaves_all_to_its_base_works_as_one_that_overrides_nothing() -> None:
    class Dutiful(Plain):
        def equivalent(self, key: str, old: Any, new: Any) -> bool:
            return super().equivalent(key, old, new)

        def dependencies(self, key: str, value: Any) -> Any:
            return super().dependencies(key, value)

        def derived(self, key: str, value: Any) -> Sequence[Derived]:
            return tuple(super().derived(key, value))

        def requires_recreate(self, key: str, old: Any, new: Any, metadata: Any) -> bool:
            return super().requires_recreate(key, old, new, metadata)

        def claims(self, key: str, value: Any) -> Any:
            return super().claims(key, value)

        def is_retriable(self, error: Exception) -> bool:
            return super().is_retriable(error)

        def create(self, key: str, value: Any) -> Any:
            super().create(key, value)
            if value == "bad" and len(self.calls) < 4:
                raise OSError("not yet")

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1})
        await stage.commit({"a/1": 1})
        await stage.commit({"a/1": 2})
        await stage.commit({"a/2": "bad"}, retry=RetryPolicy())
        await stage.clock.advance(5.0)

    dutiful = Dutiful()
    act(story, dutiful)
    create = ("create", "a/2")
    assert dutiful.calls == [("create", "a/1"), ("update", "a/1"), create, create]


def test_a_descriptor_without_an_update_has_its_values_recreated_for_a_change() -> None:
    class Fixed(Plain):
        update = Descriptor.update  # as where it is not overridden

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1})
        result = await stage.commit({"a/1": 2})
        kinds = [one.operation.kind for one in result.operations]
        assert kinds == ["delete", "create"]
        assert "has no update" in result.operations[0].operation.reason

    act(story, Fixed())


def test_the_way_back_says_whose_it_is() -> None:
    plain = Plain("vpp")

    async def story(stage: Stage) -> None:
        assert repr(plain.port) == "<Southbound of vpp>"

    act(story, plain)
