# SPDX-License-Identifier: Apache-2.0
"""Named network namespaces on the real kernel."""

from __future__ import annotations

import asyncio
import pathlib
import subprocess

import pytest

from kvs_descriptors.linux import NamespaceGone, Refused, keys, syscalls
from kvscheduler import Origin
from tests.linux.bench import Bench, namespace


def test_a_namespace_is_made_marked_found_and_removed(bench: Bench) -> None:
    async def scenario() -> None:
        await bench.make(namespace("one"))
        found = await bench.retrieve("linux-namespace")

        assert found[keys.namespace("one")].origin is Origin.NORTHBOUND
        assert bench.ip("one", "link", "show", "lo")[0]["flags"] == ["LOOPBACK", "UP", "LOWER_UP"]

        await bench.delete(namespace("one"))

        assert bench.listing() == set()
        assert await bench.retrieve("linux-namespace", namespace("one")) == {}

    bench.run(scenario())


def test_making_and_removing_twice_is_as_good_as_once(bench: Bench) -> None:
    async def scenario() -> None:
        await bench.make(namespace("one"))
        first = inode(bench, "one")
        await bench.make(namespace("one"))

        assert inode(bench, "one") == first

        await bench.delete(namespace("one"))
        await bench.delete(namespace("one"))

        assert bench.listing() == set()

    bench.run(scenario())


def test_a_namespace_that_others_made_is_used_but_never_removed(bench: Bench) -> None:
    async def scenario() -> None:
        await bench.make(namespace("ours"))
        others_make(bench, "theirs")

        await bench.make(namespace("theirs"))
        found = await bench.retrieve("linux-namespace", namespace("theirs"))
        await bench.delete(namespace("theirs"))

        assert found[keys.namespace("theirs")].origin is Origin.SOUTHBOUND
        assert bench.listing() == {"ours", "theirs"}
        assert bench.ip("theirs", "link", "show", "lo")

    bench.run(scenario())


def test_another_owners_namespace_is_not_ours(bench: Bench) -> None:
    async def scenario() -> None:
        await bench.make(namespace("one"))
        mark, bench.kernel.namespaces.mark = bench.kernel.namespaces.mark, "another.netns"
        bench.kernel.forget("one")

        assert await bench.retrieve("linux-namespace") == {}

        await bench.delete(namespace("one"))
        bench.kernel.namespaces.mark = mark

        assert keys.namespace("one") in await bench.retrieve("linux-namespace")

    bench.run(scenario())


def test_the_file_that_a_crash_leaves_is_ours_and_in_nobodys_way(bench: Bench) -> None:
    async def scenario() -> None:
        await bench.make(namespace("one"))
        syscalls.unmount(bench.path("one"))
        leave_file(bench, "stranger")

        assert content(bench, "one") == bench.kernel.namespaces.mark
        assert await bench.retrieve("linux-namespace", namespace("one")) == {}

        await bench.make(namespace("one"))
        await bench.delete(namespace("one"))
        bench.kernel.namespaces.sweep("stranger")

        assert bench.listing() == {"stranger"}

    bench.run(scenario())


def test_a_name_that_is_a_link_leads_nowhere(bench: Bench) -> None:
    async def scenario() -> None:
        await bench.make(namespace("one"))
        leave_link(bench, "trap")

        with pytest.raises(OSError, match="there is no network namespace trap"):
            await bench.kernel.channel("trap")

    bench.run(scenario())


@pytest.mark.parametrize("is_link", [False, True])
def test_what_is_in_the_way_of_a_namespace_is_named_and_left(bench: Bench, is_link: bool) -> None:
    there = bench.folder / "one"
    if is_link:
        there.symlink_to("/etc/hostname")
    else:
        there.write_text("somebody's")

    async def scenario() -> None:
        with pytest.raises(Refused, match=f"{there}: what is there is no network namespace"):
            await bench.make(namespace("one"))
        await bench.delete(namespace("one"))
        assert await bench.retrieve("linux-namespace", namespace("one")) == {}

    bench.run(scenario())
    assert bench.listing() == {"one"}
    assert there.is_symlink() is is_link


def test_the_threads_of_the_loop_never_enter_a_namespace(bench: Bench) -> None:
    async def scenario() -> None:
        home = own_namespace()
        seen = set()

        async def look() -> None:
            for _ in range(200):
                seen.add(own_namespace())
                seen.add(await asyncio.to_thread(own_namespace))

        await asyncio.gather(look(), *(bench.make(namespace(f"n{i}")) for i in range(8)))
        channel = await bench.kernel.channel("n3")

        assert seen == {home}
        assert channel.identity[1] == inode(bench, "n3")

    bench.run(scenario())


def test_a_name_that_stands_for_another_namespace_is_looked_up_again(bench: Bench) -> None:
    async def scenario() -> None:
        await bench.make(namespace("one"))
        before = await bench.kernel.channel("one")
        syscalls.unmount(bench.path("one"))
        remove_file(bench, "one")

        # Once in each turn of the event loop.
        await asyncio.sleep(0)
        with pytest.raises(NamespaceGone):
            await bench.kernel.channel("one")

        others_make(bench, "one")
        after = await bench.kernel.channel("one")

        # The old one is gone by then, so the new one may well have its inode.
        assert after is not before
        assert before.netns_fd == -1
        assert after.netns_fd >= 0

    bench.run(scenario())


def others_make(bench: Bench, name: str) -> None:
    """Make a namespace as iproute2 does, which knows no other folder than its own."""
    pathlib.Path(bench.path(name)).touch()
    subprocess.run(["unshare", f"--net={bench.path(name)}", "true"], check=True)


def own_namespace() -> str:
    return str(pathlib.Path("/proc/thread-self/ns/net").readlink())


def inode(bench: Bench, name: str) -> int:
    return pathlib.Path(bench.path(name)).stat().st_ino


def content(bench: Bench, name: str) -> str:
    return pathlib.Path(bench.path(name)).read_text()


def remove_file(bench: Bench, name: str) -> None:
    pathlib.Path(bench.path(name)).unlink()


def leave_link(bench: Bench, name: str) -> None:
    pathlib.Path(bench.path(name)).symlink_to("/proc/self/ns/net")


def leave_file(bench: Bench, name: str) -> None:
    pathlib.Path(bench.path(name)).write_text("mine")
