# SPDX-License-Identifier: Apache-2.0
"""Law 12 by example: descriptors that raise or return nonsense cost their own values only."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from kvscheduler import (
    Depends,
    DependsOnAny,
    Derived,
    Descriptor,
    PartialRetrieve,
    PlanStale,
    Retrieved,
    RetryPolicy,
    ValueState,
)
from tests.engine.stage import Later, Plain, Stage, act


class Boom(RuntimeError):
    """What a broken descriptor raises."""


class Spiteful:
    """A value, or metadata, that cannot be compared."""

    def __eq__(self, other: object) -> bool:
        raise Boom("no comparison")

    def __ne__(self, other: object) -> bool:
        raise Boom("no comparison")

    __hash__ = None  # type: ignore[assignment]  # part of the spite


class Ambiguous:
    """An object whose comparison has no truth, as an array's."""

    def __eq__(self, other: object) -> Any:
        return self

    def __ne__(self, other: object) -> Any:
        return self

    def __bool__(self) -> bool:
        raise ValueError("ambiguous")

    __hash__ = None  # type: ignore[assignment]  # as an array


def raises(*_args: object, **_options: object) -> Any:
    raise Boom("broken")


def cancels(*_args: object, **_options: object) -> Any:
    raise asyncio.CancelledError


def generates(*_args: object, **_options: object) -> Iterator[Any]:
    yield Depends("b/1")
    raise Boom("half-way")


async def waits(*_args: object, **_options: object) -> None:
    await asyncio.sleep(0)


@pytest.fixture
def coroutine() -> Iterator[Callable[..., Any]]:
    """Return a method that returns a coroutine; one that nobody awaits is closed with the test.

    Else it would complain when it is collected, in whichever test that happens.
    """
    made: list[Coroutine[Any, Any, None]] = []

    def begun(*_args: object, **_options: object) -> Coroutine[Any, Any, None]:
        made.append(waits())
        return made[-1]

    yield begun
    for one in made:
        one.close()


def returning(value: Any) -> Callable[..., Any]:
    return lambda *_args, **_options: value


NONSENSE: dict[str, Callable[..., Any]] = {
    "raises": raises,
    "generator that raises": generates,
    "None": returning(None),
    "an int": returning(7),
    "a string": returning("nonsense"),
    "a list of None": returning([None]),
    "a list of ints": returning([1, 2]),
    "a bytes key": returning([Depends(b"x"), Derived(b"x", 1)]),  # type: ignore[arg-type]
    "an unhashable key": returning([Depends([]), Derived([], 1)]),  # type: ignore[arg-type]
    "prefixes of ints": returning([DependsOnAny(prefixes=(1,))]),  # type: ignore[arg-type]
    "where that raises": returning([DependsOnAny(("b/",), where=raises)]),
    "where that is none": returning([DependsOnAny(("b/",), where=5)]),  # type: ignore[arg-type]
    "a label that is none": returning([DependsOnAny(("z/",), label=3)]),  # type: ignore[arg-type]
    "a derived None": returning([Derived("b/9", None)]),
    "one key twice": returning([Derived("b/9", 1), Derived("b/9", 2)]),
    "spiteful": returning(Spiteful()),
    "ambiguous": returning(Ambiguous()),
    "a long text": returning("x" * 100_000),
}
PURE = (
    "validate",
    "equivalent",
    "dependencies",
    "derived",
    "requires_recreate",
    "claims",
    "is_retriable",
    "label",
)
SOUTHBOUND = ("create", "update", "delete", "retrieve", "attach", "watch")


async def live(stage: Stage, one: Plain, two: Plain) -> None:
    """Drive everything there is with the broken descriptor beside a sound one."""
    await stage.commit({"a/1": 1, "a/2": 2, "b/1": 1}, retry=RetryPolicy(max_attempts=2))
    await stage.commit({"a/1": 3, "b/1": 3})
    stage.plan({"a/1": 4, "a/2": None}).to_dict()
    await stage.commit({"a/3": 1, "b/3": 1}, revert=True)
    await stage.scheduler.notify("a/1", None)
    await stage.scheduler.notify("a/p", 1, metadata=Spiteful())
    one.port.failed("a/1", Boom("reported"))
    await stage.scheduler.settle()
    await stage.scheduler.refresh("a/")
    for kind in ("full", "upstream", "downstream"):
        await stage.scheduler.resync(kind)
    for status in stage.scheduler.statuses():
        assert str(status.unmet) is not None
    stage.scheduler.graph()
    await stage.clock.advance(20.0)
    await stage.scheduler.settle()
    await stage.commit({"a/1": None, "a/2": None, "b/2": 2})
    assert two.held["b/1"] == 3
    assert two.held["b/2"] == 2
    assert stage.state("b/2") is ValueState.CONFIGURED


