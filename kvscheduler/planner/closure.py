# SPDX-License-Identifier: Apache-2.0
"""Law 1: the largest set of wanted values that is closed under its dependencies.

Grown from what the change touches, then pruned, so that the cost is that of the change.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..graph import Node, Spec
from ..keyindex import PrefixIndex
from .grounding import Grounding
from .meaning import same
from .outlook import Outlook

__all__ = ["Closure"]


class Closure:
    """One attempt at the closure, given the keys that are held and denied.

    ``released`` holds adopted values that are wanted no longer.
    """

    def __init__(self, outlook: Outlook, seeds: tuple[str, ...]) -> None:
        self.outlook = outlook
        self.wants = outlook.wants
        self.graph = outlook.graph
        self.nodes = outlook.nodes
        self.seeds = seeds
        self.released: list[str] = []
        self.staying: dict[str, Spec] = {}
        self.waiting: dict[str, int] = {}
        self._waiters: dict[str, list[str]] = {}
        self.suspects: dict[str, None] = {}
        self.rings: dict[str, None] = {}
        self._watching = PrefixIndex()
        self._asked: set[str] = set()
        self._new_dependents: dict[str, list[str]] | None = None
        self._new_watching = PrefixIndex()
        self._fallen: list[str] = []
        # What failed, to go perhaps, or was held up by such, and is tried again: from now on it
        # carries others, and derives what is wanted of it now.
        self._revived: list[str] = []

    def run(self) -> None:
        """Work out what will stand."""
        self._grow(self._sort_in())
        for key in self._revived:
            self._wake_all(key)
        while self.waiting and self._grow_rings():
            pass
        if self.staying or self.outlook.removed:
            self._prune()
            self._ground()
        self._doubt()

    def _sort_in(self) -> list[str]:
        """Tell what stays, goes or is handed back; return what may be made."""
        nodes, missing = self.nodes, []
        for key in self.seeds:
            node = nodes.get(key)
            if node is None or (node.have is None and node.doubt is None):
                missing.append(key)
                continue
            want = self.wants.spec(key)
            if want is not None:
                if node.have is None:
                    missing.append(key)
                elif not self.outlook.is_stuck(node):
                    self.staying[key] = want
                    failed = node.want is None or node.blocked or key in self.graph.held
                    if failed and not self.outlook.is_exempt(node):
                        self._revived.append(key)
            elif self.outlook.is_exempt(node):
                if node.want is not None or key in self.wants.specs:
                    self.released.append(key)
            elif not self.outlook.is_stuck(node):
                self.outlook.removed[key] = None
        return missing

    # Growing: what the change makes possible.

    def _grow(self, keys: Iterable[str]) -> None:
        added, waiters, carries = self.outlook.added, self._waiters, self.outlook.carries
        specs, nodes, denied = self.wants.specs, self.nodes, self.outlook.denied
        dependents, is_watched = self.graph.dependents, bool(self.graph.watching)
        for key in keys:
            spec = specs.get(key)
            if (
                spec is None
                or spec.anyof
                or waiters
                or key in nodes
                or key in denied
                or (spec.base is not None and spec.base in nodes)
            ):
                self._visit(key)
            elif key not in added and spec.is_creatable:
                # The plain case, which most values are: new, and all that it needs is there.
                for need in spec.needs:
                    if need not in added and not carries(need):
                        self._visit(key)
                        break
                else:
                    self.outlook.add(key, spec)
                    if is_watched or self.waiting or dependents(key):
                        self._wake_all(key)

    def _wake_all(self, key: str) -> None:
        stack: list[str] = []
        self._wake(key, stack)
        for waiter in stack:
            self._visit(waiter)

    def _candidate(self, key: str) -> Spec | None:
        want = self.wants.spec(key)
        if want is None or not want.is_creatable or key in self.outlook.denied:
            return None
        node = self.nodes.get(key)
        if node is not None and (node.have is not None or self.outlook.is_frozen(node)):
            return None
        if want.base is not None:
            base = self.nodes.get(want.base)
            if base is not None and base.have is not None and self._is_behind(base):
                return None
        return want

    def _is_behind(self, base: Node) -> bool:
        want, have = self.wants.spec(base.key), base.have
        if have is want or not self.outlook.is_stuck(base):
            return False
        return have is None or want is None or not same(have.value, want.value)

    def _visit(self, key: str) -> None:
        added, carries = self.outlook.added, self.outlook.carries
        stack = [key]
        while stack:
            key = stack.pop()
            if key in added or key in self.waiting:
                continue
            spec = self._candidate(key)
            if spec is None:
                continue
            missing = [n for n in spec.needs if n not in added and not carries(n)]
            if missing or not all(self.outlook.is_carried(group, key) for group in spec.anyof):
                self._wait(key, spec, missing)
            else:
                self.outlook.add(key, spec)
                for group in spec.anyof:
                    self._watching.discard(group.prefixes, key)
                self._wake(key, stack)

    def _wait(self, key: str, spec: Spec, missing: list[str]) -> None:
        self.waiting[key] = len(missing)
        for need in missing:
            self._waiters.setdefault(need, []).append(key)
        for group in spec.anyof:
            self._watching.add(group.prefixes, key)

    def is_met(self, key: str, spec: Spec) -> bool:
        """Tell whether all any-of dependencies of a value will be met."""
        return all(self.outlook.is_met(group, key) for group in spec.anyof)

    def _wake(self, key: str, stack: list[str]) -> None:
        """Look again at what waited for a key that will stand now."""
        for waiter in self._waiters.get(key, ()) if self._waiters else ():
            left = self.waiting.get(waiter)
            if left is None:
                continue
            self.waiting[waiter] = left - 1
            if left == 1:
                del self.waiting[waiter]
                stack.append(waiter)
        known = self.graph.dependents(key)
        if known:
            stack.extend(d for d in sorted(known, reverse=True) if d not in self.waiting)
        if self.graph.watching or self._watching:
            for watcher in sorted(self._awaiting(key), reverse=True):
                if self.waiting.get(watcher, 0) == 0:
                    self.waiting.pop(watcher, None)
                    stack.append(watcher)

    def _awaiting(self, key: str) -> set[str]:
        """Return who may stand now that an any-of dependency is met.

        Who is known to wait is indexed here; everybody else is asked once for each prefix.
        """
        found = set(self._watching.of(key))
        for prefix in self.graph.watching.prefixes_of(key):
            if prefix not in self._asked:
                self._asked.add(prefix)
                found.update(w for w in self.graph.watching.watchers(prefix))
        return {watcher for watcher in found if watcher not in self.outlook.added}

    def _grow_rings(self) -> bool:
        """Add what can only stand together; tell whether anything was added."""
        region: dict[str, Spec] = {}
        stack = [key for key in self.waiting if self._may_close_ring(key)]
        while stack:
            key = stack.pop()
            spec = None if key in region else self._candidate(key)
            if spec is None:
                continue
            region[key] = spec
            stack.extend(need for need in spec.needs if not self.outlook.carries(need))
        for key in _closed(region, self.outlook):
            self.waiting.pop(key, None)
            self.outlook.add(key, region[key])
        ring = [key for key in region if key in self.outlook.added]
        self.rings.update(dict.fromkeys(ring))
        stack = []
        for key in ring:
            self._wake(key, stack)
        for key in stack:
            self._visit(key)
        return bool(ring)

    def _may_close_ring(self, key: str) -> bool:
        spec = self.wants.spec(key)
        if spec is None or not self.waiting[key]:
            return False
        needed = self._waiters.get(key) or any(
            (node := self.nodes.get(d)) is not None and node.have is None
            for d in self.graph.dependents(key)
        )
        return bool(needed)

    # Pruning: what falls with what goes.

    def _prune(self) -> None:
        self._fallen = list(self.outlook.removed)
        for key, want in self.staying.items():
            node = self.nodes[key]
            if not self.outlook.is_exempt(node) and not self.outlook.is_ready(key, want):
                self._fall(key)
        self._cascade()

    def _fall(self, key: str) -> None:
        self.outlook.drop(key)
        self._fallen.append(key)

    def _cascade(self) -> None:
        removed, has_anyof = self.outlook.removed, self._has_anyof()
        while self._fallen:
            key = self._fallen.pop()
            for dependent in self._all_dependents(key):
                if dependent in removed:
                    continue
                spec = self._bound_final(dependent)
                if spec is not None and key in spec.needs:
                    self._fall(dependent)
            if has_anyof:
                self._cascade_anyof(key)

    def _cascade_anyof(self, key: str) -> None:
        for watcher in self._all_watchers(key):
            spec = self._bound_final(watcher)
            if spec is None:
                continue
            if self.is_met(watcher, spec):
                self.suspects[watcher] = None
            else:
                self._fall(watcher)

    def _bound_final(self, key: str) -> Spec | None:
        """Return what will stand under a key, None where it is beyond dependencies."""
        node = self.nodes.get(key)
        if node is not None and node.have is not None and self.outlook.is_settled(node):
            return None
        return self.outlook.final(key)

    def _has_anyof(self) -> bool:
        self._index_new()
        return bool(self.graph.watching or self._new_watching)

    def _all_dependents(self, key: str) -> Iterable[str]:
        known, new = self.graph.dependents(key), self._index_new().get(key)
        return [*known, *new] if new else known

    def _all_watchers(self, key: str) -> list[str]:
        self._index_new()
        return [*self.graph.watching.of(key), *self._new_watching.of(key)]

    def _index_new(self) -> dict[str, list[str]]:
        """Return who will depend on what by the changed wishes; only needed where things fall."""
        index = self._new_dependents
        if index is None:
            index = self._new_dependents = {}
            for key, spec in self.wants.specs.items():
                if spec is None:
                    continue
                for need in spec.needs:
                    index.setdefault(need, []).append(key)
                for group in spec.anyof:
                    self._new_watching.add(group.prefixes, key)
        return index

    def _ground(self) -> None:
        """Let fall what any-of dependencies hold up only in a circle."""
        suspects = dict(self.suspects)
        # While they could not be touched they were firm ground, whatever they stand on.
        suspects.update(dict.fromkeys(self._revived))
        for key, want in self.staying.items():
            have = self.nodes[key].have
            if have is None or key in self.outlook.removed:
                continue
            changed = have.needs != want.needs or have.anyof != want.anyof
            if changed or (want.anyof and self._may_have_lost_ground(key)):
                suspects[key] = None
        wants = self.wants
        if self.graph.unsettled or wants.unblocked or wants.change.purge:
            # Something may stand that has outlived its own support.
            suspects.update((key, None) for key, spec in self.outlook.added.items() if spec.anyof)
        if not suspects or not self._has_anyof():
            return
        grounding = Grounding(self.outlook, self._all_dependents, self._all_watchers)
        for key in grounding.ungrounded(suspects):
            self._fall(key)
        self._cascade()

    def _may_have_lost_ground(self, key: str) -> bool:
        wants = self.wants
        return key in self.graph.unsettled or key in wants.unblocked or wants.change.purge

    def _doubt(self) -> None:
        """Take away what may be there after a failure and can no longer stand."""
        for key in self.seeds:
            node = self.nodes.get(key)
            if node is None or node.doubt is None or node.have is not None:
                continue
            if key not in self.outlook.added and not self.outlook.is_frozen(node):
                self.outlook.removed[key] = None


def _closed(region: dict[str, Spec], outlook: Outlook) -> list[str]:
    """Return the largest part of a region that stands on itself and on what stands."""
    needing: dict[str, list[str]] = {}
    out: list[str] = []
    for key, spec in region.items():
        fits = all(outlook.is_carried(group, key) for group in spec.anyof)
        for need in spec.needs:
            if need in region:
                needing.setdefault(need, []).append(key)
            elif not outlook.carries(need):
                fits = False
        if not fits:
            out.append(key)
    gone = set(out)
    while out:
        for key in needing.get(out.pop(), ()):
            if key not in gone:
                gone.add(key)
                out.append(key)
    return [key for key in region if key not in gone]
