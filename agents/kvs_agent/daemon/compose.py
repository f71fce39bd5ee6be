# SPDX-License-Identifier: Apache-2.0
"""From settings to an agent: the one place where sources, northbounds and descriptors meet."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from kvs_agent.orchestrator import Feed, Orchestrator, Store
from kvs_agent.past import Past
from kvs_agent.sources.folder import Folder
from kvs_descriptors.linux import with_namespaces
from kvscheduler import Descriptor, Scheduler

from . import conf
from .agent import Agent, Part, Server
from .core import About, Core
from .health import Health, State
from .settings import EngineSettings, EtcdSettings, FileSettings, LinuxSettings

__all__ = ["Settings", "compose", "load"]

JOURNAL: Final = "journal.db"
STORE: Final = "store.db"

# Settings of the predecessor that mean nothing here.
ETCD_IGNORED: Final = {
    "auto-compact": "compaction is the operator's business; the agent copes with it",
    "insecure-transport": "TLS is used where a certificate or https:// is named",
    "reconnect-interval": "the agent comes back as soon as it can, with growing pauses",
    "resync-after-reconnect": "what was missed is always caught up with",
}
_IGNORED: Final = {
    "enable-txn-simulation": "each transaction is planned before it is carried out",
    "print-txn-summary": "see the log level",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that an agent is told. ``config`` is where files without a path of their own are."""

    name: str
    label: str
    config: Path
    state: Path
    engine: EngineSettings = dataclasses.field(default_factory=EngineSettings)
    etcd: EtcdSettings = dataclasses.field(default_factory=EtcdSettings)
    files: FileSettings = dataclasses.field(default_factory=FileSettings)
    linux: LinuxSettings = dataclasses.field(default_factory=LinuxSettings)

    @property
    def owner(self) -> str:
        """What is written into the marks of what this agent makes."""
        return self.linux.owner or f"kvs-{self.label}"


def load(
    name: str, label: str, config: Path, state: Path, variables: Mapping[str, str]
) -> Settings:
    """Read the settings below a folder; ``ConfigError`` names all that is wrong in a file.

    Of the predecessor's environment ``variables`` ETCD_ENDPOINTS, ETCD_EXPAND_ENV_VARS and
    ENABLE_STATUS_PUBLISHING count, before the files.
    """
    return Settings(
        name=name,
        label=label,
        config=config,
        state=state,
        engine=conf.read(config / "kvscheduler.conf", EngineSettings, _IGNORED),
        etcd=_etcd_settings(config / "etcd.conf", variables),
        files=conf.read(config / "initfileregistry.conf", FileSettings),
        linux=conf.read(config / "linux.conf", LinuxSettings),
    )


def _etcd_settings(path: Path, variables: Mapping[str, str]) -> EtcdSettings:
    settings = conf.read(path, EtcdSettings, ETCD_IGNORED)
    endpoints = [one.strip() for one in variables.get("ETCD_ENDPOINTS", "").split(",")]
    if any(endpoints):
        settings = dataclasses.replace(settings, endpoints=tuple(filter(None, endpoints)))
    if variables.get("ETCD_EXPAND_ENV_VARS"):
        settings = dataclasses.replace(settings, expand_variables=True)
    if variables.get("ENABLE_STATUS_PUBLISHING"):
        settings = dataclasses.replace(settings, publish_status=True)
    return settings


def compose(settings: Settings, descriptors: Iterable[Descriptor[Any, Any]]) -> Agent:
    """Put an agent together; nothing runs yet but that files of state are opened.

    Raises ``StoreError`` where these cannot be used.
    """
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
        parts.append(_etcd(settings, core))
    return Agent(
        core=core, store=store, sources=sources, parts=parts, servers=servers, first=first
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


def _etcd(settings: Settings, core: Core) -> Part:
    from .etcd import EtcdPart  # noqa: PLC0415 - an optional extra: [etcd]

    return EtcdPart(settings.etcd, core)


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
