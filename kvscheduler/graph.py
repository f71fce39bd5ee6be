# SPDX-License-Identifier: Apache-2.0
"""What is known: every value as wanted and as it stands, and who depends on whom.

Plain dicts, since they measure fastest; networkx gets a copy when people ask for a graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .keyindex import KeyIndex, PrefixIndex
from .model import DependsOnAny, Derived, Origin, RetryPolicy, ValueState

if TYPE_CHECKING:
    from .registry import Binding

__all__ = ["Graph", "Node", "Spec"]

# Kept here: to ask an enum for a member costs as much as a call.
_OURS = Origin.NORTHBOUND


class Spec:
    """One value under one key, with all that its descriptor says it means.

    Never changed once made: the wanted and the standing side of a node share it when equal.
    ``needs`` holds the keys of the plain dependencies, the base of a derived value first.
    """

    __slots__ = ("anyof", "base", "binding", "claims", "derived", "needs", "value")

    def __init__(
        self,
        binding: Binding | None,
        value: Any,
        base: str | None = None,
        needs: tuple[str, ...] = (),
        anyof: tuple[DependsOnAny, ...] = (),
        derived: tuple[Derived, ...] = (),
        claims: tuple[str, ...] = (),
    ) -> None:
        self.binding = binding
        self.value = value
        self.base = base
        self.needs = needs
        self.anyof = anyof
        self.derived = derived
        self.claims = claims

    @property
    def is_fact(self) -> bool:
        """Whether no descriptor serves it, so that it stands whenever its base does."""
        return self.binding is None and self.base is not None

    @property
    def is_creatable(self) -> bool:
        """Whether the engine could ever make it."""
        return self.binding.writable if self.binding is not None else self.base is not None


class Node:
    """All that is known about one key. Attributes left at their class's default cost nothing.

    ``blocked``: an operation failed; not touched until a retry, a new set or a resync.
    ``doubt``: a failed operation may have had its effect all the same.
    ``rejected``: the invalid value that the northbound would like instead, and its base.
    ``broken``: it stood and was reported broken, so that only a recreate mends it.
    ``unsure``: an update or delete failed and may have had its effect all the same.
    ``late``: a call outlived its deadline and still runs. ``lost``: the southbound lost it.
    """

    key: str
    want: Spec | None = None
    have: Spec | None = None
    metadata: Any = None
    state: ValueState = ValueState.NONEXISTENT
    error: Exception | None = None
    origin: Origin = Origin.NORTHBOUND
    adopted: bool = False
    blocked: bool = False
    doubt: Spec | None = None
    late: bool = False
    lost: bool = False
    unsure: bool = False
    broken: bool = False
    since: float = 0.0
    operation: str = ""
    retry: RetryPolicy | None = None
    attempt: int = 0
    retry_at: float | None = None
    rejected: tuple[Any, str | None] | None = None

    def __init__(self, key: str) -> None:
        self.key = key

    @property
    def spec(self) -> Spec | None:
        """The wanted side, or the standing one where nobody wants it."""
        return self.want if self.want is not None else self.have

    @property
    def is_troubled(self) -> bool:
        """Whether something is the matter with it, even where it stands as wanted."""
        return self.blocked or self.late or self.rejected is not None

    @property
    def is_calm(self) -> bool:
        """Whether it stands just as it is wanted, as far as is known."""
        return (
            self.have is self.want
            and self.have is not None
            and not (self.is_troubled or self.broken or self.unsure)
        )

    @property
    def base(self) -> str | None:
        """The key that the value derives from, if it derives from one."""
        spec = self.have or self.want
        return None if spec is None else spec.base

    @property
    def is_property(self) -> bool:
        """Whether only the southbound makes it."""
        return self.want is None and self.origin is not _OURS


class Graph:
    """The nodes and their indexes; ``revision`` moves with every change of what is known.

    ``unsettled`` holds the keys that the next planning has to look at besides its own: where
    wanted and standing differ for a cause that no transaction names (drift, failures). ``held``
    keys cannot become what is wanted yet, and say why: they are looked at every time. ``perhaps``
    has the claims that a failed call on a key may have taken, until that is known.
    """

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.revision = 0
        self.unsettled: dict[str, None] = {}
        self.held: Mapping[str, str] = {}
        self.claimants: dict[str, str] = {}
        self.holders: dict[str, str] = {}
        self.perhaps: dict[str, tuple[str, ...]] = {}
        self.watching = PrefixIndex()
        self._dependents: dict[str, dict[str, None]] = {}
        self._keys: KeyIndex | None = None

    def have(self, key: str) -> Spec | None:
        """Return what stands under a key."""
        node = self.nodes.get(key)
        return None if node is None else node.have

    def dependents(self, key: str) -> Iterable[str]:
        """Return the keys whose wanted or standing value needs this very key."""
        return self._dependents.get(key, ())

    def below(self, prefix: str) -> Iterable[str]:
        """Return every known key with a prefix, in no particular order."""
        if self._keys is None:
            self._keys = KeyIndex(self.nodes)
        return self._keys.below(prefix)

    def spread(self, asked: Mapping[str, bool]) -> dict[str, None]:
        """Return the known ones of keys; of those with True also what derives, or needs either.

        A key that ends with a slash stands for all that are below it.
        """
        found: dict[str, None] = {}
        centres: dict[str, None] = {}
        for key, is_centre in asked.items():
            below = self.below(key) if key.endswith("/") else (key,)
            known = dict.fromkeys(one for one in below if one in self.nodes)
            found.update(known)
            if is_centre:
                centres.update(known)
        near = self._leaning_on(centres)
        derived = [key for key in near if self.nodes[key].base in centres]
        return {**found, **near, **self._leaning_on(derived)}

    def _leaning_on(self, keys: Iterable[str]) -> dict[str, None]:
        near: dict[str, None] = {}
        for key in keys:
            near.update(self._dependents.get(key, {}))
            near.update(self.watching.of(key))
        return near

    def node(self, key: str) -> Node:
        """Return the node of a key, made where there is none."""
        node = self.nodes.get(key)
        if node is None:
            node = self.nodes[key] = Node(key)
            if self._keys is not None:
                self._keys.add(key)
        return node

    def forget(self, node: Node) -> None:
        """Drop a node that is neither wanted nor standing."""
        if self.nodes.pop(node.key, None) is not None and self._keys is not None:
            self._keys.discard(node.key)
        if self.perhaps:
            self.perhaps.pop(node.key, None)

    def set_want(self, node: Node, spec: Spec | None) -> None:
        """Note what the northbound wants under a key."""
        old = node.want
        if old is spec:
            return
        self.revision += 1
        node.want = spec
        have = node.have
        if spec is not None and spec is not have and (spec.needs or spec.anyof):
            self._add_edges(node.key, spec)
        if old is not None and old is not have:
            self._drop_edges(node.key, old, spec, have)
        if old is not None and old.claims:
            self._drop_claims(self.claimants, node.key, old.claims)
        if spec is not None and spec.claims:
            self.claimants.update(dict.fromkeys(spec.claims, node.key))

    def set_have(self, node: Node, spec: Spec | None, metadata: Any) -> None:
        """Note what stands under a key, and the metadata that the southbound gave it."""
        old = node.have
        self.revision += 1
        node.have = spec
        if old is not spec:
            want = node.want
            if spec is not None and spec is not want:
                self._add_edges(node.key, spec)
            if old is not None and old is not want:
                self._drop_edges(node.key, old, spec, want)
            if old is not None and old.claims:
                self._drop_claims(self.holders, node.key, old.claims)
            if spec is not None and spec.claims:
                self.holders.update(dict.fromkeys(spec.claims, node.key))
        if metadata is not node.metadata:
            self._set_metadata(node, spec if spec is not None else old, metadata)

    def stand(self, node: Node, metadata: Any) -> None:
        """Note that a key stands just as it is wanted."""
        want = node.want
        if node.have is not None or want is None or want.claims:
            self.set_have(node, want, metadata)
            return
        self.revision += 1
        node.have = want
        if metadata is not None:
            self._set_metadata(node, want, metadata)

    def _set_metadata(self, node: Node, spec: Spec | None, metadata: Any) -> None:
        binding = None if spec is None else spec.binding
        before, node.metadata = node.metadata, metadata
        if binding is None:
            return
        cut = binding.cut
        label = node.key[cut:] if cut is not None else binding.label_of(node.key)
        if metadata is None:
            if binding.metadata.get(label) is before:  # two keys may bear one label
                binding.metadata.pop(label, None)
        else:
            binding.metadata[label] = metadata

    @staticmethod
    def _drop_claims(index: dict[str, str], key: str, claims: Iterable[str]) -> None:
        for claim in claims:
            if index.get(claim) == key:
                del index[claim]

    def _add_edges(self, key: str, spec: Spec) -> None:
        dependents = self._dependents
        for need in spec.needs:
            known = dependents.get(need)
            if known is None:
                dependents[need] = {key: None}
            else:
                known[key] = None
        for group in spec.anyof:
            self.watching.add(group.prefixes, key)

    def _drop_edges(self, key: str, old: Spec, new: Spec | None, other: Spec | None) -> None:
        kept = [spec for spec in (new, other) if spec is not None]
        for need in old.needs:
            if any(need in spec.needs for spec in kept):
                continue
            known = self._dependents[need]
            del known[key]
            if not known:
                del self._dependents[need]
        if old.anyof:
            prefixes = {p for group in old.anyof for p in group.prefixes}
            for spec in kept:
                prefixes.difference_update(p for group in spec.anyof for p in group.prefixes)
            self.watching.discard(prefixes, key)
