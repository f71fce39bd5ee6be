# SPDX-License-Identifier: Apache-2.0
"""The graph's indexes say what its nodes say, whatever was noted in whatever order."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable

import pytest

from kvscheduler import DependsOnAny, Descriptor, Origin
from kvscheduler.graph import Graph, Node, Spec
from kvscheduler.registry import Binding

KEYS = ("a/1", "a/2", "b/1", "b/2", "c")
PREFIXES = ("a/", "b/", "b/1", "c")
STEPS = 40
SEEDS = range(120)


class Named(Descriptor[object, object]):
    name = "named"
    key_prefix = ""


class Labelled(Named):
    def label(self, key: str) -> str:
        return f"<{key}>"


@dataclasses.dataclass
class Notes:
    """A graph and what was noted in it."""

    rng: random.Random
    graph: Graph = dataclasses.field(default_factory=Graph)
    binding: Binding = dataclasses.field(default_factory=lambda: Binding(Named()))

    def spec(self, key: str) -> Spec | None:
        if self.rng.random() < 0.3:
            return None
        few = self.rng.sample(PREFIXES, self.rng.choice((0, 0, 1, 2)))
        return Spec(
            self.rng.choice((self.binding, self.binding, None)),
            object(),
            None,
            tuple(self.rng.sample(KEYS, self.rng.choice((0, 1, 2)))),
            tuple(DependsOnAny(prefixes=(prefix,)) for prefix in few),
            (),
            tuple(f"{key}:{self.rng.randrange(3)}" for _ in range(self.rng.choice((0, 1)))),
        )

    def note(self) -> None:
        graph, key = self.graph, self.rng.choice(KEYS)
        node = graph.node(key)
        metadata = self.rng.choice((None, object()))
        what = self.rng.randrange(5)
        if what == 0:
            graph.set_want(node, self.rng.choice((node.have, self.spec(key))))
        elif what == 1:
            graph.set_have(node, self.rng.choice((node.want, self.spec(key))), metadata)
        elif what == 2 and node.want is not None:
            graph.stand(node, metadata)
        elif what == 3:
            graph.set_want(node, self.spec(key))
        elif node.want is None and node.have is None:
            graph.forget(node)


def sides(graph: Graph) -> list[tuple[str, Spec]]:
    both = [(key, spec) for key, node in graph.nodes.items() for spec in (node.want, node.have)]
    return [(key, spec) for key, spec in both if spec is not None]


def check(graph: Graph) -> None:
    needing: dict[str, set[str]] = {}
    watched: dict[str, set[str]] = {}
    for key, spec in sides(graph):
        for need in spec.needs:
            needing.setdefault(need, set()).add(key)
        for prefix in (prefix for group in spec.anyof for prefix in group.prefixes):
            watched.setdefault(prefix, set()).add(key)
    nodes = graph.nodes.items()
    wanted = {c: k for k, node in nodes if node.want is not None for c in node.want.claims}
    standing = {c: k for k, node in nodes if node.have is not None for c in node.have.claims}
    assert {key: set(known) for key, known in graph._dependents.items()} == needing
    assert {p: set(known) for p, known in graph.watching._watchers.items()} == watched
    assert graph.claimants == wanted
    assert graph.holders == standing
    assert set(graph.below("b/")) == {key for key in graph.nodes if key.startswith("b/")}


@pytest.mark.parametrize("first", SEEDS[::20])
def test_after_whatever_was_noted_the_indexes_say_what_the_nodes_say(first: int) -> None:
    for seed in range(first, first + 20):
        notes = Notes(random.Random(seed))
        for _ in range(STEPS):
            notes.note()
            check(notes.graph)


def test_every_change_moves_the_revision_on_and_nothing_else_does() -> None:
    graph = Graph()
    node, spec, other = graph.node("a"), Spec(None, 1, "b"), Spec(None, 2, "b")
    steps: list[Callable[[], None]] = [
        lambda: graph.set_want(node, spec),
        lambda: graph.stand(node, None),
        lambda: graph.set_want(node, other),
        lambda: graph.stand(node, None),
        lambda: graph.set_have(node, None, None),
    ]
    seen = [graph.revision]
    for step in steps:
        step()
        seen.append(graph.revision)

    graph.set_want(node, other)

    assert seen == sorted(set(seen))
    assert graph.revision == seen[-1]


@pytest.mark.parametrize(
    ("descriptor", "label"), [(Named(), "a/1"), (Labelled(), "<a/1>")], ids=["plain", "labelled"]
)
def test_metadata_is_found_by_label_as_long_as_the_value_stands(
    descriptor: Named, label: str
) -> None:
    graph, binding, index = Graph(), Binding(descriptor), object()
    node = graph.node("a/1")
    graph.set_want(node, Spec(binding, 1))

    graph.stand(node, index)
    known = dict(binding.metadata)
    graph.set_have(node, None, None)

    assert known == {label: index}
    assert binding.metadata == {}
    assert node.metadata is None


def test_of_two_keys_with_one_label_the_later_one_keeps_it() -> None:
    class Same(Named):
        def label(self, key: str) -> str:
            return "same"

    graph, binding = Graph(), Binding(Same())
    for key in ("a/1", "a/2"):
        graph.set_want(graph.node(key), Spec(binding, 1))
        graph.stand(graph.node(key), key)

    graph.set_have(graph.node("a/1"), None, None)

    assert binding.metadata == {"same": "a/2"}


def test_what_a_failed_call_may_have_taken_is_forgotten_with_the_key_alone() -> None:
    graph = Graph()
    graph.node("b")
    graph.perhaps.update(a=("x",), b=("y",))

    graph.forget(graph.node("a"))

    assert graph.perhaps == {"b": ("y",)}
    assert set(graph.nodes) == {"b"}


@pytest.mark.parametrize("trouble", ["blocked", "late", "broken", "unsure", "rejected"])
def test_a_node_is_calm_where_it_stands_as_wanted_and_nothing_is_the_matter(trouble: str) -> None:
    spec, node = Spec(None, 1, "b"), Node("a")
    nothing = node.is_calm
    node.want = spec
    wanted = node.is_calm
    node.have = spec

    calm = node.is_calm
    setattr(node, trouble, (1, None) if trouble == "rejected" else True)

    assert [nothing, wanted, calm, node.is_calm] == [False, False, True, False]
    assert node.is_troubled is (trouble in {"blocked", "late", "rejected"})


def test_a_node_speaks_of_the_wanted_side_and_its_base_of_the_standing_one() -> None:
    node = Node("a")
    nothing = (node.spec, node.base)
    node.have = Spec(None, 1, "old")
    standing = (node.spec, node.base)
    node.want = Spec(None, 2, "new")
    both = (node.spec, node.base)
    node.have = None

    assert nothing == (None, None)
    assert standing[0] is not None
    assert standing[1] == "old"
    assert both == (node.want, "old")
    assert node.base == "new"


@pytest.mark.parametrize("origin", Origin)
@pytest.mark.parametrize("wanted", [False, True])
def test_a_property_is_what_others_make_and_nobody_wants(origin: Origin, wanted: bool) -> None:
    node = Node("a")
    node.origin = origin
    node.want = Spec(None, 1) if wanted else None

    assert node.is_property is (not wanted and origin is not Origin.NORTHBOUND)


def test_what_is_near_a_key_derives_from_it_or_needs_either() -> None:
    graph = Graph()
    wishes = {
        "a": Spec(None, 1),
        "a.x": Spec(None, 1, "a", ("a",)),
        "needs a": Spec(None, 1, None, ("a",)),
        "needs a.x": Spec(None, 1, None, ("a.x",)),
        "needs needs a": Spec(None, 1, None, ("needs a",)),
        "other": Spec(None, 1),
    }
    for key, spec in wishes.items():
        graph.set_want(graph.node(key), spec)

    near = graph.spread({"a": True, "other": False, "unknown": True})

    assert set(near) == {"a", "a.x", "needs a", "needs a.x", "other"}
