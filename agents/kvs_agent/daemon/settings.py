# SPDX-License-Identifier: Apache-2.0
"""What an agent is told: its own settings, in files under the predecessor's names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from kvs_agent.core.conf import setting
from kvs_agent.northbound.access import Access, role_of
from kvs_descriptors.nsm.wire.address import Address

__all__ = [
    "DEFAULT_LABEL",
    "AccessSettings",
    "EngineSettings",
    "EtcdSettings",
    "FileSettings",
    "LinuxSettings",
    "NsmSettings",
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

    def check(self) -> None:
        """Refuse with ``ValueError`` a role that there is not."""
        self.access()

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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NsmSettings:
    """Network Service Mesh; without a manager to connect to it is not used.

    Variables of the environment count before the file.
    """

    connect_to: str = setting(
        "connect-to",
        "Where the manager is: tcp://host:port or unix:///path; also by NSM_CONNECT_TO.",
        default="",
    )
    name: str = setting(
        "name",
        "What the agent is called in the mesh, where no other may be called so; empty: its label."
        " Also by NSM_NAME.",
        default="",
    )
    spiffe_socket: str = setting(
        "spiffe-endpoint-socket",
        "Where the agent gets its identity: the SPIFFE Workload API, unix:///path or"
        " tcp://address:port; also by SPIFFE_ENDPOINT_SOCKET.",
        default="",
    )
    insecure: bool = setting(
        "insecure",
        "Whether nothing is proved and everybody is believed; taken only where all of it stays on"
        " this machine.",
        default=False,
    )
    listen_on: str = setting(
        "listen-on",
        "Where endpoints are served: tcp://address:port or unix:///path; empty: none are."
        " Also by NSM_LISTEN_ON.",
        default="",
    )
    endpoint_url: str = setting(
        "endpoint-url",
        "Where others reach what is served; empty: where it is served, which has to be one address"
        " then.",
        default="",
    )
    publish_notifications: bool = setting(
        "publish-notifications",
        "Whether the labels of registered endpoints are put into etcd, below"
        " /vnf-agent/global/notification/nsm/.",
        default=False,
    )
    token_life_s: float = setting(
        "max-token-lifetime",
        "How long a proof of ours holds, and so at most a connection that nobody refreshes."
        " Also by NSM_MAX_TOKEN_LIFETIME.",
        default=600.0,
        is_duration=True,
    )
    request_timeout_s: float = setting(
        "request-timeout",
        "How long the mesh may take for a connection; also by NSM_REQUEST_TIMEOUT.",
        default=15.0,
        is_duration=True,
    )
    namespace: Path | None = setting(
        "network-namespace",
        "The agent's network namespace as those see it who make interfaces there; none: by its"
        " process.",
        default=None,
    )
    sockets: Path = setting(
        "socket-folder", "Below which the sockets of memifs have to be.", default=Path("/run/vpp")
    )

    def check(self) -> None:
        """Refuse with ``ValueError`` what cannot work, or would be open to others."""
        if not self.connect_to:
            return
        addresses = {
            "connect-to": self.connect_to,
            "listen-on": self.listen_on,
            "endpoint-url": self.endpoint_url,
        }
        for key, text in addresses.items():
            self._check_address(key, text)
        if self.spiffe_socket:
            _check_workload_api(self.spiffe_socket)
        if not self.insecure and not self.spiffe_socket:
            text = "it takes an identity, or insecure: true where all stays on this machine"
            raise ValueError(f"spiffe-endpoint-socket: {text}")
        if self.insecure and self.spiffe_socket:
            raise ValueError("insecure: there is a spiffe-endpoint-socket as well")
        if self.token_life_s < _LEAST_LIFE_S:
            raise ValueError(f"max-token-lifetime: less than {_LEAST_LIFE_S:g} seconds")
        if self.request_timeout_s <= 0:
            raise ValueError("request-timeout: no time at all")

    def _check_address(self, key: str, text: str) -> None:
        if not text:
            return
        try:
            address = Address.parse(text)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from error
        if self.insecure and not address.is_local:
            raise ValueError(f"insecure: {key} is not on this machine: {text}")


def _check_workload_api(socket: str) -> None:
    from kvs_descriptors.nsm.errors import Untrusted  # noqa: PLC0415 - an extra: [nsm]
    from kvs_descriptors.nsm.identity import workload  # noqa: PLC0415 - as above

    try:
        workload.endpoint({workload.ENDPOINT_VARIABLE: socket})
    except Untrusted as error:
        raise ValueError(f"spiffe-endpoint-socket: {error}") from error


# Who refreshes in a fifth of that needs some time to do it.
_LEAST_LIFE_S: Final = 10.0
