# SPDX-License-Identifier: Apache-2.0
"""What a forwarder is told."""

from __future__ import annotations

import dataclasses
import datetime
import re
from pathlib import Path

from kvs_descriptors.nsm.wire.address import Address

__all__ = ["Settings", "SettingsError", "check"]

# It begins the marks on interfaces, and stands in paths.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class SettingsError(Exception):
    """Settings that do not fit together; they have to be changed."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Our name in the mesh, the manager, where we listen, and where we keep things.

    ``workload_api`` "" stands for no identity: then only this machine is talked to.
    """

    name: str
    manager: Address
    listen: Address
    token_life: datetime.timedelta
    workload_api: str
    state: Path
    runtime: Path


def check(settings: Settings) -> None:
    """Refuse a name that fits nowhere, and to talk to other machines without an identity."""
    if not _NAME.fullmatch(settings.name):
        text = "a forwarder's name is 1 to 63 of A-Z a-z 0-9 . _ -, not a leading . _ -"
        raise SettingsError(f"{text}: {settings.name!r}")
    if settings.workload_api:
        return
    for address in (settings.manager, settings.listen):
        if not address.is_local:
            raise SettingsError(f"insecure: only this machine is talked to, not {address}")
