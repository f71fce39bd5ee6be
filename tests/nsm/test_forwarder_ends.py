# SPDX-License-Identifier: Apache-2.0
"""What a request means for the ends of its cable, and how namespaces are kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvs_agent.forwarder import ends
from kvs_agent.forwarder.finding import Inode, find
from kvs_agent.forwarder.kept import Kept
from kvs_descriptors.linux import syscalls
from kvs_descriptors.nsm import mechanisms
from kvs_descriptors.nsm.errors import BadMechanism, BadPath
from kvs_proto.networkservice.connection_pb2 import Connection, Mechanism
from tests.nsm.places import Place


@pytest.fixture
def kept(privileged: None, tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path / "kept")
    asyncio.run(made.begin([]))
    try:
        yield made
    finally:
        for one in made.folder.iterdir():
            with contextlib.suppress(OSError):
                syscalls.unmount(str(one))


def kernel(url: str, name: str = "nsm-1") -> Mechanism:
    return Mechanism(type=mechanisms.KERNEL, parameters={"inodeURL": url, "name": name})


def inode(path: Path) -> Inode:
    there = path.stat()
    return Inode(there.st_dev, there.st_ino)


@pytest.mark.parametrize(
    ("url", "namespace"),
    [
        ("file:///proc/12/ns/net", Path("/proc/12/ns/net")),
        ("file:///run/netns/a%20b", Path("/run/netns/a b")),
        ("inode://4/4026531833", Inode(4, 4026531833)),
    ],
)
def test_a_mechanism_says_where_its_end_is(url: str, namespace: Path | Inode) -> None:
    assert ends.end(kernel(url)) == ends.End("nsm-1", namespace)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/proc/12/ns/net",
        "http://x/proc/12/ns/net",
        "file://host/proc/12/ns/net",
        "file:///proc/self/ns/net",
        "file:///proc/thread-self/ns/net",
        "file:///proc/12/../self/ns/net",
        "file:///proc/12/ns/net%00",
        "inode://4",
        "inode://4/x",
    ],
)
def test_what_says_no_place_is_refused(url: str) -> None:
    with pytest.raises(BadMechanism):
        ends.end(kernel(url))


def test_a_client_that_was_started_anew_is_where_it_says_now() -> None:
    made = Connection(id="i", mechanism=kernel("file:///proc/1/ns/net"))

    found = ends.of_client(made, [kernel("file:///proc/2/ns/net")])

    assert dict(found.parameters) == {"inodeURL": "file:///proc/2/ns/net", "name": "nsm-1"}


def test_an_interface_without_a_name_gets_one_that_fits() -> None:
    found = ends.of_client(Connection(id="i" * 36), [kernel("file:///proc/2/ns/net", "")])

    mechanisms.check_interface_name(found.parameters["name"])
    assert found == ends.of_client(Connection(id="i" * 36), [kernel("file:///proc/2/ns/net", "")])


@pytest.mark.parametrize("identity", ["", "a/b", "-a", "a" * 101, "ä"])
def test_an_id_that_could_not_be_part_of_names_is_refused(identity: str) -> None:
    with pytest.raises(BadPath):
        ends.check_identity(Connection(id=identity))


def test_a_namespace_is_found_by_its_number(privileged: None) -> None:
    with Place() as place:
        assert find(inode(place.path)) == place.path
        wanted = inode(place.path)

    assert find(wanted) is None


def test_a_namespace_is_kept_as_long_as_somebody_is_in_it(kept: Kept) -> None:
    async def story() -> None:
        place = Place()
        by_file = await kept.enter(place.path)
        by_number = await kept.enter(inode(place.path))
        file = Path(kept.path(by_file))
        known = inode(file)

        place.end()

        assert by_file == by_number
        assert inode(file) == known
        assert find(known) == file
        kept.leave(by_file)
        assert find(known) == file
        kept.leave(by_file)
        assert find(known) is None
        assert list(kept.folder.iterdir()) == []

    asyncio.run(story())


def test_what_is_no_namespace_is_not_kept(kept: Kept, tmp_path: Path) -> None:
    async def story() -> None:
        for wrong in (tmp_path, Path("/dev/null"), tmp_path / "none", Inode(4, 1)):
            with pytest.raises(BadMechanism):
                await kept.enter(wrong)

        assert list(kept.folder.iterdir()) == []

    asyncio.run(story())


def test_what_nobody_wants_after_a_restart_is_let_go(kept: Kept) -> None:
    async def story() -> None:
        with Place() as one, Place() as other:
            names = [await kept.enter(place.path) for place in (one, other)]
            again = Kept(kept.folder)

            await again.begin([(names[0], one.path)])

            assert [file.name for file in kept.folder.iterdir()] == [names[0]]

    asyncio.run(story())


def test_a_name_that_has_gone_with_the_machine_comes_back(kept: Kept) -> None:
    async def story() -> None:
        with Place() as place:
            name = await kept.enter(place.path)
            syscalls.unmount(kept.path(name))
            again = Kept(kept.folder)

            await again.begin([(name, inode(place.path)), ("4-1", Inode(4, 1))])

            assert find(inode(place.path)) is not None
            assert inode(Path(kept.path(name))) == inode(place.path)

    asyncio.run(story())
