# SPDX-License-Identifier: Apache-2.0
"""What seldom happens: conflicts, broken descriptors, graphviz in its moods, bugs of our own."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import BytesValue

from kvs_agent.northbound.access import Role
from kvs_agent.northbound.rest import faults, scheduler_graph
from kvs_agent.northbound.rest.credentials import Credentials, password_line
from kvs_agent.northbound.rest.go_json import go_json
from kvs_descriptors.linux.interfaces import counters
from kvs_descriptors.linux.links.link import Link
from kvscheduler import DependsOnAny
from tests.linux.bench import Bench
from tests.northbound.rest.stage import INTERFACES, Interfaces, Site, document, play


class Claiming(Interfaces):
    def claims(self, key: str, value: Any) -> Iterable[str]:
        return [f"host:{value.vrf_master_interface}"] if value.vrf_master_interface else []


class Odd(Interfaces):
    """Needs any interface whose name begins with up, and has no names for people."""

    def dependencies(self, key: str, value: Any) -> Any:
        return [DependsOnAny((f"{INTERFACES}up",))] if value.name == "any" else []

    def label(self, key: str) -> str:
        if key.endswith("nameless"):
            raise ValueError("no name")
        return Interfaces.label(self, key)


def test_values_that_exclude_each_other_are_refused_with_both_keys() -> None:
    both = [{"name": name, "vrfMasterInterface": "one"} for name in "ab"]

    async def story(site: Site) -> None:
        put = await site.put(*both)
        plan = await site.ask("POST", "/v1/plan", document(*both))
        validated = await site.ask("POST", "/configuration/validate", document(*both))

        assert (put.status, plan.status, validated.status) == (409, 409, 400)
        assert put.error.startswith("claim host:one is wanted twice: ")
        assert put.error.endswith(f"by {INTERFACES}a and by {INTERFACES}b")
        assert validated.data[0]["path"] == f"{INTERFACES}b"
        assert not site.core.orchestrator.holdings.sources

    play(story, Claiming())


def test_a_need_of_any_is_drawn_to_all_that_meet_it() -> None:
    async def story(site: Site) -> None:
        await site.put("any", "up1", "up2", "nameless")

        nodes = {one["Key"]: one for one in await site.data("/scheduler/graph-snapshot")}
        drawn = (await site.get("/scheduler/graph?format=dot")).text

        (target, _) = nodes[f"{INTERFACES}any"]["Targets"]
        assert target["ExpectedKey"] == ""
        assert target["MatchingKeys"] == [f"{INTERFACES}up1", f"{INTERFACES}up2"]
        assert nodes[f"{INTERFACES}nameless"]["Label"] == f"{INTERFACES}nameless"
        assert drawn.count("style=dashed];") == 2

    play(story, Odd())


def test_a_descriptor_that_raises_costs_the_picture_nothing_but_its_own() -> None:
    class Broken(Interfaces):
        is_broken = False

        def dependencies(self, key: str, value: Any) -> Any:
            if self.is_broken:
                raise RuntimeError("broken")
            return []

        def selects(self, key: str) -> bool:
            if self.is_broken:
                raise RuntimeError("broken")
            return key.startswith(INTERFACES)

    broken = Broken()

    async def story(site: Site) -> None:
        await site.put("a")
        broken.is_broken = True

        nodes = await site.data("/scheduler/graph-snapshot")

        assert nodes[0]["Key"] == f"{INTERFACES}a"

    play(story, broken)


def program(folder: Path, script: str) -> str:
    """Put a stand-in of graphviz first on the path."""
    path = folder / "dot"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("script", "status", "told"),
    [
        ("cat >/dev/null; echo '<svg/>'", 200, "<svg/>"),
        ("cat >/dev/null; echo bad >&2; exit 1", 500, "graphviz: bad"),
        ("exec sleep 60", 504, "graphviz has not drawn this in 0.2 s"),
        (None, 501, "takes graphviz, which is not installed"),
    ],
)
def test_graphviz_draws_fails_hangs_or_is_not_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str | None,
    status: int,
    told: str,
) -> None:
    found = program(tmp_path, script) if script is not None else str(tmp_path)
    monkeypatch.setenv("PATH", found)
    monkeypatch.setattr(scheduler_graph, "DRAW_S", 0.2 if status == 504 else 60.0)
    assert (shutil.which("dot") is None) == (script is None)

    async def story(site: Site) -> None:
        reply = await site.get("/scheduler/graph")

        assert (reply.status, told in reply.text) == (status, True), reply
        if status == 200:
            assert reply.headers["Content-Type"].startswith("image/svg+xml")
            assert "default-src 'none'" in reply.headers["Content-Security-Policy"]

    play(story)


def test_a_bug_of_our_own_is_in_the_log_and_not_in_the_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = faults.answer(RuntimeError("a secret"))

    assert answer.status == 500
    assert "a secret" not in str(answer.data)
    assert "a secret" in caplog.text


def test_a_transaction_as_text_tells_of_retries_errors_and_recreates() -> None:
    async def story(site: Site) -> None:
        await site.put({"name": "a", "mtu": 666})
        await site.put({"name": "a", "mtu": 1400})
        await site.ask("PUT", "/configuration?replace", "linuxConfig: {}")

        text = (await site.get("/scheduler/txn-history?format=text")).text
        last = await site.data("/scheduler/txn-history")
        number = last[-1]["SeqNum"]
        one = (await site.get(f"/scheduler/txn-history?format=text&seq-num={number}")).text

        assert "error: the southbound refuses" in text
        assert "no operations" in text
        assert 'before: {"name": "a"' in one

    play(story)


def test_an_overlong_password_is_not_even_hashed() -> None:
    async def check() -> None:
        known = Credentials(None)
        assert await known.of_password("a", "x" * 2000) is None
        assert known.is_empty

    asyncio.run(check())
    with pytest.raises(ValueError, match="1 to 1024 characters"):
        password_line("a", Role.READ, "")
    with pytest.raises(ValueError, match="is no name"):
        password_line("#a", Role.READ, "x")


def test_go_shows_maps_and_bytes_in_its_own_way() -> None:
    data = Struct()
    data.update({"a": 1.5})

    assert go_json(BytesValue(value=b"\x01\xff")) == {"value": "01ff"}
    assert go_json(data) == {"fields": {"a": {"Kind": {"NumberValue": 1.5}}}}


def test_links_whose_namespace_has_gone_have_no_counters(bench: Bench) -> None:
    links = {"lost": Link(1, "nosuch", "x"), "gone": Link(2, "", "nosuch")}

    async def check() -> None:
        assert await counters.of_links(bench.kernel, links) == {}

    bench.run(check())


def test_the_agents_own_namespace_counts_too(bench: Bench) -> None:
    async def check() -> None:
        counted = await counters.of_links(bench.kernel, {"own": Link(1, "", "lo")})
        (shown,) = [one for one in bench.ip("", "-s", "link", "show") if one["ifname"] == "lo"]
        assert counted["own"]["rx_bytes"] <= shown["stats64"]["rx"]["bytes"]

    bench.run(check())
