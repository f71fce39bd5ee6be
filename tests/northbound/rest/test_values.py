# SPDX-License-Identifier: Apache-2.0
"""``/scheduler``, ``/log``, probes and metrics: how things are now."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from kvs_agent.core.health import State
from tests.northbound.rest.stage import INTERFACES, Interfaces, Site, play


def test_statuses_have_the_predecessors_shape() -> None:
    async def story(site: Site) -> None:
        await site.put("a", {"name": "b", "hostIfName": "c"})

        listed = await site.data("/scheduler/status?key=&key-prefix=")
        (one, two) = await site.data(f"/scheduler/status?key-prefix={INTERFACES}")
        unknown = await site.data("/scheduler/status?key=nosuch")
        named = await site.data("/scheduler/status?descriptor=interfaces")

        assert listed == named == [one, two]
        assert one == {
            "value": {
                "key": f"{INTERFACES}a",
                "state": "CONFIGURED",
                "last_operation": "CREATE",
            },
            "derived_values": [{"key": "linux/interface/state/a", "state": "CONFIGURED"}],
        }
        assert two["value"]["state"] == "PENDING"
        assert two["value"]["details"] == ["needs-c"]
        assert unknown == {"value": {"key": "nosuch"}}

    play(story)


def test_values_in_the_three_views() -> None:
    interfaces = Interfaces()

    async def story(site: Site) -> None:
        await site.put("a", {"name": "b", "hostIfName": "c"})
        del interfaces.held[f"{INTERFACES}a"]
        index = await site.data("/scheduler/dump")
        assert index == {
            "Descriptors": ["interfaces"],
            "KeyPrefixes": [INTERFACES],
            "Views": ["SB", "NB", "cached"],
        }

        seen = {
            view: await site.data(f"/scheduler/dump?key-prefix={INTERFACES}&view={view}")
            for view in index["Views"]
        }
        by_name = await site.data("/scheduler/dump?descriptor=interfaces&view=cached")

        names = {view: [one["Key"][-1] for one in found] for view, found in seen.items()}
        assert names == {"SB": [], "NB": ["a", "b"], "cached": ["a"]}
        assert by_name == seen["cached"]
        assert all(set(one) == {"Key", "Value", "Origin", "Metadata"} for one in seen["NB"])
        assert [one["Origin"] for one in seen["NB"]] == [1, 1]

    play(story, interfaces)


def test_a_resync_mends_and_tells_what_it_did() -> None:
    interfaces = Interfaces()

    async def story(site: Site) -> None:
        await site.put("a")
        del interfaces.held[f"{INTERFACES}a"]

        reply = await site.ask("POST", "/scheduler/downstream-resync?retry=1&verbose=true")

        assert reply.status == 200
        assert reply.data["ResyncType"] == "DownstreamResync"
        assert [op["Operation"] for op in reply.data["Executed"]] == ["CREATE"]
        assert f"{INTERFACES}a" in interfaces.held
        assert (await site.get("/scheduler/downstream-resync")).status == 405
        await site.put({"name": "b", "mtu": 666})
        failed = await site.ask("POST", "/scheduler/downstream-resync")
        assert (failed.status, list(failed.data["Errors"])) == (500, [f"{INTERFACES}b"])

    play(story, interfaces)


def test_a_southbound_that_cannot_be_read_is_told() -> None:
    class Mute(Interfaces):
        def retrieve(self, expected: Any, keys: Any = None) -> Iterable[Any]:
            raise OSError("nobody answers")

    async def story(site: Site) -> None:
        reply = await site.get("/scheduler/dump?descriptor=interfaces")

        assert reply.status == 500
        assert "nobody answers" in reply.error

    play(story, Mute())


def test_counts_of_what_was_done() -> None:
    async def story(site: Site) -> None:
        await site.put("a", {"name": "b", "hostIfName": "c"})
        await site.put({"name": "d", "mtu": 666})

        stats = await site.data("/scheduler/stats")
        same = await site.data("/metrics/kvscheduler.stats")
        calls = await site.data("/stats/configurator")

        assert set(stats) == {"TxnStats", "GraphMethods", "AllDescriptors", "Descriptors"}
        counted = stats["TxnStats"]
        assert counted["OperationCount"] == {"CREATE": 3, "DELETE": 0, "UPDATE": 0}
        assert counted["ValueStateCount"]["PENDING"] == 1
        assert counted["ErrorCount"] == 1
        (create,) = stats["Descriptors"]["interfaces"]
        assert (create["name"], create["count"]) == ("Create", 2)
        assert same["TxnStats"]["OperationCount"] == counted["OperationCount"]
        assert calls["Operations"][0]["name"] == "Update"
        assert calls["AllOperations"]["count"] == 2
        assert (await site.get("/metrics/nosuch")).status == 404

    play(story)


def test_loggers_are_listed_and_set() -> None:
    async def story(site: Site) -> None:
        name = "kvs_agent.northbound.rest.server"

        reply = await site.ask("PUT", f"/log/{name}/debug")
        listed = await site.data("/log/list")
        unknown = await site.ask("PUT", "/log/nosuch/debug")
        wrong = await site.ask("PUT", f"/log/{name}/nolevel")

        assert reply.data == {"logger": name, "level": "debug"}
        assert {"logger": name, "level": "debug"} in listed
        assert (unknown.status, wrong.status) == (404, 400)
        assert wrong.error.startswith('invalid log level: "nolevel"')
        assert "nosuch" not in logging.root.manager.loggerDict

    try:
        play(story)
    finally:
        logging.getLogger("kvs_agent.northbound.rest.server").setLevel(logging.NOTSET)


def test_probes_follow_the_agents_health() -> None:
    async def story(site: Site) -> None:
        health = site.core.health
        alive, ready = await site.get("/liveness"), await site.get("/readiness")
        assert (alive.status, ready.status) == (200, 200)
        assert set(ready.data) == {
            *("build_version", "build_date", "state", "start_time", "last_change"),
            *("last_update", "interface_stats", "commit_hash", "plugins", "PluginStatus"),
            "NonFatalPlugins",
        }
        assert ready.data["PluginStatus"]["engine"]["state"] == 1

        health.report("etcd", State.INIT)
        waits = await site.get("/readiness")
        health.report("etcd", State.ERROR, "nobody answers")
        down = await site.get("/liveness")

        assert (waits.status, waits.data["state"]) == (500, 0)
        assert (down.status, down.data["PluginStatus"]["etcd"]["error"]) == (500, "nobody answers")

    play(story)


def test_metrics_have_the_predecessors_names_and_our_own() -> None:
    async def story(site: Site) -> None:
        await site.put("a", {"name": "b", "hostIfName": "c"})
        site.core.health.report("etcd", State.ERROR)

        reply = await site.get("/metrics")
        health = (await site.get("/health")).text

        assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        lines = reply.text.splitlines()
        for line in (
            "ligato_kvscheduler_txn_processed 2.0",
            'ligato_kvscheduler_queue_wait_seconds_count{txn_type="NBTransaction"} 1.0',
            "ligato_kvscheduler_txn_dropped 0.0",
            "ligato_kvscheduler_queue_capacity 1000.0",
            "ligato_kvscheduler_queue_length 0.0",
            'ligato_kvscheduler_txn_duration_seconds_count{txn_type="NBTransaction"} 2.0',
            'kvscheduler_values{state="CONFIGURED"} 2.0',
            'kvscheduler_values{state="PENDING"} 2.0',
            'service_health{service="vpp1"} 2.0',
            'service_dependency_health{dependency="etcd",service="vpp1"} 2.0',
        ):
            assert line in lines, line
        calls = 'kvscheduler_southbound_seconds_count{descriptor="interfaces",operation="create"'
        assert f'{calls},outcome="ok"}} 1.0' in lines
        assert 'service_info{build_date="unknown",build_version="1.2.3",service="vpp1"} 1.0' in (
            health
        )
        assert "ligato_kvscheduler" not in health

    play(story)


def test_what_the_server_is() -> None:
    async def story(site: Site) -> None:
        version = await site.data("/info/version")
        page = await site.get("/")

        assert (version["App"], version["Version"]) == ("agent", "1.2.3")
        assert set(version) == {
            *("App", "Version", "GitCommit", "GitBranch", "BuildUser", "BuildHost"),
            *("BuildTime", "GoVersion", "OS", "Arch", "APIVersion", "OSType"),
        }
        assert isinstance(version["BuildTime"], int)
        assert '<a href="/scheduler/status">' in page.text
        assert page.headers["Content-Type"].startswith("text/html")

    play(story)


def test_a_head_is_a_get_without_its_body_and_other_methods_are_refused() -> None:
    async def story(site: Site) -> None:
        head = await site.ask("HEAD", "/info/version")
        post = await site.ask("POST", "/info/version")
        nowhere = await site.get("/info/version/")

        assert (head.status, head.text) == (200, "")
        assert (post.status, post.headers["Allow"]) == (405, "GET")
        assert (nowhere.status, "there is no /info/version/" in nowhere.error) == (404, True)

    play(story)
