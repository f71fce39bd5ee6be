# SPDX-License-Identifier: Apache-2.0
"""Which descriptor serves which key, and what each descriptor really overrides."""

from __future__ import annotations

import functools
import inspect
import logging
import types
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .descriptor import Descriptor
from .errors import InvalidValue, RegistrationError

__all__ = ["Binding", "Registry"]

logger = logging.getLogger(__name__)

Call = Callable[..., Any]


_DEFAULTS = {name: given for name, given in vars(Descriptor).items() if callable(given)}


_own_methods: weakref.WeakKeyDictionary[type[Any], frozenset[str]] = weakref.WeakKeyDictionary()


def _methods_of(kind: type[Any]) -> frozenset[str]:
    """Return which methods a class does not leave to the defaults; looked at once."""
    found = _own_methods.get(kind)
    if found is None:
        own = (name for name, given in _DEFAULTS.items() if getattr(kind, name) is not given)
        found = _own_methods[kind] = frozenset(own)
    return found


def _is_async(call: Call) -> bool:
    function = getattr(call, "__func__", call)
    plain = isinstance(function, types.FunctionType)
    return (_is_coroutine_function if plain else inspect.iscoroutinefunction)(function)


_is_coroutine_function = functools.lru_cache(maxsize=256)(inspect.iscoroutinefunction)


class Binding:
    """A registered descriptor with what it leaves to the defaults replaced by None.

    The planner and the executor ask once here instead of calling defaults for every value.
    """

    __slots__ = (
        "claims", "create", "cut", "deadline_s", "delete", "dependencies", "derived", "descriptor",
        "equivalent", "inline", "is_retriable", "label", "max_parallel", "metadata", "name",
        "prefix", "requires_recreate", "retrieve", "retrieve_after", "selects", "update",
        "validate", "watch", "why_absent", "writable",
    )  # fmt: skip

    def __init__(self, descriptor: Descriptor[Any, Any]) -> None:
        methods = _methods_of(type(descriptor)).union(vars(descriptor))

        def own(name: str) -> Call | None:
            return getattr(descriptor, name) if name in methods else None

        self.descriptor = descriptor
        self.name = descriptor.name
        self.prefix = descriptor.key_prefix
        self.retrieve_after = tuple(descriptor.retrieve_after)
        self.max_parallel = descriptor.max_parallel
        self.deadline_s = descriptor.deadline_s
        self.selects = own("selects")
        self.label = own("label")
        self.validate = own("validate")
        self.equivalent = own("equivalent")
        self.dependencies = own("dependencies")
        self.derived = own("derived")
        self.requires_recreate = own("requires_recreate")
        self.claims = own("claims")
        self.is_retriable = own("is_retriable")
        self.why_absent = own("why_absent")
        self.create = own("create")
        self.update = own("update")
        self.delete: Call = descriptor.delete
        self.retrieve = own("retrieve")
        self.watch = own("watch")
        self.writable = self.create is not None
        calls = (self.create, self.update, own("delete"))
        self.inline = not descriptor.blocking and not any(
            call is not None and _is_async(call) for call in calls
        )
        self.cut = len(self.prefix) if self.label is None and self.selects is None else None
        self.metadata: dict[str, Any] = {}

    def label_of(self, key: str) -> str:
        """Return the key's name in the metadata mapping."""
        if self.label is not None:
            try:
                return str(self.label(key))
            except Exception:
                logger.exception("descriptor %s: label() failed on %s", self.name, key)
                return key
        return key.removeprefix(self.prefix)