@pytest.mark.parametrize(
    ("base", "method"),
    [(Plain, method) for method in PURE + SOUTHBOUND] + [(Later, "update"), (Later, "label")],
)
@pytest.mark.parametrize("name", NONSENSE)
def test_a_broken_method_costs_its_own_values_only(
    base: type[Plain], method: str, name: str
) -> None:
    one, two = base("a"), Plain("b")
    broken = NONSENSE[name]
    if method == "attach":

        def attach(southbound: Any) -> None:
            one.port = southbound
            broken()

        one.attach = attach  # type: ignore[method-assign]
    else:
        setattr(one, method, broken)

    async def story(stage: Stage) -> None:
        await live(stage, one, two)

    act(story, one, two)


@pytest.mark.parametrize("base", [Plain, Later])
def test_a_selector_that_raises_costs_its_own_values_only(base: type[Plain]) -> None:
    one, two = base("a"), Plain("b")
    one.selects = raises  # type: ignore[method-assign]

    async def story(stage: Stage) -> None:
        await live(stage, one, two)
        assert stage.state("a/2") is not ValueState.CONFIGURED

    act(story, one, two)


def test_a_retrieve_full_of_nonsense_is_not_logged_item_by_item(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = Plain()
    one.retrieve = returning([None] * 1000)  # type: ignore[method-assign]

    async def story(stage: Stage) -> None:
        await stage.scheduler.resync()

    act(story, one)
    assert 1 <= len(caplog.records) < 10


@pytest.mark.parametrize("method", [*PURE, "retrieve", "create", "update", "delete"])
def test_a_coroutine_where_none_is_expected_costs_its_own_values_only(
    coroutine: Callable[..., Any], method: str
) -> None:
    one, two = Plain("a"), Plain("b")
    setattr(one, method, coroutine)

    async def story(stage: Stage) -> None:
        await live(stage, one, two)

    act(story, one, two)


@pytest.mark.parametrize("method", ["create", "update", "delete", "retrieve"])
def test_one_call_that_waits_among_plain_ones_costs_its_own_values_only(method: str) -> None:
    one, two = Plain("a"), Plain("b")
    setattr(one, method, waits)

    async def story(stage: Stage) -> None:
        await live(stage, one, two)

    act(story, one, two)


@pytest.mark.parametrize("base", [Plain, Later])
@pytest.mark.parametrize("method", ["create", "update", "delete", "retrieve"])
def test_a_call_that_raises_a_cancellation_of_its_own_counts_as_failed(
    base: type[Plain], method: str
) -> None:
    one, two = base("a"), Plain("b")
    setattr(one, method, cancels)

    async def story(stage: Stage) -> None:
        await live(stage, one, two)

    act(story, one, two)


@pytest.mark.parametrize("make", [Spiteful, Ambiguous])
def test_values_and_metadata_that_cannot_be_compared_live_and_die_as_others(
    make: Callable[[], Any],
) -> None:
    class Odd(Plain):
        def create(self, key: str, value: Any) -> Any:
            Plain.create(self, key, value)
            return make()

        def retrieve(self, expected: Any, keys: Any = None) -> list[Retrieved]:
            return [Retrieved(key, make(), make()) for key in self.held]

    one = Odd()

    async def story(stage: Stage) -> None:
        value = make()
        assert (await stage.commit({"a/1": value})).ok
        assert (await stage.commit({"a/1": make()})).ok
        assert (await stage.scheduler.resync()).ok
        await stage.scheduler.notify("a/1", make())
        plan = stage.plan({"a/1": make()})
        transaction = stage.transaction({"a/1": make()})
        with contextlib.suppress(PlanStale):
            await transaction.commit(expect=plan)
        await stage.commit({"a/1": None})
        assert one.held == {}

    act(story, one)


@pytest.mark.parametrize(
    "error",
    [
        lambda: PartialRetrieve([Retrieved("a/1", 1)], ["a/2"]),
        lambda: PartialRetrieve([5, None, Retrieved("z/1", 1)], "a/2"),  # type: ignore[list-item]
        lambda: PartialRetrieve((), ()),
    ],
)
def test_a_partial_retrieve_concludes_nothing_about_the_rest(
    error: Callable[[], Exception],
) -> None:
    class Partly(Plain):
        def retrieve(self, expected: Any, keys: Any = None) -> Any:
            raise error()

    one = Partly()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/2": 2})
        result = await stage.scheduler.resync()
        assert list(result.errors) == ["a"]
        assert one.held["a/2"] == 2

    act(story, one)


@pytest.mark.parametrize(
    "items",
    [
        [Retrieved("b/1", 1)],
        [Retrieved("a/1", None)],
        [Retrieved("a/1", 1), Retrieved("a/1", 2)],
        [Retrieved(b"a/1", 1)],  # type: ignore[arg-type]
        [("a/1", 1, None)],
        [Retrieved("a/1", 1, None, "ours")],  # type: ignore[arg-type]
        {"a/1": 1},
        "a/1",
    ],
)
def test_a_retrieve_that_returns_nonsense_touches_nothing_of_others(items: Any) -> None:
    one, two = Plain("a"), Plain("b")
    one.retrieve = lambda expected, keys=None: items  # type: ignore[method-assign]

    async def story(stage: Stage) -> None:
        await stage.commit({"b/1": 1})
        await stage.scheduler.resync()
        await stage.scheduler.retrieve()
        await stage.commit({"a/1": 1})
        assert two.calls == [("create", "b/1")]
        assert stage.state("b/1") is ValueState.CONFIGURED

    act(story, one, two)


def test_a_retrieve_whose_generator_raises_half_way_counts_as_unreadable() -> None:
    class Half(Plain):
        broken = False

        def retrieve(self, expected: Any, keys: Any = None) -> Iterator[Retrieved]:
            yield from self.found()[:1]
            if self.broken:
                raise Boom("half-way")
            yield from self.found()[1:]

    one = Half()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1, "a/2": 2})
        one.broken = True
        result = await stage.scheduler.resync()
        assert list(result.errors) == ["a"]
        assert len(one.calls) == 2

    act(story, one)


