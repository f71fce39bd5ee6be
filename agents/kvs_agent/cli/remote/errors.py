# SPDX-License-Identifier: Apache-2.0
"""What goes wrong between kvsctl and an agent, as what a person can do about it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import grpc

from kvs_descriptors.cancelling import cancellable
from kvscheduler import PlanStale, SchedulerError

from ..settings import Named

__all__ = ["AgentError", "NotThere", "translated"]

_UNREACHED: Final = ("failed to connect", "DNS resolution failed", "errors resolving")
# What gRPC says itself where an agent has said nothing any more.
_LOST: Final = ("Socket closed", "Connection reset", "recvmsg", "Broken pipe", "Stream removed",
                "GOAWAY", "keepalive", "ping timeout", "Cancelling all calls")  # fmt: skip


class AgentError(SchedulerError):
    """An agent cannot be asked, or has said no; the message says what to do."""


class NotThere(AgentError):
    """What was asked for is not there."""


@contextlib.contextmanager
def translated(named: Named, *, changes: bool = False) -> Iterator[None]:
    """Have what gRPC raises inside be told in our words; ``changes``: something may be done."""
    try:
        with cancellable():
            yield
    except grpc.aio.AioRpcError as error:
        raise _translated(error, named, changes=changes) from error


def _translated(error: grpc.aio.AioRpcError, named: Named, *, changes: bool) -> SchedulerError:
    code, said = error.code(), " ".join((error.details() or "").split())
    where = named.address
    doubt = "; what had begun may be done, or done in part: kvsctl history and diff tell"
    doubt = doubt if changes else ""
    if code is grpc.StatusCode.UNAVAILABLE:
        return AgentError(_unavailable(where, said, doubt))
    if code is grpc.StatusCode.ABORTED:
        return PlanStale(said)
    if code is grpc.StatusCode.NOT_FOUND:
        return NotThere(said)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in said:
        text = f"this is too much for one request to the agent at {where} ({said}): max-msg-size"
        return AgentError(f"{text} in its grpc.conf says how much it takes")
    told = {
        grpc.StatusCode.UNAUTHENTICATED: f"the agent at {where} does not know who you are"
        f" ({said}): show it a certificate, by --cert and --key",
        grpc.StatusCode.PERMISSION_DENIED: f"the agent at {where} says no: {said}; its access.conf"
        " says who has which role",
        grpc.StatusCode.DEADLINE_EXCEEDED: f"the agent at {where} has not answered within"
        f" {named.deadline_s:g} s{doubt}; --deadline says how long to wait",
        grpc.StatusCode.RESOURCE_EXHAUSTED: f"the agent at {where} has too much to do: {said}",
        grpc.StatusCode.UNIMPLEMENTED: f"what answers at {where} cannot do this ({said}): it is"
        " no agent, or one of another version",
        grpc.StatusCode.INTERNAL: f"the agent at {where}: {said}",
        grpc.StatusCode.UNKNOWN: f"the agent at {where}: {said}",
        grpc.StatusCode.CANCELLED: f"the agent at {where} has ended the call{doubt}",
    }
    return AgentError(told.get(code, said or code.name))


def _unavailable(where: str, said: str, doubt: str) -> str:
    reason = said.rpartition(": ")[2].rstrip("]")  # the system's own words, of many of gRPC's
    if any(sign in said for sign in _UNREACHED):
        if "CERTIFICATE_VERIFY_FAILED" in said:
            doubt = "is signed by nobody whom --ca names, or is for another name"
            return f"the agent's certificate at {where} {doubt}"
        if "Permission denied" in said:
            return f"the agent's socket {where} is not open to you: its group may use it, and root"
        return f"no agent can be reached at {where} ({reason}): is it running?"
    if any(sign in said for sign in _LOST):
        return f"the agent at {where} is gone ({reason}){doubt}"
    return f"the agent at {where} cannot do this now: {said}"
