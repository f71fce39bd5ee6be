# SPDX-License-Identifier: Apache-2.0
"""``/scheduler``: transactions and timelines in the shapes that the predecessor's tools read."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tests.northbound.rest.stage import INTERFACES, Site, play

# Written down from what the predecessor answers: names, and which are left out when empty.
TRANSACTION = {"Start", "Stop", "SeqNum", "TxnType"}
TRANSACTION_MAYBE = {
    "ResyncType",
    "Description",
    "RetryForTxn",
    "RetryAttempt",
    "Values",
    "Executed",
}
OPERATION = {"Operation", "Key"}
OPERATION_MAYBE = {
    *("NewState", "NewValue", "NewErrMsg", "PrevState", "PrevValue", "PrevErrMsg"),
    *("NOOP", "IsDerived", "IsProperty", "IsRevert", "IsRetry", "IsRecreate"),
}
NODE = {
    *("Since", "Until", "Key", "Label", "Value", "Flags", "MetadataFields", "Targets"),
    "TargetUpdateOnly",
}
TARGET = {"Relation", "Label", "ExpectedKey", "MatchingKeys"}
FOREVER = "0001-01-01T00:00:00Z"


def fits(data: Any, needed: set[str], maybe: set[str] = frozenset()) -> bool:  # type: ignore[assignment]  # an empty one
    return needed <= set(data) <= needed | maybe


def test_a_transaction_has_the_predecessors_shape() -> None:
    async def story(site: Site) -> None:
        number = (await site.put("a", {"name": "b", "hostIfName": "c"})).data["SeqNum"]

        one = await site.data(f"/scheduler/txn-history?seq-num={number}")

        assert fits(one, TRANSACTION, TRANSACTION_MAYBE)
        assert one["TxnType"] == "NBTransaction"
        assert all(fits(op, OPERATION, OPERATION_MAYBE) for op in one["Executed"])
        by_key = {op["Key"]: op for op in one["Executed"]}
        assert by_key[f"{INTERFACES}a"] == {
            "Operation": "CREATE",
            "Key": f"{INTERFACES}a",
            "NewState": "CONFIGURED",
            "NewValue": {
                "ProtoMsgName": "ligato.linux.interfaces.Interface",
                "ProtoMsgData": {"name": "a", "type": "DUMMY", "enabled": True},
            },
        }
        assert by_key[f"{INTERFACES}b"]["NewState"] == "PENDING"
        assert by_key[f"{INTERFACES}b"]["NOOP"] is True
        (value, _) = sorted(one["Values"], key=lambda value: value["Key"])
        assert fits(value, {"Key", "Value", "Origin"})
        assert value["Origin"] == 1

    play(story)


def test_a_delete_says_what_was_there_and_that_nothing_is_wanted() -> None:
    async def story(site: Site) -> None:
        await site.put("a")
        reply = await site.put(query="?replace")

        one = await site.data(f"/scheduler/txn-history?seq-num={reply.data['SeqNum']}")

        assert one["ResyncType"] == "FullResync"
        (operation,) = [op for op in one["Executed"] if op["Key"] == f"{INTERFACES}a"]
        assert operation["Operation"] == "DELETE"
        assert operation["PrevState"] == "CONFIGURED"
        assert operation["NewState"] == "REMOVED"
        assert "NewValue" not in operation
        assert one["Values"] == [{"Key": f"{INTERFACES}a", "Value": None, "Origin": 1}]

    play(story)


def test_a_failure_is_told_with_its_retries() -> None:
    async def story(site: Site) -> None:
        reply = await site.put({"name": "a", "mtu": 666})
        assert reply.status == 500
        assert "the southbound refuses" in reply.error
        first = reply.data["SeqNum"]
        one = await site.data(f"/scheduler/txn-history?seq-num={first}")
        (operation,) = one["Executed"]
        assert operation["NewState"] == "RETRYING"
        assert operation["NewErrMsg"] == "the southbound refuses"

        listed: list[Any] = []
        while not listed or listed[-1]["TxnType"] != "RetryFailedOps":
            await asyncio.sleep(0.02)
            listed = await site.data("/scheduler/txn-history")
        again = listed[-1]

        assert again["RetryForTxn"] == first
        assert again["RetryAttempt"] == 1
        assert again["Executed"][0]["IsRetry"] is True
        assert again["Executed"][0]["PrevState"] == "RETRYING"
        assert again["Executed"][0]["PrevErrMsg"] == "the southbound refuses"

    play(story)


def test_a_window_of_time_and_text_for_people() -> None:
    async def story(site: Site) -> None:
        before = time.time_ns()
        await site.put("a")
        after = time.time_ns()

        inside = await site.data(f"/scheduler/txn-history?since={before}&until={after}")
        later = await site.data(f"/scheduler/txn-history?since={after + 10**9}")
        text = (await site.get("/scheduler/txn-history?format=text")).text

        assert [len(inside), later] == [1, []]
        assert "NONEXISTENT -> CONFIGURED" in text
        assert f"CREATE {INTERFACES}a" in text

    play(story)


def test_what_cannot_be_asked_for_is_told() -> None:
    async def story(site: Site) -> None:
        asked = {
            "txn-history?seq-num=9999": (404, "transaction with such sequence number is not"),
            "txn-history?seq-num=x": (400, "seq-num: 'x' is no whole number"),
            "txn-history?format=xml": (400, "format: 'xml' is none of json, text"),
            "key-timeline": (400, "missing key argument"),
            "flag-stats": (400, "missing flag argument"),
            "flag-stats?flag=nosuch": (400, "flag: 'nosuch' is none of"),
            "graph-snapshot?time=-1": (400, "time: '-1' is no whole number"),
            "status?key=a&key=b": (400, "key argument listed more than once"),
            "status?key-prefix=zz": (404, "unknown key prefix"),
            "dump?key-prefix=zz": (404, "no descriptor found matching the key prefix"),
            "dump?descriptor=nosuch": (404, "no descriptor found matching the descriptor"),
            "dump?descriptor=interfaces&view=x": (400, "view: 'x' is none of SB, NB, cached"),
            "graph?txn=9999": (404, "transaction with such sequence number is not"),
        }
        for path, (status, text) in asked.items():
            reply = await site.get(f"/scheduler/{path}")
            assert (reply.status, text in reply.error) == (status, True), (path, reply.text)

    play(story)


def test_a_timeline_tells_each_change_of_a_value() -> None:
    async def story(site: Site) -> None:
        await site.put({"name": "a", "hostIfName": "b"})
        await site.put("b", query="?wait")
        await site.put({"name": "a", "hostIfName": "b", "mtu": 1400})

        waits, made, changed = await site.data(f"/scheduler/key-timeline?key={INTERFACES}a")

        assert all(fits(node, NODE) for node in (waits, made, changed))
        states = [node["Flags"]["value-state"] for node in (waits, made, changed)]
        assert states == ["PENDING", "CONFIGURED", "CONFIGURED"]
        assert waits["Until"] == made["Since"]
        assert changed["Until"] == FOREVER
        assert changed["Value"]["ProtoMsgData"]["mtu"] == 1400
        assert changed["Flags"]["descriptor"] == "interfaces"
        assert [fits(target, TARGET) for target in changed["Targets"]] == [True, True]
        assert changed["Targets"][0] == {
            "Relation": "depends-on",
            "Label": "needs-b",
            "ExpectedKey": f"{INTERFACES}b",
            "MatchingKeys": [f"{INTERFACES}b"],
        }
        assert waits["Targets"][0]["MatchingKeys"] == []
        assert changed["Targets"][1]["Relation"] == "derives"

    play(story)


def test_one_moment_of_a_timeline_and_of_everything() -> None:
    async def story(site: Site) -> None:
        start = time.time_ns()
        await site.put("a")
        then = time.time_ns()
        await site.put("b")

        key = f"/scheduler/key-timeline?key={INTERFACES}a"
        before, at = await site.data(f"{key}&time={start}"), await site.data(f"{key}&time={then}")
        snapshot = await site.data(f"/scheduler/graph-snapshot?time={then}")
        now = await site.data("/scheduler/graph-snapshot")

        assert before is None
        assert at["Key"] == f"{INTERFACES}a"
        assert {node["Label"] for node in snapshot} == {"a", ""}
        assert {node["Label"] for node in now} == {"a", "b", ""}
        assert await site.data("/scheduler/key-timeline?key=nosuch") is None

    play(story)


def test_flags_are_counted_over_all_that_is_recorded() -> None:
    async def story(site: Site) -> None:
        await site.put("a", {"name": "b", "hostIfName": "c"})

        states = await site.data("/scheduler/flag-stats?flag=value-state")
        below = await site.data(f"/scheduler/flag-stats?flag=value-state&prefix={INTERFACES}")
        derived = await site.data("/scheduler/flag-stats?flag=derived")

        assert states["PerValueCount"] == {"CONFIGURED": 2, "PENDING": 2}
        assert below == {"TotalCount": 2, "PerValueCount": {"CONFIGURED": 1, "PENDING": 1}}
        assert set(derived["PerValueCount"]) == {f"{INTERFACES}a", f"{INTERFACES}b"}

    play(story)


def test_a_picture_of_then_and_of_now() -> None:
    async def story(site: Site) -> None:
        number = (await site.put({"name": "a", "hostIfName": "b"})).data["SeqNum"]
        await site.put("b")

        then = (await site.get(f"/scheduler/graph?format=dot&txn={number}")).text
        now = (await site.get("/scheduler/graph?format=raw")).text
        mermaid = (await site.get("/scheduler/graph?format=mermaid")).text
        svg = await site.get("/scheduler/graph")

        assert 'tooltip="PENDING"' in then
        assert 'tooltip="not there"' in then
        assert 'tooltip="PENDING"' not in now
        assert mermaid.startswith("flowchart")
        assert svg.status in (200, 501)
        assert "graphviz" in svg.text if svg.status == 501 else "<svg" in svg.text

    play(story)
