# SPDX-License-Identifier: Apache-2.0
"""Keys that tell of advertised labels, read again as they were written; and who tells them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_descriptors.nsm import notifications
from kvs_descriptors.nsm.notifications import Advertised, Notifier
from kvs_proto.cnf.nsm.nsm_pb2 import NetworkServiceEndpoint
from tests.nsm.hosting import Host, endpoint, labels
from tests.nsm.mesh import Mesh
from tests.nsm.serving import until

TEXTS = st.text(alphabet=st.one_of(st.sampled_from("a/%25F. é"), st.characters(codec="utf-8")))
NAMES = TEXTS.filter(bool)
WEB = f"{notifications.PREFIX}ns-test/label/app/web"


@given(st.builds(Advertised, NAMES, NAMES, TEXTS))
def test_what_is_written_is_read_again(told: Advertised) -> None:
    key = notifications.key(told)

    assert notifications.parse(key) == told
    assert key.count("/") == notifications.PREFIX.count("/") + 3


@given(st.one_of(TEXTS, TEXTS.map(lambda text: notifications.PREFIX + text)))
def test_what_is_read_is_written_so(text: str) -> None:
    told = notifications.parse(text)

    assert told is None or notifications.key(told) == text


@pytest.mark.parametrize(
    ("told", "key"),
    [
        (Advertised("ns", "app", "web"), "ns/label/app/web"),
        (Advertised("ns", "app.kubernetes.io/name", "a"), "ns/label/app.kubernetes.io%2Fname/a"),
        (Advertised("ns", "full", "50%"), "ns/label/full/50%25"),
        (Advertised("ns", "empty", ""), "ns/label/empty/"),
        (Advertised("ns", "label", "label"), "ns/label/label/label"),
    ],
)
def test_keys_are_the_predecessors_but_for_slashes_and_percents(
    told: Advertised, key: str
) -> None:
    assert notifications.key(told) == notifications.PREFIX + key
    assert notifications.parse(notifications.PREFIX + key) == told


@pytest.mark.parametrize(
    "text",
    [
        "",
        "notification/nsm/endpoint/",
        "ns/label/app/web",
        f"{notifications.PREFIX}ns/label/app.kubernetes.io/name/web",  # which slash is whose?
        f"{notifications.PREFIX}ns/labels/app/web",
        f"{notifications.PREFIX}ns/label//web",
        f"{notifications.PREFIX}/label/app/web",
        f"{notifications.PREFIX}ns/label/app",
        f"{notifications.PREFIX}ns/label/app/50%",
        f"{notifications.PREFIX}ns/label/app/a%2fb",
    ],
)
def test_what_we_would_not_write_is_not_read(text: str) -> None:
    assert notifications.parse(text) is None


def test_two_endpoints_that_advertise_the_same_share_a_key() -> None:
    told: list[tuple[str, bool]] = []
    notifier = Notifier(lambda key, data: told.append((key, data is not None)))
    one, other = endpoint(advertised_labels=labels(app="web")), endpoint(name="other")
    other.advertised_labels.extend(labels(app="web", tier="1"))
    tier = f"{notifications.PREFIX}ns-test/label/tier/1"

    notifier.tell("web", one)
    notifier.tell("web", one)
    notifier.tell("other", other)
    notifier.tell("web", None)
    notifier.tell("web", None)
    notifier.tell("other", None)

    assert told[0] == (WEB, True)
    assert told.count((WEB, False)) == 1
    assert sorted(told[-2:]) == [(WEB, False), (tier, False)]


def test_each_label_of_a_registered_endpoint_is_published_until_it_goes(
    mesh: Mesh, tmp_path: Path
) -> None:
    async def story() -> None:
        async with Host.at(mesh, tmp_path).running() as hosted:
            value = endpoint(advertised_labels=labels(app="web", tier="1"))
            await hosted.put(value)
            await until(lambda: len(hosted.published) == 2)
            said = json.loads(hosted.published[WEB])
            assert (said["name"], said["networkService"]) == ("web", "ns-test")

            await hosted.put(endpoint(advertised_labels=labels(app="web")))
            await until(lambda: list(hosted.published) == [WEB])

            await hosted.drop()
            assert hosted.published == {}

    asyncio.run(story())


def test_what_is_not_registered_is_not_published(mesh: Mesh, tmp_path: Path) -> None:
    async def story() -> None:
        mesh.manager.kill()
        async with Host.at(mesh, tmp_path).running() as hosted:
            await hosted.put(endpoint(advertised_labels=labels(app="web")))
            await hosted.until_failed()

            assert hosted.published == {}

    asyncio.run(story())


def test_addresses_are_nobody_elses_business() -> None:
    said: dict[str, bytes | None] = {}
    value = endpoint(single_client=True, ip_addresses=["10.0.0.1/24"])
    value.advertised_labels.extend(labels(app="web"))

    Notifier(said.__setitem__).tell("web", value)

    assert json.loads(said[WEB] or b"") == {
        "name": "web",
        "networkService": "ns-test",
        "advertisedLabels": [{"key": "app", "value": "web"}],
    }
    assert isinstance(value, NetworkServiceEndpoint)
