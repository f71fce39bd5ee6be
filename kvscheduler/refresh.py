# SPDX-License-Identifier: Apache-2.0
"""Asking the southbound what is there, and taking that for what is known."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from .calls import Calls
from .errors import OperationError, PartialRetrieve
from .graph import Graph, Node
from .jsonable import jsonable
from .model import Origin, Retrieved, Unreadable
from .observer import Observer
from .registry import Binding, Registry

__all__ = ["Found", "Refresher"]

logger = logging.getLogger(__name__)

# Kept here: to ask an enum for a member costs as much as a call.
_OURS, _OTHERS = Origin.NORTHBOUND, Origin.SOUTHBOUND


class Found:
    """What one descriptor retrieved; of keys below ``unknown`` prefixes nothing is concluded."""

    __slots__ = ("binding", "error", "unknown", "values")

    def __init__(self, binding: Binding) -> None:
        self.binding = binding
        self.values: dict[str, Retrieved] = {}
        self.unknown: tuple[str, ...] = ()
        self.error: Exception | None = None


class Refresher:
    """Retrieves through the descriptors, in the order they ask for."""

    def __init__(self, observer: Observer, graph: Graph, registry: Registry, calls: Calls) -> None:
        self._observer = observer
        self._graph = graph
        self._registry = registry
        self._calls = calls

    async def refresh(
        self,
        prefix: str = "",
        wanted: Mapping[str, Any] | None = None,
        only: Collection[str] | None = None,
    ) -> dict[str, Exception]:
        """Retrieve what is below a prefix and note it; return the errors by descriptor.

        ``wanted`` are values about to be wanted, for descriptors to correlate with.
        """
        known = self._standing_by_binding(prefix)

        def note(found: Found) -> None:
            self._note(found, known.get(found.binding.name, ()))

        # Noted at once, so that those retrieved after find the metadata.
        founds = await self.retrieve(prefix, wanted, only, note)
        for found in founds:
            for key in found.values:
                self._observer.tie(key)
        return {found.binding.name: found.error for found in founds if found.error is not None}

    async def refresh_keys(self, keys: Iterable[str]) -> set[str]:
        """Retrieve just these keys, as after a failure; what cannot be told stays in doubt.

        Returns the keys of which the southbound could tell.
        """
        told: set[str] = set()
        by_binding: dict[str, tuple[Binding, list[str]]] = {}
        for key in keys:
            binding = self._serving(key)
            if binding is not None and binding.retrieve is not None:
                by_binding.setdefault(binding.name, (binding, []))[1].append(key)
        for binding, asked in by_binding.values():
            nodes = [self._graph.nodes.get(key) for key in asked]
            expected = [_expected(node) for node in nodes if node is not None]
            found = await self._hear(binding, self._begin(binding, expected, asked))
            wanted = set(asked)
            found.values = {k: v for k, v in found.values.items() if k in wanted}
            self._note(found, asked)
            told.update(key for key in asked if not key.startswith(found.unknown or _NOWHERE))
        return told

    def _serving(self, key: str) -> Binding | None:
        node = self._graph.nodes.get(key)
        if node is not None:
            return _binding_of(node)
        try:
            return self._registry.find(key)
        except Exception:  # noqa: BLE001 - a selector may raise anything
            return None

    async def retrieve(
        self,
        prefix: str = "",
        wanted: Mapping[str, Any] | None = None,
        only: Collection[str] | None = None,
        on_found: Callable[[Found], None] | None = None,
    ) -> list[Found]:
        """Return what the southbound holds below a prefix, without noting it."""
        expected = self._expected_by_binding(wanted or {})
        bindings = [
            binding
            for binding in self._registry
            if binding.retrieve is not None
            and _may_hold(binding, prefix)
            and (only is None or binding.name in only)
        ]
        done: dict[str, Found] = {}
        while len(done) < len(bindings):
            batch = self._next(bindings, done)
            asked = [(b, self._begin(b, expected.get(b.name, []), None)) for b in batch]
            for found in [await self._hear(b, answer) for b, answer in asked]:
                done[found.binding.name] = found
                if prefix:
                    found.values = {k: v for k, v in found.values.items() if k.startswith(prefix)}
                if on_found is not None:
                    on_found(found)
        return [done[b.name] for b in bindings]

    def _next(self, bindings: list[Binding], done: Mapping[str, Found]) -> list[Binding]:
        """Return those of which all that are retrieved before them are done."""
        left = [b for b in bindings if b.name not in done]
        if not any(b.retrieve_after for b in left):
            return left
        names = {b.name for b in left}
        return [b for b in left if names.isdisjoint(self._after(b))]

    def _after(self, binding: Binding) -> set[str]:
        """Return the names retrieved before this one, over descriptors that retrieve nothing."""
        found: set[str] = set()
        stack = list(binding.retrieve_after)
        while stack:
            name = stack.pop()
            if name not in found:
                found.add(name)
                stack.extend(self._registry.bindings[name].retrieve_after)
        return found

    def _expected_by_binding(self, wanted: Mapping[str, Any]) -> dict[str, list[Retrieved]]:
        expected: dict[str, list[Retrieved]] = {}
        for node in self._graph.nodes.values():
            binding = _binding_of(node)
            if binding is not None and node.key not in wanted:
                expected.setdefault(binding.name, []).append(_expected(node))
        for key, value in wanted.items():
            try:
                binding = self._registry.find(key)
            except Exception:  # noqa: BLE001, S112 - planning reports it, with the key
                continue
            item = None if binding is None else self._expected_wanted(binding, key, value)
            if binding is not None and item is not None:
                expected.setdefault(binding.name, []).append(item)
        return expected

    def _expected_wanted(self, binding: Binding, key: str, value: Any) -> Retrieved | None:
        node = self._graph.nodes.get(key)
        if node is not None and node.have is not None:
            return _expected(node)
        if type(value) is Unreadable:
            return None
        try:
            if binding.validate is not None:
                binding.validate(key, value)
        except Exception:  # noqa: BLE001 - planning reports it, with the key
            return None
        return Retrieved(key, value, None, _OURS)

    def _begin(
        self, binding: Binding, expected: Sequence[Retrieved], keys: Sequence[str] | None
    ) -> asyncio.Future[Any]:
        assert binding.retrieve is not None
        return self._calls.begin(binding, binding.retrieve, expected, keys)

    async def _hear(self, binding: Binding, answer: asyncio.Future[Any]) -> Found:
        found = Found(binding)
        items: Iterable[Any]
        try:
            items = await answer
            found.values = self._checked(binding, items)
        except PartialRetrieve as partial:
            found.unknown = partial.unknown
            found.values = self._checked(binding, partial.found)
            found.error = partial
        except Exception as error:  # noqa: BLE001 - whatever a descriptor raises
            found.unknown = ("",)
            found.error = OperationError(binding.name, "retrieve", error)
            logger.warning("descriptor %s cannot retrieve: %s", binding.name, error)
        return found

    def _checked(self, binding: Binding, items: Iterable[Any]) -> dict[str, Retrieved]:
        values: dict[str, Retrieved] = {}
        if not items:
            return values
        dropped: list[Any] = []
        for item in items:
            if not isinstance(item, Retrieved) or type(item.key) is not str or item.value is None:
                dropped.append(item)
            elif item.key in values or not self._is_served(item.key, binding):
                dropped.append(item.key)
            else:
                values[item.key] = item
        if dropped:
            logger.warning(
                "descriptor %s retrieved %d things that are nonsense, twice there or another's,"
                " the first is %.80r",
                binding.name, len(dropped), jsonable(dropped[0]),
            )  # fmt: skip
        return values

    def _is_served(self, key: str, binding: Binding) -> bool:
        try:
            return self._registry.find(key) is binding
        except Exception:  # noqa: BLE001 - a selector may raise anything
            return False

    def _standing_by_binding(self, prefix: str) -> dict[str, list[str]]:
        standing: dict[str, list[str]] = {}
        nodes = self._graph.nodes
        for key in nodes if not prefix else self._graph.below(prefix):
            node = nodes[key]
            binding = _binding_of(node)
            if binding is not None and (node.have is not None or node.doubt is not None):
                standing.setdefault(binding.name, []).append(key)
        return standing

    def _note(self, found: Found, known: Collection[str]) -> None:
        observer, nodes = self._observer, self._graph.nodes
        for key, item in found.values.items():
            node = nodes.get(key)
            if node is not None and item.origin is _OTHERS and _is_ours(node):
                self._lose(node)  # another's stands in its place
            if node is None or not node.late:
                observer.observe(key, found.binding, item.value, item.metadata, item.origin)
        for key in known:
            if key in found.values or key.startswith(found.unknown or _NOWHERE):
                continue
            node = nodes.get(key)
            if node is not None and not node.late:
                self._lose(node)

    def _lose(self, node: Node) -> None:
        """Note a loss, also of what lives and dies with it and cannot be retrieved itself."""
        have = node.have
        self._observer.lose(node.key)
        for derived in have.derived if have is not None else ():
            follower = self._graph.nodes.get(derived.key)
            binding = _binding_of(follower)
            if binding is not None and binding.retrieve is None:
                self._observer.lose(derived.key)


_NOWHERE = ("\0",)


def _binding_of(node: Node | None) -> Binding | None:
    if node is None:
        return None
    spec = node.have or node.want or node.doubt
    return None if spec is None else spec.binding


def _is_ours(node: Node) -> bool:
    return node.have is not None and node.origin is _OURS and not node.late


def _expected(node: Node) -> Retrieved:
    spec = node.have or node.want or node.doubt
    assert spec is not None
    origin = _OURS if node.want is not None else node.origin
    return Retrieved(node.key, spec.value, node.metadata, origin)


def _may_hold(binding: Binding, prefix: str) -> bool:
    if binding.selects is not None or not prefix:
        return True
    return binding.prefix.startswith(prefix) or prefix.startswith(binding.prefix)
