# SPDX-License-Identifier: Apache-2.0
"""Secrets: what a field marked ``debug_redact`` holds stands in no output, log or error."""

from __future__ import annotations

import asyncio
import logging
import stat
import tarfile
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message_factory import GetMessageClass

import kvs_agent.wiring
from kvs_agent.cli import main
from kvs_agent.past import Past
from kvscheduler import (
    Depends,
    Derived,
    Descriptor,
    InvalidValue,
    Origin,
    Retrieved,
    Scheduler,
    TransactionError,
)

SECRET, OTHER = "geheim-1", "geheim-2"
HIDDEN = "(secret)"

Told = Callable[..., str]


def _login() -> type[Any]:
    """Return a class of messages one of whose fields is marked as secret."""
    file = FileDescriptorProto(name="kvs_secret.proto", package="kvs_secret", syntax="proto3")
    login = file.message_type.add(name="Login")
    login.field.add(name="user", number=1, type=FieldDescriptorProto.TYPE_STRING, label=1)
    code = login.field.add(name="code", number=2, type=FieldDescriptorProto.TYPE_STRING, label=1)
    code.options.debug_redact = True
    login.field.add(name="door", number=3, type=11, label=3, type_name=".kvs_secret.Login")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("kvs_secret.Login"))


Login = _login()
Login.__module__ = __name__  # where a journal finds it


class Logins(Descriptor[Any, None]):
    """Logins with doors: what is there is in ``world``, and "bad" ones are refused."""

    name, key_prefix = "login", "login/"

    def __init__(self, world: dict[str, Any]) -> None:
        self.world = world

    def validate(self, key: str, value: Any) -> None:
        if value.user == "nobody":
            raise InvalidValue("nobody has no code", ("code",))

    def dependencies(self, key: str, value: Any) -> Iterable[Depends]:
        return [Depends("login/host")] if value.user == "guest" else []

    def derived(self, key: str, value: Any) -> Iterable[Derived]:
        return [Derived(f"login/{one.user}", one) for one in value.door]

    def requires_recreate(self, key: str, old: Any, new: Any, metadata: None) -> bool:
        return bool(old.user != new.user)

    def create(self, key: str, value: Any) -> None:
        if value.user == "bad":
            raise ValueError("refused")
        self.world[key] = value

    def update(self, key: str, old: Any, new: Any, metadata: None) -> None:
        self.create(key, new)

    def delete(self, key: str, value: Any, metadata: None) -> None:
        self.world.pop(key, None)

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        for key, value in self.world.items():
            yield Retrieved(key, value, None, Origin.NORTHBOUND)


WANTED = {
    "login/me": Login(user="me", code=SECRET, door=[Login(user="door", code=SECRET)]),
    "login/guest": Login(user="guest", code=SECRET),
    "login/bad": Login(user="bad", code=SECRET),
    "login/nobody": Login(user="nobody", code=SECRET),
}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Have kvsctl work on logins in place of Linux networking, with its state here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KVSCTL_STATE", str(tmp_path / "state.db"))
    there: dict[str, Any] = {}

    def scheduler(state: Path | None, **_: Any) -> Scheduler:
        return Scheduler([Logins(there)], journal=state, recover=False)

    monkeypatch.setattr(kvs_agent.wiring, "linux_scheduler", scheduler)
    return there


@pytest.fixture
def told(
    world: dict[str, Any], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Told:
    """Return what kvsctl prints and logs, at its most talkative."""
    caplog.set_level(logging.DEBUG)
    asyncio.run(change(Path("state.db"), world))

    def tell(*arguments: str) -> str:
        caplog.clear()
        main(["--verbose", *arguments])
        shown = capfd.readouterr()
        return shown.out + shown.err + caplog.text

    capfd.readouterr()
    return tell


async def change(state: Path, world: dict[str, Any]) -> str:
    """Do all that can be done to values, and return what errors say."""
    said = []
    async with Scheduler([Logins(world)], journal=state, recover=False) as scheduler:
        for code in (SECRET, OTHER):
            transaction = scheduler.transaction()
            for key, value in WANTED.items():
                changed = type(value)()
                changed.CopyFrom(value)
                changed.code = code
                transaction.set(key, changed)
            said.append(transaction.plan().render(color=True))
            result = await transaction.commit()
            Past(state).add(result)
            with pytest.raises(TransactionError) as failed:
                result.check()
            errors = [failed.value, *result.errors.values()]
            said += [line for error in errors for line in traceback.format_exception(error)]
    world["login/me"] = Login(user="you", code=OTHER)
    world["login/stray"] = Login(user="stray", code=SECRET)
    return "\n".join(said)


def clean(text: str) -> bool:
    return SECRET not in text and OTHER not in text


def test_no_plan_and_no_error_holds_a_secret(
    world: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    said = asyncio.run(change(Path("state.db"), world))

    assert HIDDEN in said
    assert "nobody has no code" in said
    assert clean(said + caplog.text)


@pytest.mark.parametrize(
    "line",
    [
        *(
            "get",
            "get --json",
            "get --view configured",
            "get --view live",
            "get --view live --json",
        ),
        *("diff", "diff --json", "repair", "repair --color always", "destroy --yes"),
        *("history --of 1 --json", "history --of 2 --json"),
        *("timeline login/me --json", "timeline login/bad --json"),
    ],
)
def test_where_values_are_shown_a_secret_is_said_to_be_one(told: Told, line: str) -> None:
    shown = told(*line.split())

    assert "login/" in shown
    assert HIDDEN in shown or line == "destroy --yes"
    assert clean(shown)


@pytest.mark.parametrize(
    "line",
    [
        *("diff --dot", "diff --mermaid", "graph", "graph --json", "graph --dot"),
        *("explain login/me", "explain login/guest", "explain login/bad", "explain login/nobody"),
        *("history", "history --json", "history --of 1"),
        *("timeline login/me", "timeline login/door", "timeline login/bad"),
    ],
)
def test_what_shows_no_values_shows_no_secret(told: Told, line: str) -> None:
    shown = told(*line.split())

    assert clean(shown)


def test_a_report_holds_no_secret(told: Told) -> None:
    told("report")

    with tarfile.open("kvsctl-report.tar.gz") as archive:
        opened = [archive.extractfile(entry) for entry in archive.getmembers()]
        packed = "\n".join(one.read().decode() for one in opened if one is not None)
    assert packed.count(HIDDEN) > 5
    assert clean(packed)


def test_what_has_to_keep_secrets_is_for_its_owner_alone(told: Told) -> None:
    files = sorted(Path().glob("state.db*"))

    assert SECRET.encode() not in Path("state.db.history").read_bytes()
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
