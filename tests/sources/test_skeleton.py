# SPDX-License-Identifier: Apache-2.0
"""Files to be filled in: every model's is read back, and leaves no field out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kvs_agent import shape
from kvs_agent.models import MODELS, Model
from kvs_agent.sources import yaml_guard
from kvs_agent.sources.skeleton import name_of, named, skeleton
from ligato.configurator.configurator_pb2 import Config


def every(message: Any) -> Iterator[str]:
    for field in message.fields:
        yield field.name
        if field.message_type is not None:
            yield from every(field.message_type)


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_a_file_to_be_filled_in_has_the_shape_of_a_configuration(model: Model) -> None:
    document = yaml_guard.parse(skeleton(model).encode(), "new.yaml")

    root: Any = Config.DESCRIPTOR

    assert list(shape.faults(document.data, root)) == []


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_it_has_every_field_of_the_model(model: Model) -> None:
    words = {line.strip("-# ").partition(":")[0] for line in skeleton(model).splitlines()}

    assert words >= set(every(model.message.DESCRIPTOR))


def test_of_what_excludes_each_other_the_first_is_there_and_the_others_are_comments() -> None:
    lines = skeleton(named("interface")[0]).splitlines()

    assert "      veth:" in lines
    assert "      # bridge:" in lines
    assert '      #     - name: ""' in lines


@pytest.mark.parametrize("name", ["linux.l3.Route", "ligato.linux.l3.route", "l3.route", "ROUTE"])
def test_a_model_is_known_by_its_name_or_the_end_of_it(name: str) -> None:
    assert [name_of(one) for one in named(name)] == ["linux.l3.Route"]


def test_another_name_is_nobodys() -> None:
    assert named("oute") == named("") == []
