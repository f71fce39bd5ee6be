# SPDX-License-Identifier: Apache-2.0
"""Mechanisms: what is offered, chosen and read; sockets never leave their folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvs_descriptors.nsm import mechanisms
from kvs_descriptors.nsm.errors import BadMechanism
from kvs_descriptors.nsm.mechanisms import KERNEL, MEMIF, Kernel, Memif
from kvs_proto.networkservice.connection_pb2 import Connection, Mechanism

NETNS = Path("/proc/1234/ns/net")
PARTS = st.sampled_from(["..", ".", "a", "socks", "link", "%2e%2e", "\0", "é", "x" * 40])
FILES = st.lists(PARTS, max_size=6).map("/".join)


def offer(kind: str, **parameters: str) -> Mechanism:
    return Mechanism(cls="LOCAL", type=kind, parameters=parameters)


@given(st.text(max_size=20))
def test_an_interfaces_name_is_one_that_the_kernel_takes(name: str) -> None:
    try:
        made = mechanisms.kernel(name, NETNS)
    except BadMechanism:
        assert mechanisms_refuse(name)
        return

    assert 0 < len(name.encode()) <= 15
    assert mechanisms.read_kernel(made) == Kernel(name, "file:///proc/1234/ns/net")


def mechanisms_refuse(name: str) -> bool:
    """Tell whether one of the rules is broken, put otherwise than in the code."""
    is_long = not 0 < len(name.encode(errors="surrogatepass")) <= 15
    has_bad_letters = any(c in "/:%" or c.isspace() or not c.isprintable() for c in name)
    return is_long or has_bad_letters or name in {".", ".."}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILES, st.booleans())
def test_a_socket_never_leaves_its_folder(tmp_path: Path, file: str, is_url: bool) -> None:
    folder, outside = tmp_path / "socks", tmp_path / "outside"
    folder.mkdir(exist_ok=True)
    outside.mkdir(exist_ok=True)
    if not (folder / "link").is_symlink():
        (folder / "link").symlink_to(outside)
    told = {"inodeURL": f"file://{folder}/{file}"} if is_url else {"socketfile": file}

    try:
        found = mechanisms.read_memif(offer(MEMIF, **told), folder)
    except BadMechanism:
        return

    assert Path(found.socket).resolve().is_relative_to(folder.resolve())
    assert found.socket != str(folder.resolve())


@pytest.mark.parametrize(
    "told",
    [
        {"inodeURL": "file:///etc/passwd"},
        {"inodeURL": "http://somewhere/socket"},
        {"inodeURL": "file://host/socket"},
        {"inodeURL": "inode://4/4026531833"},
        {"socketfile": "../socket"},
        {"socketfile": "/run/other.sock"},
        {"socketfile": "@" + "x" * 200},
        {},
    ],
)
def test_sockets_of_others_are_refused(tmp_path: Path, told: dict[str, str]) -> None:
    with pytest.raises(BadMechanism):
        mechanisms.read_memif(offer(MEMIF, **told), tmp_path)


def test_a_socket_is_found_by_its_url_or_below_the_folder(tmp_path: Path) -> None:
    made = mechanisms.memif(tmp_path / "a b" / "memif.sock")

    assert mechanisms.read_memif(made, tmp_path) == Memif(str(tmp_path / "a b" / "memif.sock"))
    relative = mechanisms.read_memif(offer(MEMIF, socketfile="c/memif.sock"), tmp_path)
    assert relative == Memif(str(tmp_path / "c" / "memif.sock"))


def test_an_abstract_socket_has_no_folder(tmp_path: Path) -> None:
    told = offer(MEMIF, socketfile="@/tmp/memif/1/memif.socket", inodeURL="file:///proc/1/ns/net")

    found = mechanisms.read_memif(told, tmp_path)

    assert found == Memif("@/tmp/memif/1/memif.socket", "file:///proc/1/ns/net")
    assert found.is_abstract


def test_what_a_connection_has_counts_more_than_what_is_offered() -> None:
    had = offer(KERNEL, name="old")
    offered = [offer(MEMIF), offer(KERNEL, name="new")]

    assert mechanisms.chosen(Connection(mechanism=had), offered, KERNEL) == had
    assert mechanisms.chosen(Connection(), offered, KERNEL).parameters["name"] == "new"
    with pytest.raises(BadMechanism, match="offered: KERNEL"):
        mechanisms.chosen(Connection(mechanism=had), offered, MEMIF)
    with pytest.raises(BadMechanism, match="offered: none"):
        mechanisms.chosen(Connection(), [], MEMIF)


def test_a_remote_mechanism_is_not_for_us() -> None:
    remote = Mechanism(cls="REMOTE", type=KERNEL)

    with pytest.raises(BadMechanism):
        mechanisms.chosen(Connection(), [remote], KERNEL)


def test_one_kind_is_not_read_as_the_other(tmp_path: Path) -> None:
    with pytest.raises(BadMechanism, match="not KERNEL"):
        mechanisms.read_kernel(offer(MEMIF))
    with pytest.raises(BadMechanism, match="not set, not MEMIF"):
        mechanisms.read_memif(Mechanism(), tmp_path)
