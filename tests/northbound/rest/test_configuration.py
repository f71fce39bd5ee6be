# SPDX-License-Identifier: Apache-2.0
"""``/configuration`` and ``/v1``: what is wanted, changed, refused, planned and explained."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import yaml

from kvs_agent.northbound.access import Access, Role
from kvs_agent.past import Past
from kvscheduler import ValueState
from tests.northbound.rest.stage import INTERFACES, Interfaces, Site, document, play


def test_what_is_put_is_there_in_the_southbound_and_in_the_document() -> None:
    interfaces = Interfaces()

    async def story(site: Site) -> None:
        reply = await site.put("a", "b")
        assert reply.status == 200
        assert set(interfaces.held) == {f"{INTERFACES}a", f"{INTERFACES}b"}

        shown = await site.get("/configuration")

        assert shown.headers["Content-Type"].startswith("application/yaml")
        wanted = yaml.safe_load(shown.text)
        assert [one["name"] for one in wanted["linuxConfig"]["interfaces"]] == ["a", "b"]
        assert wanted["netallocConfig"] == {}

    play(story, interfaces)


def test_what_was_read_can_be_put_again_and_changes_nothing() -> None:
    async def story(site: Site) -> None:
        await site.put("a", {"name": "b", "hostIfName": "a"})
        shown = await site.get("/configuration")

        reply = await site.ask("PUT", "/configuration?replace", shown.text)

        assert reply.status == 200
        one = await site.data(f"/scheduler/txn-history?seq-num={reply.data['SeqNum']}")
        assert "Executed" not in one

    play(story)


def test_a_put_adds_and_a_replace_removes_the_rest() -> None:
    async def story(site: Site) -> None:
        await site.put("a")
        await site.put("b")
        assert len(site.core.orchestrator.holdings.of_source("grpc")) == 2

        await site.put("c", query="?replace")

        assert list(site.core.orchestrator.holdings.of_source("grpc")) == [f"{INTERFACES}c"]

    play(story)


def test_what_is_wrong_with_a_document_is_told_with_its_line() -> None:
    async def story(site: Site) -> None:
        wrong = "linuxConfig:\n  interfaces:\n    - name: a\n      nonexist: 1\n"

        reply = await site.ask("PUT", "/configuration", wrong)

        assert reply.status == 400
        (problem,) = reply.data["Problems"]
        assert problem["line"] == 4
        assert problem["path"] == "linuxConfig.interfaces[0].nonexist"
        for body in ("", "{{{", "a: &x 1\nb: *x", "[" * 100_000, b"\xff\xfe"):
            refused = await site.ask("PUT", "/configuration", body)
            assert refused.status == 400, body
            assert refused.error

    play(story)


def test_invalid_values_are_refused_before_anything_is_touched() -> None:
    interfaces = Interfaces()

    async def story(site: Site) -> None:
        reply = await site.put("a", {"name": "b", "mtu": 1})

        assert reply.status == 422
        assert reply.data["Problems"][0]["path"] == "mtu"
        assert interfaces.held == {}
        assert await site.data("/v1/sources") == {"sources": []}

    play(story, interfaces)


def test_a_revert_undoes_all_of_it() -> None:
    interfaces = Interfaces()

    async def story(site: Site) -> None:
        reply = await site.put("a", {"name": "b", "mtu": 666}, query="?revert")

        assert reply.status == 500
        assert reply.error.endswith("all of it was undone")
        assert list(reply.data["Errors"]) == [f"{INTERFACES}b"]
        assert interfaces.held == {}
        both = await site.put("a", query="?revert&replace")
        assert both.status == 400

    play(story, interfaces)


def test_a_put_that_waits_is_answered_once_nothing_waits() -> None:
    interfaces = Interfaces()

    async def story(site: Site) -> None:
        waits = asyncio.Event()
        with site.core.feed.listening(lambda status: waits.set()):
            first = asyncio.ensure_future(
                site.put({"name": "a", "hostIfName": "b"}, query="?wait")
            )
            await waits.wait()
        assert site.core.scheduler.status(f"{INTERFACES}a").state is ValueState.PENDING
        assert not first.done()

        await site.put("b")

        assert (await first).status == 200
        assert set(interfaces.held) == {f"{INTERFACES}a", f"{INTERFACES}b"}

    play(story, interfaces)


def test_validation_tells_all_that_would_be_wrong_and_changes_nothing() -> None:
    async def story(site: Site) -> None:
        good = await site.ask("POST", "/configuration/validate", document("a"))
        bad = await site.ask(
            "POST", "/configuration/validate", document("a", {"name": "b", "mtu": 1})
        )
        unreadable = await site.ask("POST", "/configuration/validate", "x: 1")

        assert (good.status, good.data) == (200, {})
        assert bad.status == 400
        (fault,) = bad.data
        assert fault["path"] == "linuxConfig.interfaces*.mtu"
        assert fault["error"] == "too small"
        assert yaml.safe_load(fault["error_config_part"])["name"] == "b"
        assert unreadable.status == 400
        assert unreadable.data[0]["path"] == "x"
        assert not site.core.orchestrator.holdings.sources

    play(story)


def test_a_plan_is_made_and_nothing_is_done() -> None:
    interfaces = Interfaces()

    async def story(site: Site) -> None:
        await site.put("a")

        add = (await site.ask("POST", "/v1/plan", document("b"))).data
        only = (await site.ask("POST", "/v1/plan?replace", document("b"))).data

        assert [one["kind"] for one in add["operations"]] == ["create"]
        assert sorted(one["kind"] for one in only["operations"]) == ["create", "delete"]
        assert set(interfaces.held) == {f"{INTERFACES}a"}

    play(story, interfaces)


def test_an_explanation_goes_down_to_the_root_cause() -> None:
    async def story(site: Site) -> None:
        await site.put({"name": "a", "hostIfName": "b"}, {"name": "b", "hostIfName": "c"})

        told = await site.data(f"/v1/explain?key={INTERFACES}a")

        assert told["state"] == "PENDING"
        assert told["sources"] == ["grpc"]
        assert told["value"]["hostIfName"] == "b"
        (unmet,) = told["waits_for"]
        assert unmet["path"] == [f"{INTERFACES}b", f"{INTERFACES}c"]
        assert unmet["cause"].startswith(f"{INTERFACES}c is unknown")

    play(story)


def test_who_holds_what() -> None:
    async def story(site: Site) -> None:
        await site.put("a")
        item = site.core.orchestrator.holdings.item(f"{INTERFACES}a")
        assert item is not None
        await site.core.orchestrator.change("etcd", {f"{INTERFACES}a": item})

        told = await site.data("/v1/sources?prefix=")

        assert told["sources"] == [{"name": "etcd", "keys": 1}, {"name": "grpc", "keys": 1}]
        assert told["keys"] == {f"{INTERFACES}a": ["grpc", "etcd"]}
        assert (await site.data("/v1/sources?prefix=x"))["keys"] == {}

    play(story)


def test_the_history_comes_in_pages() -> None:
    async def story(site: Site) -> None:
        for name in "abcde":
            await site.put(name)

        seen = []
        page = await site.data("/v1/history?limit=2")
        while True:
            seen += [one["number"] for one in page["transactions"]]
            if page["next"] is None:
                break
            page = await site.data(f"/v1/history?limit=2&before={page['next']}")

        assert seen == sorted(seen, reverse=True)
        assert len(seen) == len(set(seen)) == len(await site.data("/scheduler/txn-history"))

    play(story)


def test_the_history_on_disk_is_paged_likewise(tmp_path: Path) -> None:
    past = Past(tmp_path / "state")

    async def story(site: Site) -> None:
        for name in "abc":
            await site.put(name)
        past.add(*site.core.scheduler.history)

        first = await site.data("/v1/history?limit=2")
        second = await site.data(f"/v1/history?limit=2&before={first['next']}")

        numbers = [one["number"] for one in first["transactions"] + second["transactions"]]
        assert numbers == [3, 2, 1]
        assert first["transactions"][0]["operations"][0]["key"] == f"{INTERFACES}c"
        assert second["next"] is None

    play(story, past=past)


def test_secrets_are_for_admins() -> None:
    async def story(site: Site) -> None:
        assert (await site.get("/configuration?secrets")).status == 403
        assert (await site.get("/configuration?secrets=0")).status == 200

    play(story, access=Access(anonymous=Role.WRITE))


def test_the_schema_of_a_configuration_has_either_name_or_both() -> None:
    async def story(site: Site) -> None:
        sections = {}
        for which in ("", "?fieldnames=onlyproto", "?fieldnames=onlyjson"):
            schema = await site.data(f"/info/configuration/jsonschema{which}")
            sections[which] = set(schema["properties"])
            assert schema["additionalProperties"] is False

        proto = {"linux_config", "netalloc_config", "nsm_config"}
        json = {"linuxConfig", "netallocConfig", "nsmConfig"}
        assert sections["?fieldnames=onlyproto"] == proto
        assert sections["?fieldnames=onlyjson"] == json
        assert sections[""] == proto | json

    play(story)


def test_json_is_as_good_as_yaml() -> None:
    async def story(site: Site) -> None:
        body = json.dumps({"linux_config": {"interfaces": [{"name": "a", "type": 3}]}})

        assert (await site.ask("PUT", "/configuration", body)).status == 200

    play(story)
