# SPDX-License-Identifier: Apache-2.0
"""What a descriptor returns amiss is told without the secrets in it."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message_factory import GetMessageClass

from kvscheduler import Derived, Retrieved
from tests.engine.stage import Keyed, Stage, act


def secret() -> Any:
    """Return a message with a secret in it."""
    file = FileDescriptorProto(name="word.proto", package="word", syntax="proto3")
    word = file.message_type.add(name="Word").field.add(name="word", number=1, type=9, label=1)
    word.options.debug_redact = True
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("word.Word"))(word="geheim")


ITEMS = [secret(), Derived(7, secret())]  # type: ignore[arg-type]  # as it should not be


@pytest.mark.parametrize("item", ITEMS)
def test_nonsense_that_is_derived(item: object, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Keyed("a")
    monkeypatch.setattr(one, "derived", lambda _key, _value: [item])

    async def story(stage: Stage) -> None:
        transaction = stage.scheduler.transaction()
        transaction.set("a/1", {})
        why = transaction.plan().invalid["a/1"]

        assert "(secret)" in why
        assert "geheim" not in why

    act(story, one)


@pytest.mark.parametrize("item", [secret(), Retrieved("b/1", secret())])
def test_nonsense_that_is_retrieved(
    item: object, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one = Keyed("a")
    monkeypatch.setattr(one, "retrieve", lambda _expected, _keys=None: [item])

    async def story(stage: Stage) -> None:
        await stage.scheduler.refresh()

    act(story, one)

    assert "nonsense" in caplog.text
    assert "geheim" not in caplog.text
