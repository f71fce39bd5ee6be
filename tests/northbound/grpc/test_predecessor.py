# SPDX-License-Identifier: Apache-2.0
"""Messages as the predecessor's own agent and client put them on the wire, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format

from ligato.configurator import configurator_pb2
from ligato.generic import manager_pb2, meta_pb2
from ligato.kvscheduler import value_status_pb2
from ligato.linux.interfaces import state_pb2

SEEN: list[tuple[Any, str, dict[str, Any]]] = [
    (
        configurator_pb2.UpdateRequest,
        "0a1c121aaa01170a05766574683110031a0c31302e36322e302e302f31361801",
        {
            "update": {
                "linuxConfig": {
                    "routes": [
                        {
                            "outgoingInterface": "veth1",
                            "scope": "LINK",
                            "dstNetwork": "10.62.0.0/16",
                        }
                    ]
                }
            },
            "waitDone": True,
        },
    ),
    (
        configurator_pb2.DeleteRequest,
        "0a1c121aaa01170a05766574683110031a0c31302e36302e302e302f31361801",
        {
            "delete": {
                "linuxConfig": {
                    "routes": [
                        {
                            "outgoingInterface": "veth1",
                            "scope": "LINK",
                            "dstNetwork": "10.60.0.0/16",
                        }
                    ]
                }
            },
            "waitDone": True,
        },
    ),
    (
        manager_pb2.GetConfigRequest,
        "0a230a1a6c696e75782e696e74657266616365732e696e7465726661636512057665746831",
        {"ids": [{"model": "linux.interfaces.interface", "name": "veth1"}]},
    ),
    (
        manager_pb2.GetConfigRequest,
        "12080a03617070120178",
        {"labels": {"app": "x"}},
    ),
    (
        manager_pb2.SetConfigResponse,
        (
            "0a1b0a067365716e756d1a110a0b4e4f4e4558495354454e54120235330a2d0a1c636f6e6669672f6c696e75"
            "782f6c332f76322f726f7574652f7a7a7a1a0d0a0b4e4f4e4558495354454e54"
        ),
        {
            "results": [
                {"key": "seqnum", "status": {"status": "NONEXISTENT", "message": "53"}},
                {"key": "config/linux/l3/v2/route/zzz", "status": {"status": "NONEXISTENT"}},
            ]
        },
    ),
    (
        meta_pb2.ProtoFileDescriptorRequest,
        "0a246c696761746f2f6c696e75782f69707461626c65732f69707461626c65732e70726f746f",
        {"fullProtoFileName": "ligato/linux/iptables/iptables.proto"},
    ),
]


@pytest.mark.parametrize(("kind", "raw", "meaning"), SEEN)
def test_what_was_seen_on_the_wire_means_the_same_here(
    kind: Any, raw: str, meaning: dict[str, Any]
) -> None:
    message = kind.FromString(bytes.fromhex(raw))

    assert json_format.MessageToDict(message) == meaning
    assert message.SerializeToString(deterministic=True).hex() == raw


NUMBERS: list[tuple[Any, dict[str, int]]] = [
    (configurator_pb2.Config, {"linux_config": 2, "netalloc_config": 3, "nsm_config": 100}),
    (configurator_pb2.Notification, {"linux_notification": 2}),
    (configurator_pb2.NotifyRequest, {"idx": 1, "filters": 2}),
    (configurator_pb2.NotifyResponse, {"next_idx": 1, "notification": 2}),
    (manager_pb2.UpdateResult, {"key": 1, "op": 2, "status": 3, "id": 4}),
    (manager_pb2.ConfigItem, {"item": 1, "status": 2, "labels": 3}),
    (manager_pb2.StateItem, {"item": 1, "metadata": 2}),
    (meta_pb2.KnownModelsResponse, {"known_models": 1, "active_modules": 2}),
    (
        value_status_pb2.ValueStatus,
        {"key": 1, "state": 2, "error": 3, "last_operation": 4, "details": 5},
    ),
    (
        state_pb2.InterfaceState,
        {
            "name": 1,
            "internal_name": 2,
            "type": 3,
            "if_index": 4,
            "admin_status": 5,
            "oper_status": 6,
            "last_change": 7,
            "phys_address": 8,
            "speed": 9,
            "mtu": 10,
            "statistics": 100,
        },
    ),
]


@pytest.mark.parametrize(("kind", "numbers"), NUMBERS)
def test_fields_have_the_predecessors_numbers(kind: Any, numbers: dict[str, int]) -> None:
    assert {field.name: field.number for field in kind.DESCRIPTOR.fields} == numbers


def test_what_is_to_come_keeps_its_numbers_free() -> None:
    for kind in (configurator_pb2.Config, configurator_pb2.Notification):
        described: Any = kind.DESCRIPTOR
        assert 1 not in described.fields_by_number