def test_what_a_base_exception_ends_says_so_to_everybody() -> None:
    class Fatal(BaseException):
        """What nothing may catch."""

    class Deadly(Plain):
        async def create(self, key: str, value: Any) -> Any:
            raise Fatal

    async def story(stage: Stage) -> None:
        waiting = asyncio.gather(
            stage.commit({"a/1": 1}), stage.commit({"b/1": 1}), return_exceptions=True
        )
        async with asyncio.timeout(100.0):
            await asyncio.wait({waiting})
            for _ in range(2):
                outcome = await asyncio.gather(stage.commit({"b/2": 1}), return_exceptions=True)
                assert outcome
            await asyncio.gather(stage.scheduler.settle(), return_exceptions=True)
            await stage.scheduler.close()

    act(story, Deadly("a"), Plain("b"))


def test_a_descriptor_needs_no_super_init_and_no_methods() -> None:
    class Bare(Descriptor[Any, Any]):
        name, key_prefix = "bare", "bare/"

        def __init__(self) -> None:
            pass

    async def story(stage: Stage) -> None:
        assert (await stage.commit({"bare/1": 1})).ok
        assert stage.state("bare/1") is ValueState.UNIMPLEMENTED
        await stage.scheduler.notify("bare/2", 1)
        assert stage.state("bare/2") is ValueState.OBTAINED

    act(story, Bare())


@pytest.mark.parametrize("key", ["", None, 7, b"a/1", ("a", "b")])
def test_a_key_that_is_no_text_is_refused_by_the_transaction(key: Any) -> None:
    async def story(stage: Stage) -> None:
        transaction = stage.scheduler.transaction()
        with pytest.raises(ValueError, match="key"):
            transaction.set(key, 1)
        with pytest.raises(ValueError, match="key"):
            transaction.delete(key)

    act(story, Plain())


@pytest.mark.parametrize("key", ["/", "//", "a//", "a/\0", "\ud800", "a/" + "x" * 100_000])
def test_odd_keys_are_keys(key: str) -> None:
    one = Plain()
    one.selects = lambda key: True  # type: ignore[method-assign]

    async def story(stage: Stage) -> None:
        await stage.commit({key: 1})
        assert [status.key for status in stage.scheduler.statuses()] == [key]
        assert list(stage.scheduler.values(key)) == [key]
        stage.plan({key: 2}).render()
        await stage.commit({key: None})
        assert stage.scheduler.statuses() == []

    act(story, one)
