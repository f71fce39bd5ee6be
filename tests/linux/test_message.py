# SPDX-License-Identifier: Apache-2.0
"""What is packed together comes apart again; batches keep to their bounds and to the order."""

from __future__ import annotations

import asyncio
import collections

from hypothesis import given
from hypothesis import strategies as st

from kvs_descriptors.linux.netlink import batch, message
from kvs_descriptors.linux.netlink.message import Answer

# Types below 16 are netlink's own.
KINDS = st.integers(16, 0xFFFF)
MESSAGES = st.lists(
    st.tuples(st.integers(0, 0xFFFFFFFF), KINDS, st.integers(0, 0xFFFF), st.binary(max_size=70)),
    max_size=20,
)


@given(MESSAGES)
def test_what_is_packed_together_comes_apart_again(
    messages: list[tuple[int, int, int, bytes]],
) -> None:
    data = b"".join(message.pack(*one) for one in messages)

    assert list(message.split(data)) == messages


@given(st.binary(max_size=200))
def test_whatever_comes_in_splitting_it_ends(data: bytes) -> None:
    assert len(list(message.split(data))) <= len(data) // message.HEADER.size


def test_a_refusal_says_what_the_kernel_said() -> None:
    words = b"no room\0"
    said = (4 + len(words)).to_bytes(2, "little") + b"\x01\0" + words
    body = (-28).to_bytes(4, "little", signed=True) + message.pack(1, 16, 0, b"")
    answer = Answer()

    answer.take(message.NLMSG_ERROR, message.NLM_F_CAPPED | message.NLM_F_ACK_TLVS, body + said)

    assert str(answer.refusal("interface one")) == "interface one: no room (ENOSPC)"


@given(st.lists(st.tuples(st.integers(0, 20_000), st.booleans()), max_size=100))
def test_batches_keep_the_order_and_the_bounds_and_leave_out_who_no_longer_waits(
    wanted: list[tuple[int, bool]],
) -> None:
    loop = asyncio.new_event_loop()
    waiting: collections.deque[batch._Request] = collections.deque()
    for number, (size, is_withdrawn) in enumerate(wanted):
        request = batch._Request(number, 16, 0, bytes(size), loop.create_future())
        if is_withdrawn:
            request.answered.cancel()
        waiting.append(request)

    batches = []
    while waiting:
        batches.append(batch._next_batch(waiting))
    loop.close()

    assert [one.number for found in batches for one in found] == [
        number for number, (_, is_withdrawn) in enumerate(wanted) if not is_withdrawn
    ]
    for found in batches:
        assert len(found) <= batch.MAX_REQUESTS
        assert len(found) <= 1 or len(batch._packed(found)) <= batch.MAX_BATCH_BYTES + 3 * 32
