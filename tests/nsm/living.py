# SPDX-License-Identifier: Apache-2.0
"""A process with an endpoint, to be killed: takes the manager, a port of its own, and a folder.

It says whether its endpoint is registered, and the connections by their interfaces, whenever that
is something else.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from tests.nsm.hosting import Host, endpoint


async def live(url: str, port: int, folder: Path) -> None:
    async with Host(url, None, folder, port).running() as hosted:
        await hosted.put(endpoint())
        said = ""
        while True:
            there = {name: one.id for name, one in hosted.served().items()}
            registered = hosted.registration().HasField("until")
            before, said = said, json.dumps([registered, there])
            if said != before:
                sys.stdout.write(f"{said}\n")
                sys.stdout.flush()
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(live(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
