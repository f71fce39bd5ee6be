# SPDX-License-Identifier: Apache-2.0
"""What operations wait for: the edges that laws 2 and 4 demand, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..graph import Spec
from .choices import choices_for
from .order import Choice, Network
from .rings import rings
from .steps import Steps

__all__ = ["wire"]


def wire(steps: Steps, *, with_rings: bool) -> Network:
    """Return the network of a plan's operations; gates for rings of values come last."""
    wiring = _Wiring(steps)
    if with_rings:
        wiring.find_rings()
    wiring.run()
    return wiring.network


class _Wiring:
    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.outlook = steps.outlook
        self.graph = steps.closure.graph
        self.network = Network([[] for _ in steps.operations])
        self._enter: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._leave: dict[str, int] = {}
        self._ring: dict[str, int] = {}
        self._old_ring: dict[str, int] = {}

    def run(self) -> None:
        steps = self.steps
        for key, number in steps.made.items():
            final = self.outlook.final(key)
            if final is not None and not final.is_fact:
                self._wire_make(key, number, final)
        for key, number in steps.gone.items():
            gone = self._going(key)
            if gone is not None and not gone.is_fact:
                self._wire_removal(key, number, gone)
        for key, number in steps.changed.items():
            self._wire_update(key, number, steps.updated[key])
        for key, want in steps.absorbed.items():
            self._wire_absorbed(key, want)
        self._wire_claims()
        self._wire_derived()
        self.network.choices.extend(map(self._for_whole_ring, choices_for(steps)))

    def _for_whole_ring(self, choice: Choice) -> Choice:
        """Have a ring wait for the support that one of its members needs from outside."""
        enter, key = self._enter.get(choice.owner), choice.owner
        if enter is None:
            return choice
        number = self.steps.made.get(key, self.steps.changed.get(key))
        inside = self.network.before[enter + 1]
        edges = (
            (first, enter if then == number and first not in inside else then)
            for first, then in choice.edges
        )
        return Choice(key, tuple(edges))

    # Law 2: dependencies.

    def _wire_make(self, key: str, number: int, spec: Spec) -> None:
        before = self.network.before
        removal = self.steps.gone.get(key)
        if removal is not None:
            before[number].append(removal)
        self._await_needs(key, number, spec.needs)

    def _await_needs(self, key: str, number: int, needs: Iterable[str]) -> None:
        before, ring = self.network.before, self._ring.get(key)
        for need in needs:
            inside = ring is not None and self._ring.get(need) == ring
            if not inside:
                maker = self._done.get(need, self.steps.made.get(need))
                if maker is not None and maker != number:
                    before[self._enter.get(key, number)].append(maker)
            elif key in self.steps.changed:
                maker = self.steps.made.get(need)
                if maker is not None and maker != number:
                    before[number].append(maker)

    def _wire_removal(self, key: str, number: int, have: Spec) -> None:
        ring = self._old_ring.get(key)
        for need in have.needs:
            if ring is not None and self._old_ring.get(need) == ring:
                continue
            removal = self._leave.get(need, self.steps.gone.get(need))
            if removal is None and self.graph.have(need) is None:
                removal = self.steps.made.get(need)
            if removal is not None and removal != number:
                self.network.before[removal].append(number)

    def _wire_update(self, key: str, number: int, want: Spec) -> None:
        have = self.graph.have(key)
        self._await_needs(key, number, want.needs)
        for need in have.needs if have is not None else ():
            removal = self._leave.get(need, self.steps.gone.get(need))
            if removal not in (None, number) and need not in want.needs:
                self._go_first(key, number, removal)

    def _go_first(self, key: str, number: int, removal: int) -> None:
        """Have a value let go of what is removed; what others made stands without it as well."""
        if self.outlook.is_exempt(self.graph.nodes[key]):
            self.network.soft.append((number, removal))
        else:
            self.network.before[removal].append(number)
            self.network.owners[number, removal] = key

    def _wire_absorbed(self, key: str, want: Spec) -> None:
        """Let a value that needs no operation swap its dependencies all the same."""
        have, steps = self.graph.have(key), self.steps
        if have is None or have.needs == want.needs or key in steps.recreated:
            return
        if want.is_fact:  # a fact moves with the operations of its bases
            removals = [steps.remover(have.base)]
            makers = [steps.maker(want.base)]
        else:
            removals = [steps.gone.get(n) for n in have.needs if n not in want.needs]
            makers = [steps.made.get(n) for n in want.needs]
        for removal in removals:
            for maker in makers:
                if removal is not None and maker is not None and maker != removal:
                    self._go_first(key, maker, removal)

    # Law 4: claims.

    def _wire_claims(self) -> None:
        givers = {claim: number for number, claim in self._given_up()}
        for number, claim in self._taken() if givers else ():
            giver = givers.get(claim)
            if giver is not None and giver != number:
                self.network.before[number].append(giver)

    def _given_up(self) -> Iterator[tuple[int, str]]:
        holders, perhaps = self.graph.holders, self.graph.perhaps
        if not holders and not perhaps:
            return
        for key, number in (*self.steps.gone.items(), *self.steps.changed.items()):
            have = self.graph.have(key)
            held = (*(have.claims if have is not None else ()), *perhaps.get(key, ()))
            kept = self.steps.updated[key].claims if key in self.steps.changed and held else ()
            yield from ((number, claim) for claim in held if claim not in kept)

    def _taken(self) -> Iterator[tuple[int, str]]:
        for key, number in (*self.steps.made.items(), *self.steps.changed.items()):
            final = self.outlook.final(key)
            if final is not None and not final.is_fact:
                yield from ((number, claim) for claim in final.claims)

    # Preferences: derived values follow the update of their base.

    def _wire_derived(self) -> None:
        if not self.steps.changed:
            return
        for number, operation in enumerate(self.steps.operations):
            update = None if operation.base is None else self.steps.changed.get(operation.base)
            if update is None:
                continue
            leaves = operation.kind == "delete"
            self.network.soft.append((number, update) if leaves else (update, number))

    # Rings of dependencies: each counts as one value.

    def find_rings(self) -> None:
        """Put gates around the rings of dependencies that are made, joined or removed."""
        for members in rings(self._new_roots(), self._new_needs):
            self._gate_made(sorted(members))
        for members in rings(list(self.steps.gone), self._old_needs):
            self._gate_removed(sorted(members))

    def _new_roots(self) -> list[str]:
        return [*self.steps.made, *(key for key in self.steps.changed if self._joins(key))]

    def _joins(self, key: str) -> bool:
        have = self.graph.have(key)
        want = self.steps.updated[key]
        return have is not None and any(need not in have.needs for need in want.needs)

    def _new_needs(self, key: str) -> tuple[str, ...]:
        final = self.outlook.final(key)
        return () if final is None else final.needs

    def _old_needs(self, key: str) -> tuple[str, ...]:
        if key not in self.steps.gone:
            return ()
        gone = self._going(key)
        return () if gone is None else gone.needs

    def _going(self, key: str) -> Spec | None:
        """Return what stands under a key, or may stand there after a failure."""
        node = self.graph.nodes[key]
        return node.have if node.have is not None else node.doubt

    def _gate_made(self, members: list[str]) -> None:
        steps, before = self.steps, self.network.before
        numbers = {
            key: steps.made[key] if key in steps.made else steps.changed[key]
            for key in members
            if key in steps.made or (key in steps.changed and self._joins(key))
        }
        if not numbers:
            return
        enter, done = len(before), len(before) + 1
        before.extend(([], sorted(set(numbers.values()))))
        for number in set(numbers.values()):
            before[number].append(enter)
        self._ring.update(dict.fromkeys(members, enter))
        self._done.update(dict.fromkeys(members, done))
        self._enter.update(dict.fromkeys(numbers, enter))

    def _gate_removed(self, members: list[str]) -> None:
        before = self.network.before
        leave, left = len(before), len(before) + 1
        before.extend(([], sorted({self.steps.gone[key] for key in members})))
        for key in members:
            before[self.steps.gone[key]].append(leave)
            if key in self.steps.made:  # none is made anew while the others still stand
                before[self.steps.made[key]].append(left)
            self._old_ring[key] = leave
            self._leave[key] = leave
