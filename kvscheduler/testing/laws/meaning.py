# SPDX-License-Identifier: Apache-2.0
"""Laws that need no southbound: what a descriptor says of values is pure, sound and consistent."""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ...errors import InvalidValue, describe
from ...model import Depends, DependsOnAny, Derived
from ...registry import Binding, Registry
from .broken import Law, LawBroken

__all__ = ["Meaning", "untouched"]

_MOST_COMPARED = 8  # values of one key at once: triples grow with the third power


class _Known:
    """The latest values of one key by number, and which of them are equivalent."""

    def __init__(self) -> None:
        self.values: dict[int, Any] = {}
        self.same: dict[tuple[int, int], bool] = {}
        self._numbers = itertools.count()

    def add(self, value: Any) -> int:
        """Take in a value, and return its number."""
        if len(self.values) == _MOST_COMPARED:
            del self.values[min(self.values)]
        number = next(self._numbers)
        self.values[number] = value
        return number


class Meaning:
    """Asks the pure methods of descriptors, each of them twice, and remembers the answers.

    A crash makes no difference to what values mean: ``use`` goes on with new descriptors.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._said: dict[tuple[str, ...], Any] = {}

    def use(self, registry: Registry) -> None:
        """Ask these descriptors from now on."""
        self._registry = registry

    def is_valid(self, binding: Binding, key: str, value: Any) -> bool:
        """Check all that is said of one value; False where it is refused."""
        refused = self._twice(binding, "validate", key, value)
        if isinstance(refused, InvalidValue):
            return False
        self._sound_dependencies(binding, key, value)
        self._sound_claims(binding, key, value)
        self._sound_derived(binding, key, value)
        self.compare(binding, key, value)
        return True

    def values(self, key: str) -> list[Any]:
        """Return the latest valid values of a key."""
        return list(self._known[key].values.values()) if key in self._known else []

    def compare(self, binding: Binding, key: str, value: Any) -> None:
        """Check a value against the others of its key: whether equal, whether to recreate."""
        known = self._known.setdefault(key, _Known())
        if value in known.values.values():
            return
        latest = known.add(value)
        for other in known.values:
            for pair in {(latest, other), (other, latest)}:
                old, new = known.values[pair[0]], known.values[pair[1]]
                known.same[pair] = self._equivalent(binding, key, old, new)
                if known.same[pair]:
                    self.check_recreate(binding, key, old, new, None)
            _check_pair(binding, key, known, latest, other)
        for three in itertools.permutations(known.values, 3):
            if latest in three:
                _check_transitive(binding, key, known, three)

    def _equivalent(self, binding: Binding, key: str, old: Any, new: Any) -> bool:
        return bool(self._twice(binding, "equivalent", key, old, new))

    def check_recreate(
        self, binding: Binding, key: str, old: Any, new: Any, metadata: Any
    ) -> None:
        """Check that values which are equivalent ask for no recreate."""
        if self._twice(binding, "requires_recreate", key, old, new, more=(metadata,)):
            same = "the same value" if old == new else "an equivalent value"
            raise LawBroken(
                Law.NEEDLESS_RECREATE, binding.name, key,
                f"requires_recreate() says False for {same}", "it says True", old=old, new=new,
            )  # fmt: skip

    def _sound_dependencies(self, binding: Binding, key: str, value: Any) -> None:
        for one in self._twice(binding, "dependencies", key, value):
            if not isinstance(one, (Depends, DependsOnAny)):
                raise _nonsense(binding, "dependencies", key, value, repr(one))

    def _sound_claims(self, binding: Binding, key: str, value: Any) -> None:
        for one in self._twice(binding, "claims", key, value):
            if not isinstance(one, str):
                raise _nonsense(binding, "claims", key, value, repr(one))

    def _sound_derived(self, binding: Binding, key: str, value: Any) -> None:
        keys = {key}
        for one in self._twice(binding, "derived", key, value):
            if not isinstance(one, Derived) or type(one.key) is not str or one.value is None:
                raise _nonsense(binding, "derived", key, value, repr(one))
            if one.key in keys:
                said = f"{one.key} twice, or the value's own key"
                raise _nonsense(binding, "derived", key, value, said)
            keys.add(one.key)
            serving = self._registry.find(one.key)
            deeper = serving and self._twice(serving, "derived", one.key, one.value)
            if deeper:
                said = f"{one.key}, which derives values in turn: {deeper!r}"
                raise _nonsense(binding, "derived", key, value, said)

    def _twice(
        self, binding: Binding, method: str, key: str, *values: Any, more: Sequence[Any] = ()
    ) -> Any:
        """Ask a pure method twice, and compare; return what it said, InvalidValue if raised."""
        ask: Callable[..., Any] = getattr(binding.descriptor, method)
        with untouched(binding, method, key, *values):
            first = _answer(binding, ask, method, key, (*values, *more))
            second = _answer(binding, ask, method, key, (*values, *more))
        before = first
        if not more:
            before = self._said.setdefault((binding.name, method, key, repr(values)), first)
        for later in (first, second):
            if _comparable(before) != _comparable(later):
                expected = f"{method}() says the same each time"
                found = f"first {before!r}, then {later!r}"
                raise LawBroken(Law.PURE, binding.name, key, expected, found, **_named(values))
        return first


@contextlib.contextmanager
def untouched(binding: Binding, method: str, key: str, *values: Any) -> Iterator[None]:
    """Check that values are what they were when the block ends."""
    before = copy.deepcopy(values)
    yield
    for was, value in zip(before, values, strict=True):
        if was != value:
            raise LawBroken(
                Law.UNTOUCHED, binding.name, key, f"{method}() leaves its arguments alone",
                f"now it is {value!r}", value=was,
            )  # fmt: skip


def _answer(
    binding: Binding, ask: Callable[..., Any], method: str, key: str, values: Sequence[Any]
) -> Any:
    several = method in {"dependencies", "claims", "derived"}
    try:
        answer = ask(key, *values)
        if not several:
            return bool(answer) if method != "validate" else None
        found = answer if isinstance(answer, str) else tuple(answer or ())
    except InvalidValue as refused:
        if method == "validate":
            return refused
        raise _raised(binding, method, key, values, refused) from refused
    except Exception as error:
        raise _raised(binding, method, key, values, error) from error
    if isinstance(found, str):
        raise _nonsense(binding, method, key, values[0], repr(found))
    return found


def _raised(
    binding: Binding, method: str, key: str, values: Sequence[Any], error: Exception
) -> LawBroken:
    expected = (
        "None, or InvalidValue" if method == "validate" else "an answer: it is a valid value"
    )
    found = f"{method}() raised {type(error).__name__}: {describe(error)}"
    return LawBroken(Law.REFUSALS, binding.name, key, expected, found, **_named(values))


def _check_pair(binding: Binding, key: str, known: _Known, one: int, other: int) -> None:
    old, new = known.values[one], known.values[other]
    if one == other and not known.same[one, one]:
        raise _not_equal(binding, key, "a value is not equivalent to itself", value=old)
    forth, back = known.same[one, other], known.same[other, one]
    if forth is not back:
        found = f"one way it says {forth}, the other way {back}"
        raise _not_equal(binding, key, found, old=old, new=new)


def _check_transitive(
    binding: Binding, key: str, known: _Known, three: tuple[int, int, int]
) -> None:
    one, other, third = three
    if known.same[one, other] and known.same[other, third] and not known.same[one, third]:
        found = "first equals second, second equals third, first does not equal third"
        names = ("first", "second", "third")
        said = {name: known.values[number] for name, number in zip(names, three, strict=True)}
        raise _not_equal(binding, key, found, **said)


def _nonsense(binding: Binding, method: str, key: str, value: Any, said: str) -> LawBroken:
    expected = f"{method}() answers in the engine's words"
    found = f"it returned {said}"
    return LawBroken(Law.ANSWERS, binding.name, key, expected, found, value=value)


def _not_equal(binding: Binding, key: str, found: str, **values: Any) -> LawBroken:
    expected = "an equivalence relation"
    return LawBroken(Law.EQUIVALENCE, binding.name, key, expected, found, **values)


def _named(values: Sequence[Any]) -> dict[str, Any]:
    names = ("value",) if len(values) == 1 else ("old", "new", "metadata")
    return dict(zip(names, values, strict=False))


def _comparable(answer: Any) -> Any:
    """Return an answer without what cannot be compared: the functions in any-of dependencies."""
    if isinstance(answer, InvalidValue):
        return ("InvalidValue", str(answer), answer.fields)
    if not isinstance(answer, tuple):
        return answer
    return tuple(
        ("any of", one.prefixes, one.label) if isinstance(one, DependsOnAny) else one
        for one in answer
    )
