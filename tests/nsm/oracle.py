# SPDX-License-Identifier: Apache-2.0
"""The mesh's own sdk, asked what it makes of paths, routes and rules."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from google.protobuf import json_format
from google.protobuf.message import Message

from kvs_proto.networkservice.connection_pb2 import Connection
from kvs_proto.networkservice.connectioncontext_pb2 import IPContext
from kvs_proto.registry.registry_pb2 import NetworkService, NetworkServiceEndpoint
from tests.nsm.mesh import program

__all__ = ["Oracle"]


class Oracle:
    """A process that answers line by line."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([program(), "oracle"], stdin=pipe, stdout=pipe, text=True)
        assert self._line() == "ready oracle\n"

    def enter(self, connection: Connection, name: str) -> Connection | None:
        """Return a connection as a server of that name has it; None where it is refused."""
        answer = self._ask(Connection=_told(connection), Name=name)
        if "error" in answer:
            return None
        return json_format.ParseDict(answer, Connection())

    def routes(self, context: IPContext) -> dict[str, list[tuple[str, str]]]:
        """Return the routes of both sides, with their gateways."""
        answer = self._ask(Context=_told(context))
        return {side: [(one, other) for one, other in found] for side, found in answer.items()}

    def candidates(
        self,
        service: NetworkService,
        client: Mapping[str, str],
        endpoints: Iterable[NetworkServiceEndpoint],
    ) -> list[str]:
        """Return the names of the endpoints that a client may get."""
        offered = [_told(one) for one in endpoints]
        found: list[str] = self._ask(
            Service=_told(service), Labels=dict(client), Endpoints=offered
        )
        return found

    def _ask(self, **question: object) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        assert self._process.wait(30) == 0
        self._process.stdout.close()


def _told(message: Message) -> dict[str, Any]:
    return json_format.MessageToDict(message)
