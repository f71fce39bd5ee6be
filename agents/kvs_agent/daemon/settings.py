# SPDX-License-Identifier: Apache-2.0
"""What an agent is told: its own settings, in files under the predecessor's names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from kvs_agent.core.conf import setting
from kvs_agent.northbound.access import Access, role_of

__all__ = [
    "DEFAULT_LABEL",
    "AccessSettings",
    "EngineSettings",
    "EtcdSettings",
    "FileSettings",
    "LinuxSettings",
]

DEFAULT_LABEL: Final = "vpp1"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """The engine."""

    max_parallel: int = setting(
        "max-parallel", "How many calls of the southbound are under way at once.", default=1024
    )
    deadline_s: float = setting(
        "deadline",
        "How long one call of the southbound may take.",
        default=30.0,
        is_duration=True,
    )
    record_history: bool = setting(
        "record-transaction-history",
        "Whether finished transactions are kept for people to look at.",
        default=True,
    )
    history_minutes: int = setting(
        "transaction-history-age-limit",
        "For how many minutes a finished transaction is kept.",
        default=1440,
    )
    initial_minutes: int = setting(
        "permanently-recorded-init-period",
        "What was done in so many minutes after the start is kept for ever.",
        default=60,
    )
    max_waiting: int = setting(
        "max-waiting-changes",
        "How many changes may wait; the next is refused (RESOURCE_EXHAUSTED, 429).",
        default=1000,
    )
    watch: bool = setting(
        "repair-drift",
        "Whether what others change or remove is put back at once.",
        default=True,
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings:
    """Configuration from files."""

    disabled: bool = setting(
        "disable-initial-configuration", "Whether files are left unread.", default=False
    )
    initial: str = setting(
        "initial-configuration-file-path",
        "A file with a first configuration; relative to the folder of settings.",
        default="initial-config.yaml",
    )
    folder: str = setting(
        "watched-folder",
        "A folder whose .yaml, .yml and .json files are followed; relative to that of settings.",
        default="config.d",
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LinuxSettings:
    """Linux networking."""

    owner: str = setting(
        "owner",
        "What is written into the marks of interfaces; agents of one machine need different ones."
        " Empty: made of the agent's label.",
        default="",
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AccessSettings:
    """Who may do what, by gRPC and REST alike.

    The roles are none, read, write and admin; each may do what those before it may.
    """

    roles: Mapping[str, str] = setting(
        "roles",
        "What clients may do, by a name in their certificate: plain, or as DNS:, URI:, EMAIL: or"
        " IP:.",
        default={},
    )
    verified: str = setting(
        "verified-role",
        "What a client with a good certificate may do whose names are not among the roles.",
        default="none",
    )
    local: str = setting(
        "local-role",
        "What whoever can reach loopback may do without a certificate.",
        default="write",
    )
    socket: str = setting(
        "socket-role",
        "What whoever may open a unix socket of the agent may do there.",
        default="admin",
    )

    def access(self) -> Access:
        """Return who may do what; ``ValueError`` for a role that there is not."""
        return Access(
            by_san={name: role_of(role) for name, role in self.roles.items()},
            anonymous=role_of(self.local),
            verified=role_of(self.verified),
            socket=role_of(self.socket),
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EtcdSettings:
    """Configuration from etcd; without an endpoint etcd is not used.

    Certificates are always verified: there is no setting that turns that off.
    """

    endpoints: tuple[str, ...] = setting(
        "endpoints", "Where etcd is: host:port, or https://host:port.", default=()
    )
    ca: Path | None = setting("ca-file", "Whose certificates are believed.", default=None)
    cert: Path | None = setting("cert-file", "The certificate shown to etcd.", default=None)
    key: Path | None = setting("key-file", "The key of that certificate.", default=None)
    server_name: str = setting(
        "server-name", "The name in etcd's certificate, if not the endpoint's.", default=""
    )
    dial_timeout_s: float = setting(
        "dial-timeout", "How long a connection may take.", default=1.0, is_duration=True
    )
    operation_timeout_s: float = setting(
        "operation-timeout", "How long one request may take.", default=3.0, is_duration=True
    )
    allow_delayed_start: bool = setting(
        "allow-delayed-start", "Whether etcd may come later than the agent.", default=True
    )
    session_ttl: int = setting(
        "session-ttl",
        "How many seconds published statuses outlive an agent that was killed.",
        default=10,
    )
    publish_status: bool = setting(
        "publish-status",
        "Whether statuses are put under config-status/; also by ENABLE_STATUS_PUBLISHING.",
        default=False,
    )
    expand_variables: bool = setting(
        "expand-env-variables",
        "Whether $NAME in values stands for a variable of the agent's environment.",
        default=False,
    )
