# SPDX-License-Identifier: Apache-2.0
"""Asking descriptors what values mean; whatever they raise counts against the value alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import InvalidValue, describe
from ..graph import Spec
from ..jsonable import jsonable
from ..model import Depends, DependsOnAny, Derived, Unreadable
from ..registry import Binding

__all__ = ["equivalent", "must_recreate", "same", "specify"]


def specify(
    binding: Binding | None, key: str, value: Any, base: str | None = None, *, seen: bool = False
) -> Spec:
    """Return what a value under a key means; ``InvalidValue`` where it cannot be wanted.

    What was ``seen`` to stand is not asked whether it is valid.
    """
    if binding is None:
        return Spec(None, value, base, () if base is None else (base,))
    if type(value) is Unreadable:
        raise InvalidValue(value.reason)
    if binding.validate is not None and not seen:
        _call(binding, "validate", key, value)
    needs: tuple[str, ...] = () if base is None else (base,)
    anyof: tuple[DependsOnAny, ...] = ()
    derived: tuple[Derived, ...] = ()
    claims: tuple[str, ...] = ()
    if binding.dependencies is not None:
        needs, anyof = _dependencies(binding, key, value, base)
    if base is None and binding.derived is not None:
        derived = _derived(binding, key, value)
    if binding.claims is not None:
        claims = _claims(binding, key, value)
    return Spec(binding, value, base, needs, anyof, derived, claims)


def _dependencies(
    binding: Binding, key: str, value: Any, base: str | None
) -> tuple[tuple[str, ...], tuple[DependsOnAny, ...]]:
    needs: dict[str, None] = {} if base is None else {base: None}
    groups: tuple[DependsOnAny, ...] = ()
    for dependency in _call(binding, "dependencies", key, value):
        if type(dependency) is Depends and type(dependency.key) is str:
            needs[dependency.key] = None
        elif isinstance(dependency, DependsOnAny) and _is_sound(dependency):
            groups = (*groups, dependency)
        else:
            raise _nonsense(binding, "dependencies", dependency)
    needs.pop(key, None)
    return tuple(needs), groups


def _is_sound(group: DependsOnAny) -> bool:
    return type(group.label) is str and all(type(prefix) is str for prefix in group.prefixes)


def _derived(binding: Binding, key: str, value: Any) -> tuple[Derived, ...]:
    found = _listed(binding, "derived", key, value)
    names: set[str] = set()
    for item in found:
        if type(item) is not Derived or type(item.key) is not str or item.value is None:
            raise _nonsense(binding, "derived", item)
        names.add(item.key)
    if len(names) < len(found) or key in names:
        text = f"descriptor {binding.name} derives one key twice, or the value's own"
        raise InvalidValue(text)
    return found


def _claims(binding: Binding, key: str, value: Any) -> tuple[str, ...]:
    found = _listed(binding, "claims", key, value)
    for claim in found:
        if type(claim) is not str:
            raise _nonsense(binding, "claims", claim)
    return tuple(dict.fromkeys(found))


def same(old: Any, new: Any) -> bool:
    """Tell whether two values are equal; values that cannot be compared are not."""
    if old is new:
        return True
    try:
        return bool(old == new)
    except Exception:  # noqa: BLE001 - a value's own __eq__ may raise anything
        return False


def equivalent(binding: Binding | None, key: str, old: Any, new: Any) -> bool:
    """Tell whether no update is needed; a descriptor that raises makes it needed."""
    if binding is None or binding.equivalent is None:
        return same(old, new)
    try:
        return bool(binding.equivalent(key, old, new))
    except Exception:  # noqa: BLE001 - an update is the honest answer
        return False


def must_recreate(binding: Binding, key: str, old: Any, new: Any, metadata: Any) -> bool:
    """Tell whether the descriptor demands a recreate, or cannot do an update at all."""
    if binding.update is None:
        return True
    if binding.requires_recreate is None:
        return False
    try:
        return bool(binding.requires_recreate(key, old, new, metadata))
    except Exception:  # noqa: BLE001 - a recreate always works
        return True


def _listed(binding: Binding, method: str, key: str, value: Any) -> tuple[Any, ...]:
    found = _call(binding, method, key, value)
    if type(found) is tuple:
        return found
    if found is None:
        return ()
    if isinstance(found, str) or not isinstance(found, Iterable):
        raise _nonsense(binding, method, found)
    try:
        return tuple(found)
    except Exception as error:
        raise _blame(f"{binding.name}.{method}", error) from error


def _call(binding: Binding, method: str, key: str, value: Any) -> Any:
    try:
        found = getattr(binding, method)(key, value)
        if method == "dependencies" and not isinstance(found, (list, tuple)):
            return () if found is None else tuple(found)
    except InvalidValue:
        raise
    except Exception as error:
        raise _blame(f"{binding.name}.{method}", error) from error
    return found


def _blame(where: str, error: Exception) -> InvalidValue:
    return InvalidValue(f"{where}() raised {type(error).__name__}: {describe(error)}")


def _nonsense(binding: Binding, method: str, item: object) -> InvalidValue:
    # As it may be shown: it may be a value with a secret in it.
    return InvalidValue(f"descriptor {binding.name}: {method}() returned {jsonable(item)!r:.80}")
