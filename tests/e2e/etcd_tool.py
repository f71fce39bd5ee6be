# SPDX-License-Identifier: Apache-2.0
"""Reads and writes etcd from inside a machine: ENDPOINT, then lines of JSON on stdin.

A line is ``{"put": {key: value}, "delete": [key]}``, done in one transaction, or ``{"get":
prefix}``, which prints what is there as one line of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Any

from kvs_agent import etcd

POLL_S = 0.05


async def main(endpoint: str) -> None:
    async with etcd.Client(etcd.Settings(endpoints=(endpoint,))) as client:
        for line in sys.stdin:
            order: dict[str, Any] = json.loads(line)
            answer = await _carry_out(client, order)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


async def _carry_out(client: etcd.Client, order: dict[str, Any]) -> dict[str, str]:
    """Do one order; etcd may be on its way back."""
    while True:
        with contextlib.suppress(etcd.Unavailable):
            return await _attempt(client, order)
        await asyncio.sleep(POLL_S)


async def _attempt(client: etcd.Client, order: dict[str, Any]) -> dict[str, str]:
    if "get" in order:
        listing = await client.get_prefix(order["get"])
        return {one.key.decode(): one.value.decode() for one in listing.entries}
    values = {key.encode(): one.encode() for key, one in order.get("put", {}).items()}
    puts = [etcd.put_op(key, value) for key, value in values.items()]
    deletes = [etcd.delete_op(key.encode()) for key in order.get("delete", ())]
    await client.txn([*puts, *deletes])
    return {}


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
