# SPDX-License-Identifier: Apache-2.0
"""What descriptors report between transactions, worked in one report after another."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from .engine import Engine, Work
from .errors import OperationError
from .inbox import Mail
from .model import Origin
from .planner import Change
from .processing import Processing
from .registry import Binding

__all__ = ["Port", "Reports"]

logger = logging.getLogger(__name__)

_AGAIN_S = 1.0


class Reports:
    """Reads the inbox and has the engine act on it, in turn with the transactions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def serve(self) -> None:
        """Work in what is reported, for as long as the scheduler runs."""
        inbox, turns = self._engine.inbox, self._engine.turns
        while True:
            await inbox.wait()
            await turns.take()
            mail = inbox.empty()
            try:
                await self._deliver(mail)
            except Exception:
                logger.exception("a report from the southbound could not be worked in")
                # Of what has changed the graph knows by now; what was asked for is asked again.
                self._engine.clock.call_later(_AGAIN_S, partial(inbox.repeat, mail))
            finally:
                turns.release()
                for reader in mail.readers:
                    if not reader.done():
                        reader.set_result(None)

    async def _deliver(self, mail: Mail) -> None:
        engine = self._engine
        if mail.ended:
            await self._note_ended(mail)
        # What the engine has done since, or did at that time, makes a report old news, perhaps.
        asked = {**mail.overtaken, **engine.graph.spread(mail.refreshes)}
        told = await engine.refresher.refresh_keys(asked) if asked else ()
        for key, (value, metadata) in mail.changes.items():
            if key not in told:
                self._note_change(key, value, metadata)
        for key, error in mail.broken.items():
            self._note_broken(key, error)
        if mail.added:
            await self._take_up(mail.added)
        due = tuple(key for key in mail.retries if engine.retries.is_due(key))
        if due or engine.graph.unsettled or mail.added:
            kind = "registration" if mail.added else "retry" if due else "notification"
            change = Change(unblock=due, rebind=bool(mail.added), lenient=True)
            await self._do(Work(kind=kind, change=change))
        elif engine.ledger.touched:
            changed = engine.ledger.publish(engine.clock.now())
            engine.watchers.publish(changed)
            engine.write_down()
        for prefix in mail.resyncs:
            change = Change(unblock=None, purge=True, lenient=True)
            text = f"resync asked for by the southbound {prefix}".rstrip()
            await self._do(Work(kind="resync", change=change, description=text, refresh=prefix))

    async def _do(self, work: Work) -> None:
        processing = Processing(self._engine, work)
        if processing.start() is None:
            await processing.go_on()

    async def _note_ended(self, mail: Mail) -> None:
        """Find out what calls did that had outlived their deadline, now that they are over."""
        nodes = self._engine.graph.nodes
        ended = [key for key in mail.ended if key in nodes]
        for key in ended:
            nodes[key].late = False
        await self._engine.refresher.refresh_keys(ended)
        for key in ended:
            self._engine.ledger.dismiss(key)
            mail.retries[key] = None
            self._engine.graph.unsettled[key] = None
            want = nodes[key].want
            derived = () if want is None else want.derived
            self._engine.graph.unsettled.update(dict.fromkeys(one.key for one in derived))

    def _note_change(self, key: str, value: Any, metadata: Any) -> None:
        engine = self._engine
        node = engine.graph.nodes.get(key)
        if node is not None and node.late:
            return
        if value is None:
            engine.observer.lose(key)
            return
        try:
            binding = engine.registry.find(key)
        except Exception as error:  # noqa: BLE001 - a selector may raise anything
            logger.warning("a report about %s is dropped: %s", key, error)
            return
        engine.observer.observe(key, binding, value, metadata, Origin.SOUTHBOUND)

    def _note_broken(self, key: str, error: Exception) -> None:
        engine = self._engine
        node = engine.graph.nodes.get(key)
        if node is None or node.have is None:
            return
        engine.ledger.failed(key, "", error)
        node.broken = not node.adopted and node.want is not None
        engine.retries.schedule(key, OperationError(key, "hold", error))

    async def _take_up(self, bindings: list[Binding]) -> None:
        """Turn facts that a new descriptor serves into values to be made, and read its own."""
        engine = self._engine
        for key, node in tuple(engine.graph.nodes.items()):
            have = node.have
            if have is None or have.binding is not None or not _serves(engine, key):
                continue
            if have.base is None:
                engine.observer.rebind(node)
            elif node.want is not None:
                engine.observer.lose(key)
        await engine.refresher.refresh("", only=frozenset(b.name for b in bindings))


class Port:
    """What a descriptor is handed: see ``Southbound`` for what its methods promise."""

    def __init__(self, engine: Engine, binding: Binding) -> None:
        self._engine = engine
        self._name = binding.name

    def notify(
        self, changes: Mapping[str, Any], metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Report properties, or drift."""
        self._engine.inbox.notify(changes, metadata or {})

    def failed(self, key: str, error: Exception) -> None:
        """Report that a value has broken."""
        self._engine.inbox.failed(key, error)

    def request_resync(self, prefix: str = "") -> None:
        """Ask for a downstream resync."""
        self._engine.inbox.request_resync(prefix)

    def request_refresh(self, keys: Iterable[str], *, around: bool = False) -> None:
        """Ask for keys to be read again."""
        self._engine.inbox.request_refresh(keys, around=around)

    def metadata(self, descriptor: str) -> Mapping[str, Any]:
        """Return a descriptor's metadata by label."""
        return MappingProxyType(self._engine.registry.bindings[descriptor].metadata)

    def __repr__(self) -> str:
        return f"<Southbound of {self._name}>"


def _serves(engine: Engine, key: str) -> bool:
    try:
        return engine.registry.find(key) is not None
    except Exception:  # noqa: BLE001 - planning reports it, with the key
        return True
