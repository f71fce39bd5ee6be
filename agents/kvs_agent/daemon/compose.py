# SPDX-License-Identifier: Apache-2.0
"""From settings to an agent: the one place where sources, northbounds and descriptors meet."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from kvs_agent.core.core import About, Core
from kvs_agent.core.health import Health, State
from kvs_agent.orchestrator import Feed, Orchestrator, Store
from kvs_agent.past import Past
from kvs_agent.recording import Limits
from kvs_agent.recording.calls import Calls
from kvs_agent.sources.folder import Folder
from kvs_agent.wiring import linux_interface
from kvs_descriptors.linux import with_namespaces
from kvs_descriptors.nsm.interfaces import Interface
from kvscheduler import Descriptor, Scheduler

from .agent import Agent, Part, Server
from .loading import Settings
from .settings import EngineSettings

if TYPE_CHECKING:
    from kvs_agent.northbound.rest import RestServer

    from .mesh import Mesh

__all__ = ["compose"]

JOURNAL: Final = "journal.db"
STORE: Final = "store.db"
TRIAL: Final = "trial.json"
SOCKET: Final = "agent.sock"


def compose(settings: Settings, descriptors: Iterable[Descriptor[Any, Any]]) -> Agent:
    """Put an agent together; nothing runs yet but that files of state are opened.

    Raises ``StoreError`` where these cannot be used.
    """
    descriptors = list(descriptors)
    mesh = None
    if settings.nsm.connect_to:
        mesh = _mesh(settings, linux_interface(descriptors))
        descriptors += mesh.descriptors
    core, store = _core(settings, descriptors)
    parts: list[Part] = []
    servers: list[Server] = []
    first: list[Callable[[], Awaitable[None]]] = []
    sources: list[str] = []
    if not settings.files.disabled:
        folder = _folder(settings, core)
        sources.append("file")
        parts.append(folder)
        first.append(folder.reload)
    if settings.etcd.endpoints:
        sources.append("etcd")
        parts.append(_etcd(settings, core, mesh))
    operations = Calls()
    servers.append(_grpc(settings, core, operations))
    again: list[Callable[[], Awaitable[None]]] = []
    for rest in _rest(settings, core, operations):
        servers.append(rest)
        again.append(rest.reload)
    return Agent(
        core=core,
        store=store,
        sources=sources,
        background=[] if mesh is None else [mesh.part(core.health)],
        parts=parts,
        servers=servers,
        first=first,
        again=again,
    )


def _core(settings: Settings, descriptors: Iterable[Descriptor[Any, Any]]) -> tuple[Core, Store]:
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    journal = settings.state / JOURNAL
    scheduler = Scheduler(
        descriptors,
        journal=journal,
        recover=False,
        max_parallel=settings.engine.max_parallel,
        deadline_s=settings.engine.deadline_s,
    )
    store = Store(settings.state / STORE)
    core = Core(
        scheduler=scheduler,
        orchestrator=Orchestrator(
            scheduler, store, implied=_implied, max_waiting=settings.engine.max_waiting
        ),
        feed=Feed(scheduler),
        health=Health(),
        about=About(
            name=settings.name,
            version=metadata.version("kvscheduler"),
            label=settings.label,
            started=time.time(),
        ),
        past=Past(journal) if settings.engine.record_history else None,
    )
    return core, store


def _implied(value: Any) -> dict[str, object]:
    """Return the namespace that a value is in, which is wanted along with it."""
    if not hasattr(value, "namespace"):
        return {}
    found: dict[str, object] = {**with_namespaces({"": value})}
    del found[""]
    return found


def _mesh(settings: Settings, interface: Interface) -> Mesh:
    from .mesh import Mesh  # noqa: PLC0415 - an optional extra: [nsm]

    return Mesh(settings.nsm, settings.label, interface)


def _etcd(settings: Settings, core: Core, mesh: Mesh | None) -> Part:
    from .etcd import EtcdPart  # noqa: PLC0415 - an optional extra: [etcd]

    return EtcdPart(settings.etcd, core, None if mesh is None else mesh.notifications)


def _grpc(settings: Settings, core: Core, operations: Calls) -> Server:
    from kvs_agent.northbound.grpc.server import GrpcServer  # noqa: PLC0415 - an extra: [grpc]

    told = dataclasses.replace(settings.grpc, trial_note=settings.state / TRIAL)
    if settings.runtime is not None:
        own = f"unix:{settings.runtime / SOCKET}"
        told = dataclasses.replace(told, endpoints=(own, *told.endpoints))
    return GrpcServer(core, told, settings.access.access(), operations=operations)


def _rest(settings: Settings, core: Core, operations: Calls) -> Iterator[RestServer]:
    if settings.rest.disabled:
        return
    from kvs_agent.northbound.rest import RestServer  # noqa: PLC0415 - an optional extra: [rest]

    limits = _recorded(settings.engine)
    access = settings.access.access()
    yield RestServer(core, settings.rest, access, limits=limits, calls=operations)


def _recorded(engine: EngineSettings) -> Limits:
    """Return how much of what was done is kept in memory, for people to look at."""
    if not engine.record_history:
        return Limits(transactions=1, first_transactions=0, revisions=0, first_revisions=0)
    return Limits(age_s=engine.history_minutes * 60.0, first_s=engine.initial_minutes * 60.0)


def _folder(settings: Settings, core: Core) -> Folder:
    def report(problems: Sequence[str]) -> None:
        state = State.ERROR if problems else State.OK
        core.health.report("files", state, "; ".join(problems), needed=False)

    return Folder(
        core.orchestrator,
        settings.config / settings.files.folder,
        settings.config / settings.files.initial,
        report=report,
    )
