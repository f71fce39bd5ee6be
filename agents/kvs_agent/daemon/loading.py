# SPDX-License-Identifier: Apache-2.0
"""All that an agent is told, from one folder and the environment."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from kvs_agent.core import conf
from kvs_agent.northbound.grpc.settings import IGNORED as _GRPC_IGNORED
from kvs_agent.northbound.grpc.settings import GrpcSettings
from kvs_agent.northbound.rest.settings import RestSettings
from kvs_agent.sources.problems import ConfigError, Problem

from .settings import (
    AccessSettings,
    EngineSettings,
    EtcdSettings,
    FileSettings,
    LinuxSettings,
    NsmSettings,
)

__all__ = ["FILES", "Settings", "load"]

S = TypeVar("S")
C = TypeVar("C", AccessSettings, NsmSettings)

# Settings of the predecessor that mean nothing here, and why.
_ENGINE_IGNORED: Final = {
    "enable-txn-simulation": "each transaction is planned before it is carried out",
    "print-txn-summary": "see the log level",
}
_ETCD_IGNORED: Final = {
    "auto-compact": "compaction is the operator's business; the agent copes with it",
    "insecure-transport": "TLS is used where a certificate or https:// is named",
    "reconnect-interval": "the agent comes back as soon as it can, with growing pauses",
    "resync-after-reconnect": "what was missed is always caught up with",
}
_REST_IGNORED: Final = {
    "use-https": "TLS is used where server-cert-file is named",
    "enable-token-auth": "tokens are entries of password-file",
}

# The environment of a mesh, and the settings that say the same.
_TEXTS: Final = {
    "NSM_CONNECT_TO": "connect_to",
    "NSM_NAME": "name",
    "NSM_LISTEN_ON": "listen_on",
    "SPIFFE_ENDPOINT_SOCKET": "spiffe_socket",
}
_TIMES: Final = {
    "NSM_MAX_TOKEN_LIFETIME": "token_life_s",
    "NSM_REQUEST_TIMEOUT": "request_timeout_s",
}

# Which file says what, in the order of the reference.
FILES: Final[Mapping[str, tuple[type[Any], Mapping[str, str]]]] = {
    "kvscheduler.conf": (EngineSettings, _ENGINE_IGNORED),
    "initfileregistry.conf": (FileSettings, {}),
    "linux.conf": (LinuxSettings, {}),
    "nsm.conf": (NsmSettings, {}),
    "etcd.conf": (EtcdSettings, _ETCD_IGNORED),
    "access.conf": (AccessSettings, {}),
    "grpc.conf": (GrpcSettings, _GRPC_IGNORED),
    "http.conf": (RestSettings, _REST_IGNORED),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that an agent is told. ``config`` is where files without a path of their own are.

    Below ``runtime`` is its own socket; None: there is none.
    """

    name: str
    label: str
    config: Path
    state: Path
    runtime: Path | None = None
    access: AccessSettings = dataclasses.field(default_factory=AccessSettings)
    engine: EngineSettings = dataclasses.field(default_factory=EngineSettings)
    etcd: EtcdSettings = dataclasses.field(default_factory=EtcdSettings)
    files: FileSettings = dataclasses.field(default_factory=FileSettings)
    grpc: GrpcSettings = dataclasses.field(default_factory=GrpcSettings)
    linux: LinuxSettings = dataclasses.field(default_factory=LinuxSettings)
    nsm: NsmSettings = dataclasses.field(default_factory=NsmSettings)
    rest: RestSettings = dataclasses.field(default_factory=RestSettings)

    @property
    def owner(self) -> str:
        """What is written into the marks of what this agent makes."""
        return self.linux.owner or f"kvs-{self.label}"


def load(places: Settings, variables: Mapping[str, str]) -> Settings:
    """Read the files below ``places.config``; ``ConfigError`` names all that is wrong in one.

    Of the predecessor's environment ``variables`` ETCD_ENDPOINTS, ETCD_EXPAND_ENV_VARS and
    ENABLE_STATUS_PUBLISHING count, before the files; so do those that all of a mesh go by.
    """
    config = places.config
    return dataclasses.replace(
        places,
        access=_checked(_read(config, AccessSettings), config / "access.conf"),
        engine=_read(config, EngineSettings),
        etcd=_with_environment(_read(config, EtcdSettings), variables),
        files=_read(config, FileSettings),
        grpc=_read(config, GrpcSettings),
        linux=_read(config, LinuxSettings),
        nsm=_checked(_of_mesh(_read(config, NsmSettings), variables), config / "nsm.conf"),
        rest=_read(config, RestSettings),
    )


def _read(folder: Path, kind: type[S]) -> S:
    name, ignored = next((name, ignored) for name, (one, ignored) in FILES.items() if one is kind)
    return conf.read(folder / name, kind, ignored)


def _checked(settings: C, file: Path) -> C:
    try:
        settings.check()
    except ValueError as error:
        raise ConfigError([Problem(text=str(error), file=str(file))]) from error
    return settings


def _of_mesh(settings: NsmSettings, variables: Mapping[str, str]) -> NsmSettings:
    """Return settings with those of the environment, where all of a mesh look for them."""
    given: dict[str, Any] = {
        field: variables[name] for name, field in _TEXTS.items() if variables.get(name)
    }
    for name, field in _TIMES.items():
        if variables.get(name):
            try:
                given[field] = conf.seconds(variables[name])
            except ValueError as error:
                raise ConfigError([Problem(text=str(error), file=name)]) from error
    return dataclasses.replace(settings, **given)


def _with_environment(settings: EtcdSettings, variables: Mapping[str, str]) -> EtcdSettings:
    endpoints = [one.strip() for one in variables.get("ETCD_ENDPOINTS", "").split(",")]
    if any(endpoints):
        settings = dataclasses.replace(settings, endpoints=tuple(filter(None, endpoints)))
    if variables.get("ETCD_EXPAND_ENV_VARS"):
        settings = dataclasses.replace(settings, expand_variables=True)
    if variables.get("ENABLE_STATUS_PUBLISHING"):
        settings = dataclasses.replace(settings, publish_status=True)
    return settings
