# SPDX-License-Identifier: Apache-2.0
"""Requests that are asked for in one breath leave together.

The kernel does all that a datagram asks for while it is being sent, message by message, and an
error of one does not stop the others. So a batch takes one system call, and its answers lie
ready when that returns. It is made in the courier's thread: the kernel works while Python does.

Only the last request of a batch asks to be told of its success. That message comes after all
others, and a message that is lost is itself reported: so of whom nothing was heard by then, and
nothing lost, has succeeded.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import errno
import functools
import itertools
import socket
from collections.abc import Callable

from kvscheduler import failpoints

from . import message
from .courier import Courier
from .message import NLM_F_ACK, NLM_F_REQUEST, Answer

__all__ = ["Requests"]

# While one batch is under way the next one lies ready, so that the kernel need not wait for us.
# The answers to both must fit into the receive buffer, since one that does not fit is lost.
# Without privileges it can be made 425,984 bytes large; the answer to the making of a veth takes
# some 3,000 of them.
MAX_BATCHES, MAX_REQUESTS = 2, 32
MAX_BATCH_BYTES = 32768
BUFFER_BYTES = 1 << 20

# linux/netlink.h
SOL_NETLINK = 270
NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK = 10, 11, 12
OPTIONS = (NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK)


@dataclasses.dataclass(slots=True, eq=False)
class _Request:
    """A request that somebody waits for, until ``answered`` is done.

    ``back`` is done when the batch has come back in which it was sent; None before it is sent.
    """

    number: int
    kind: int
    flags: int
    body: bytes
    answered: asyncio.Future[Answer]
    back: asyncio.Future[None] | None = None
    answer: Answer = dataclasses.field(default_factory=Answer)


Batch = list[_Request]


class Requests:
    """The requests over one socket; what is asked first is done first.

    ``is_broken`` says that answers were lost; ``on_idle`` is called when nothing is under way
    any more.
    """

    def __init__(self, fd: int, courier: Courier, on_idle: Callable[[], None]) -> None:
        self.is_broken = False
        self._courier = courier
        self._on_idle = on_idle
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._waiting: collections.deque[_Request] = collections.deque()
        self._is_leaving = False
        self._batches_under_way = 0
        self._sent: dict[int, _Request] = {}
        self._trouble: OSError | None = None
        self._socket = _prepared(fd)
        courier.serve()

    @property
    def is_idle(self) -> bool:
        """Whether the socket can be closed."""
        is_busy = self._is_leaving or self._batches_under_way
        return not is_busy or self._loop.is_closed()

    async def ask(self, kind: int, flags: int, body: bytes) -> Answer:
        """Send a request and return its answer.

        Cancelled before it is sent, it is never sent. Cancelled later, it ends when the kernel is
        done with it: whoever comes next finds its effect, whatever that is.
        """
        number = next(self._numbers) & message.MAX_NUMBER
        flags |= NLM_F_REQUEST
        request = _Request(number, kind, flags, body, self._loop.create_future())
        self._waiting.append(request)
        if not self._is_leaving and self._batches_under_way < MAX_BATCHES:
            self._is_leaving = True
            # By then all that run in this turn of the loop have asked.
            self._loop.call_soon(self._leave)
        try:
            return await request.answered
        except asyncio.CancelledError:
            if request.back is not None:
                await asyncio.shield(request.back)
            raise

    def _leave(self) -> None:
        self._is_leaving = False
        while self._waiting and self._batches_under_way < MAX_BATCHES:
            batch = _next_batch(self._waiting)
            if batch:
                self._send(batch)
        if not self._batches_under_way:
            self._on_idle()

    def _send(self, batch: Batch) -> None:
        back = self._loop.create_future()
        for request in batch:
            request.back = back
            self._sent[request.number] = request
        datagrams = _packed(batch)
        self._batches_under_way += 1
        self._courier.do(functools.partial(self._carry, datagrams, batch))

    def _carry(self, datagrams: list[bytes], batch: Batch) -> None:
        """Send a batch: in the courier's thread."""
        trouble = None
        try:
            for data in datagrams:
                with failpoints.at("netlink.send"):
                    self._socket.send(data)
        except OSError as caught:
            trouble = caught
        # Once the loop is closed nobody waits for the answers.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._arrive, batch, trouble)

    def _arrive(self, batch: Batch, trouble: OSError | None) -> None:
        self._trouble = trouble or self._trouble
        self._receive()
        self._batches_under_way -= 1
        # The kernel goes on while those who have their answers do.
        self._leave()
        last = batch[-1]
        is_certain = last.answer.is_complete and self._trouble is None
        for request in batch:
            del self._sent[request.number]
            self._conclude(request, is_certain=is_certain)
        assert last.back is not None
        last.back.set_result(None)

    def _conclude(self, request: _Request, *, is_certain: bool) -> None:
        is_known = is_certain or request.answer.is_complete
        if not is_known:
            self.is_broken = True
        if request.answered.done():
            return
        if is_known:
            request.answered.set_result(request.answer)
        else:
            request.answered.set_exception(_lost(self._trouble))

    def _receive(self) -> None:
        """Take in all that the kernel has answered, to this batch or already to the next."""
        while True:
            try:
                data = self._socket.recv(message.LARGEST_BYTES)
            except BlockingIOError:
                return
            except OSError as caught:
                self._trouble = caught
                # Comes once; what is in the buffer is still to be had.
                if caught.errno == errno.ENOBUFS:
                    continue
                return
            for number, kind, flags, body in message.split(data):
                request = self._sent.get(number)
                if request is not None:
                    request.answer.take(kind, flags, body)

    def close(self) -> None:
        """Close the socket."""
        if self._batches_under_way:
            # The loop is closed, but the courier is still at it.
            self._courier.do(self._socket.close)
        else:
            self._socket.close()
        self._courier.leave()


def _next_batch(waiting: collections.deque[_Request]) -> Batch:
    """Take the next requests that fit into one batch; less those that nobody waits for now."""
    batch: Batch = []
    size_bytes = 0
    while waiting and len(batch) < MAX_REQUESTS:
        size_bytes += message.HEADER.size + len(waiting[0].body)
        if batch and size_bytes > MAX_BATCH_BYTES:
            break
        request = waiting.popleft()
        if not request.answered.done():
            batch.append(request)
    return batch


def _packed(batch: Batch) -> list[bytes]:
    last = batch[-1]
    requests = [
        message.pack(one.number, one.kind, one.flags | (one is last and NLM_F_ACK), one.body)
        for one in batch
    ]
    # One by one where a test is to get between any two of them.
    return [b"".join(requests)] if failpoints.armed is None else requests


def _prepared(fd: int) -> socket.socket:
    prepared = socket.socket(fileno=fd)
    # All answers are there when a send is done.
    prepared.setblocking(False)
    prepared.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    for option in OPTIONS:
        # A kernel that knows one not yet answers less tersely, or checks less.
        with contextlib.suppress(OSError):
            prepared.setsockopt(SOL_NETLINK, option, 1)
    # From now on only the kernel can send us anything.
    prepared.connect((0, 0))
    return prepared


def _lost(cause: OSError | None) -> OSError:
    code = cause.errno if cause is not None and cause.errno else errno.EIO
    lost = OSError(code, "the kernel's answer was lost; whether it did what was asked is unknown")
    lost.__cause__ = cause
    return lost
