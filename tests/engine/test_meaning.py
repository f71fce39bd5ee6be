# SPDX-License-Identifier: Apache-2.0
"""What descriptors say of values, word by word where it makes no sense."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kvscheduler import Depends, DependsOnAny, Derived, Descriptor, InvalidValue
from kvscheduler.planner.meaning import equivalent, must_recreate, same, specify
from kvscheduler.registry import Binding


class Sayer(Descriptor[Any, Any]):
    """Says of each value what the value, a mapping, has for the method."""

    name, key_prefix = "d", "a/"

    def validate(self, key: str, value: Any) -> Any:
        return _said(value, "validate")

    def dependencies(self, key: str, value: Any) -> Any:
        return _said(value, "dependencies")

    def derived(self, key: str, value: Any) -> Any:
        return _said(value, "derived")

    def claims(self, key: str, value: Any) -> Any:
        return _said(value, "claims")

    def equivalent(self, key: str, old: Any, new: Any) -> Any:
        return _said(new, "equivalent")

    def requires_recreate(self, key: str, old: Any, new: Any, metadata: Any) -> Any:
        return _said(new, "requires_recreate")

    def update(self, key: str, old: Any, new: Any, metadata: Any) -> Any:
        return None


def _said(value: dict[str, Any], method: str) -> Any:
    said = value.get(method)
    return said() if callable(said) else said


def fail() -> Any:
    raise RuntimeError("oh")


def fail_halfway() -> Iterator[Any]:
    yield Derived("b/1", 1)
    raise RuntimeError("oh")


def refusal(method: str, said: Any) -> str:
    with pytest.raises(InvalidValue) as refused:
        specify(Binding(Sayer()), "a/1", {method: said})
    return str(refused.value)


@pytest.mark.parametrize("method", ["validate", "dependencies", "derived", "claims"])
def test_what_a_descriptor_raises_counts_against_the_value(method: str) -> None:
    assert refusal(method, fail) == f"d.{method}() raised RuntimeError: oh"


def test_so_does_what_is_raised_while_the_answer_is_gone_through() -> None:
    assert refusal("derived", fail_halfway) == "d.derived() raised RuntimeError: oh"


@pytest.mark.parametrize(
    ("method", "said", "shown"),
    [
        ("dependencies", ["b/1"], "'b/1'"),
        ("dependencies", [Depends(1)], "{'key': 1"),  # type: ignore[arg-type]  # nonsense
        ("dependencies", [DependsOnAny(prefixes=("b/",), label=1)], "{'prefixes': ['b/'], "),  # type: ignore[arg-type]  # nonsense
        ("dependencies", [DependsOnAny(prefixes=("b/", 1))], "{'prefixes': ['b/', 1]"),  # type: ignore[arg-type]  # nonsense
        ("derived", 1, "1"),
        ("derived", "b/1", "'b/1'"),
        ("derived", [("b/1", 1)], "['b/1', 1]"),
        ("derived", [Derived(1, 1)], "{'key': 1"),  # type: ignore[arg-type]  # nonsense
        ("derived", [Derived("b/1", None)], "{'key': 'b/1'"),
        ("claims", "eth0", "'eth0'"),
        ("claims", ["eth0", 1], "1"),
        ("claims", 1, "1"),
    ],
)
def test_nonsense_is_shown_with_who_said_it(method: str, said: Any, shown: str) -> None:
    assert refusal(method, said).startswith(f"descriptor d: {method}() returned {shown}")


@pytest.mark.parametrize("keys", [("b/1", "b/1"), ("a/1",), ("b/1", "a/1")])
def test_a_value_derives_no_key_twice_and_not_its_own(keys: tuple[str, ...]) -> None:
    said = refusal("derived", [Derived(key, 1) for key in keys])

    assert said == "descriptor d derives one key twice, or the value's own"


def test_a_value_needs_its_base_first_and_itself_not_at_all() -> None:
    needs = [Depends("b/1"), Depends("a/1"), Depends("b/1"), Depends("c/1")]

    spec = specify(Binding(Sayer()), "a/1", {"dependencies": needs}, "base")

    assert spec.needs == ("base", "b/1", "c/1")


@pytest.mark.parametrize("form", [list, tuple, iter])
def test_dependencies_may_come_in_any_form_or_not_at_all(form: Callable[[Any], Any]) -> None:
    group = DependsOnAny(prefixes=("b/", "c/"))

    spec = specify(Binding(Sayer()), "a/1", {"dependencies": form([Depends("b/1"), group])})
    nothing = specify(Binding(Sayer()), "a/1", {})

    assert (spec.needs, spec.anyof) == (("b/1",), (group,))
    assert (nothing.needs, nothing.anyof, nothing.derived, nothing.claims) == ((), (), (), ())


def test_a_derived_value_derives_nothing() -> None:
    value = {"derived": [Derived("b/1", 1)], "claims": iter(["x", "y", "x"])}

    assert specify(Binding(Sayer()), "a/1", value, "base").derived == ()
    assert specify(Binding(Sayer()), "a/1", value).derived == (Derived("b/1", 1),)


def test_what_was_seen_to_stand_is_not_asked_whether_it_is_valid() -> None:
    value = {"validate": fail}

    assert specify(Binding(Sayer()), "a/1", value, seen=True).value is value


def test_what_cannot_be_compared_is_neither_the_same_nor_equivalent() -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("oh")

        __hash__ = None  # type: ignore[assignment]  # as Python has it

    one = Odd()

    assert same(one, one)
    assert not same(one, Odd())
    assert not equivalent(None, "a/1", one, Odd())
    assert equivalent(None, "a/1", 1, 1)


@pytest.mark.parametrize(("said", "told"), [(True, True), (0, False), (fail, False)])
def test_an_update_is_needed_where_the_descriptor_does_not_say_otherwise(
    said: Any, told: bool
) -> None:
    assert equivalent(Binding(Sayer()), "a/1", {}, {"equivalent": said}) is told


@pytest.mark.parametrize(("said", "told"), [("yes", True), (None, False), (fail, True)])
def test_a_recreate_is_what_the_descriptor_demands_or_cannot_tell(said: Any, told: bool) -> None:
    assert must_recreate(Binding(Sayer()), "a/1", {}, {"requires_recreate": said}, None) is told