class Registry:
    """All descriptors, found by key: the longest fitting prefix, or an overridden ``selects``."""

    def __init__(self) -> None:
        self.bindings: dict[str, Binding] = {}
        self._by_prefix: dict[str, Binding] = {}
        self._lengths: tuple[int, ...] = ()
        self._selecting: tuple[Binding, ...] = ()
        self._by_folder: dict[str, Binding | None] = {}

    def __iter__(self) -> Iterator[Binding]:
        return iter(self.bindings.values())

    def add(self, descriptors: Iterable[Descriptor[Any, Any]]) -> list[Binding]:
        """Register descriptors together, or none of them; raise ``RegistrationError``."""
        added = [Binding(descriptor) for descriptor in descriptors]
        self._check(added)
        for binding in added:
            self.bindings[binding.name] = binding
            if binding.selects is None:
                self._by_prefix[binding.prefix] = binding
        self._lengths = tuple(sorted({len(prefix) for prefix in self._by_prefix}, reverse=True))
        self._selecting = tuple(b for b in self if b.selects is not None)
        self._by_folder.clear()
        return added

    def _check(self, added: list[Binding]) -> None:
        names, prefixes = set(self.bindings), dict(self._by_prefix)
        for binding in added:
            if not binding.name or binding.name in names:
                what = f"name {binding.name!r} is taken" if binding.name else "it has no name"
                raise RegistrationError(f"descriptor refused: {what}")
            names.add(binding.name)
            if binding.max_parallel is not None and binding.max_parallel < 1:
                text = (
                    f"{binding.name}: max_parallel: {binding.max_parallel} is less than one call"
                )
                raise RegistrationError(text)
            if binding.selects is not None:
                continue
            if not binding.prefix:
                raise RegistrationError(f"{binding.name}: give it a key_prefix, or selects()")
            other = prefixes.setdefault(binding.prefix, binding)
            if other is not binding:
                text = f"{binding.name}: prefix {binding.prefix!r} belongs to {other.name}"
                raise RegistrationError(text)
        for binding in added:
            for name in binding.retrieve_after:
                if name not in names:
                    raise RegistrationError(f"{binding.name}: retrieve_after: no {name!r}")
        self._check_order([*self, *added])

    def _check_order(self, bindings: list[Binding]) -> None:
        waits = {b.name: set(b.retrieve_after) for b in bindings}
        while waits:
            free = [name for name, after in waits.items() if not after & waits.keys()]
            if not free:
                ring = ", ".join(sorted(waits))
                raise RegistrationError(f"retrieve_after forms a ring: {ring}")
            for name in free:
                del waits[name]

    def find(self, key: str) -> Binding | None:
        """Return the descriptor that serves a key; ``InvalidValue`` where two select it."""
        if self._selecting:
            chosen = [binding for binding in self._selecting if _selects(binding, key)]
            if len(chosen) > 1:
                names = " and ".join(b.name for b in chosen)
                raise InvalidValue(f"the key is selected by both {names}")
            if chosen:
                return chosen[0]
        folder = key[: key.rfind("/") + 1]
        try:
            return self._by_folder[folder]
        except KeyError:
            return self._find_by_prefix(key, folder)

    def is_property(self, key: str) -> bool:
        """Tell whether a value under a key is the southbound's to make, and nobody else's."""
        try:
            binding = self.find(key)
        except InvalidValue:
            return False
        return binding is not None and not binding.writable

    def _find_by_prefix(self, key: str, folder: str) -> Binding | None:
        found = None
        for length in self._lengths:
            found = self._by_prefix.get(key[:length])
            if found is not None:
                break
        # The folder decides alone where no prefix reaches into the names below it.
        if not any(p != folder and p.startswith(folder) for p in self._by_prefix):
            if len(self._by_folder) >= _MAX_FOLDERS:
                self._by_folder.clear()
            self._by_folder[folder] = found
        return found


_MAX_FOLDERS = 10_000


def _selects(binding: Binding, key: str) -> bool:
    """Ask an overridden ``selects``; one that raises selects nothing."""
    try:
        return binding.selects is not None and bool(binding.selects(key))
    except Exception as error:  # noqa: BLE001 - it must not cost others their values
        logger.warning("descriptor %s: selects() failed on %s: %s", binding.name, key, error)
        return False
