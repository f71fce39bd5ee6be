# SPDX-License-Identifier: Apache-2.0
"""The page on REST is true: its requests are made, its table is that of the server."""

from __future__ import annotations

import re
from pathlib import Path

from kvs_agent.daemon.compose import _implied
from kvs_agent.northbound.rest.endpoint import Endpoint
from kvs_agent.northbound.rest.table import ENDPOINTS
from kvs_descriptors import linux
from tests.linux.bench import Bench
from tests.northbound.rest.stage import Site, play

PAGE = Path(__file__).parents[3] / "docs" / "rest.md"
ELLIPSIS = "[...]"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def fits(shown: str, answered: str) -> bool:
    """Tell whether an answer is what the page shows, less what ``[...]`` leaves out."""
    parts = re.split(rf"^[ ]*{re.escape(ELLIPSIS)}\n", shown, flags=re.MULTILINE)
    inline = [r".*".join(map(re.escape, part.split(ELLIPSIS))) for part in parts]
    return re.fullmatch(r"(?:.*\n)*".join(inline), answered) is not None


def test_each_request_is_answered_as_the_page_shows(bench: Bench) -> None:
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    asked = [at for at, (language, _) in enumerate(blocks) if language == "http"]

    async def story(site: Site) -> None:
        for at in asked:
            head, _, body = blocks[at][1].partition("\n")
            method, path = head.split()
            reply = await site.ask(method, path, body.lstrip("\n") or None)
            assert fits(blocks[at + 1][1], reply.text), f"{head}\n{reply.text}"

    assert len(asked) >= 6
    play(story, *linux.descriptors(kernel=bench.kernel), options={"implied": _implied})


def row(endpoint: Endpoint) -> str:
    asked = [f"`{one.name}`" for one in endpoint.parameters if one.place == "query"]
    role = endpoint.role.name.lower()
    parameters = ", ".join(asked)
    return (
        f"| {endpoint.method} | `{endpoint.path}` | {role} | {parameters} | {endpoint.summary} |"
    )


def test_the_table_is_that_of_the_server() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()

    told = [line for line in lines if re.match(r"\| (GET|PUT|POST) ", line)]

    assert told == [row(one) for one in ENDPOINTS]
