# SPDX-License-Identifier: Apache-2.0
"""The whole story: files, two agents, a cable between them; and whoever is killed in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nsm.story import Killable, Story, eventually, kill, start

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "nsm"
CLIENT = (EXAMPLES / "client.yaml").read_text(encoding="utf-8")
ENDPOINT = (EXAMPLES / "endpoint.yaml").read_text(encoding="utf-8")
OUTSIDE = "80.80.80.80"

PARTS = ("client", "nat", "manager", "registry", "forwarder")


@pytest.fixture
def story(built: None, privileged: None, tmp_path: Path) -> Iterator[Story]:
    with Story(tmp_path) as made:
        made.agent("nat", endpoint=ENDPOINT)
        made.agent("client", client=CLIENT)
        yield made


def is_whole(story: Story) -> bool:
    """Tell whether there is one connection, one cable, and packets go through it."""
    client, nat = story.agents["client"].place, story.agents["nat"].place
    return (
        story.is_up(1)
        and client.names() == {"tap0"}
        and nat.names() == {"access0"}
        and client.addresses("tap0") == {"192.168.100.10/24"}
        and client.pings(OUTSIDE)
    )


def test_whoever_is_killed_packets_go_through_in_the_end(story: Story) -> None:
    parts: dict[str, Killable] = {
        **story.agents,
        "manager": story.manager,
        "registry": story.registry,
        "forwarder": story.forwarder,
    }
    client, nat = story.agents["client"], story.agents["nat"]
    eventually(lambda: is_whole(story), story, "the connection")

    for names in [*itertools.combinations(PARTS, 1), *itertools.combinations(PARTS, 2)]:
        killed = [parts[name] for name in names]
        kill(*killed)
        if not {"nat", "forwarder"} & set(names):
            # It is the kernel that carries packets. Where an endpoint goes, or the way to it, the
            # client is told that its connection is down, and looks for another one.
            assert client.place.pings(OUTSIDE), names
        start(killed)
        eventually(lambda: is_whole(story), story, f"all of it after {names}")

    client.tell("client.yaml", None)
    eventually(lambda: not client.place.names(), story, "the end of the cable")
    eventually(lambda: story.connections() == [], story, "the end of the connection")
    assert nat.place.names() == set()
    assert story.forwarder.kept == []
