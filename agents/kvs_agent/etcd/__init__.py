# SPDX-License-Identifier: Apache-2.0
"""A thin client of etcd v3 on ``grpc.aio``; needs the extra ``etcd``. Knows nothing of agents."""

from __future__ import annotations

from .client import Client
from .entries import Entry, Listing
from .errors import (
    Compacted,
    EtcdError,
    LeaseGone,
    Refused,
    Rewound,
    TooLarge,
    Unavailable,
)
from .mark import Change, Event
from .operations import (
    delete_op,
    get_op,
    put_op,
    when_created,
    when_leased,
    when_modified,
)
from .settings import Endpoint, Settings, Tls
from .watch import Health, Reason, Report, Snapshot, Watch

__all__ = [
    "Change",
    "Client",
    "Compacted",
    "Endpoint",
    "Entry",
    "EtcdError",
    "Event",
    "Health",
    "LeaseGone",
    "Listing",
    "Reason",
    "Refused",
    "Report",
    "Rewound",
    "Settings",
    "Snapshot",
    "Tls",
    "TooLarge",
    "Unavailable",
    "Watch",
    "delete_op",
    "get_op",
    "put_op",
    "when_created",
    "when_leased",
    "when_modified",
]
