# SPDX-License-Identifier: Apache-2.0
"""The model cnf.nsm on the wire: the predecessor's numbers and names, and the webinar's files."""

from __future__ import annotations

from google.protobuf import json_format

from kvs_proto.cnf.nsm.nsm_pb2 import (
    DEFAULT_INTERFACE,
    KERNEL_INTERFACE,
    MEM_INTERFACE,
    ConnectionLabel,
    NetworkServiceClient,
    NetworkServiceEndpoint,
)


def fields(message: type[NetworkServiceClient | NetworkServiceEndpoint]) -> dict[int, str]:
    return {field.number: field.name for field in message.DESCRIPTOR.fields}


def test_the_fields_have_the_predecessors_numbers() -> None:
    assert fields(NetworkServiceClient) == {
        1: "name",
        2: "network_service",
        3: "outgoing_labels",
        4: "interface_name",
        5: "interface_type",
        6: "ip_addresses",
        7: "phys_address",
    }
    assert fields(NetworkServiceEndpoint) == {
        1: "name",
        2: "network_service",
        3: "advertised_labels",
        4: "single_client",
        5: "interface_name_prefix",
        6: "interface_name_suffix_from_label",
        7: "interface_type",
        8: "ip_addresses",
        9: "phys_address",
    }
    assert (DEFAULT_INTERFACE, KERNEL_INTERFACE, MEM_INTERFACE) == (0, 1, 3)


def test_both_ways_of_writing_a_field_are_read() -> None:
    camel = json_format.ParseDict(
        {"networkService": "ns", "ipAddresses": ["10.0.0.1/24"], "interfaceType": 3},
        NetworkServiceClient(),
    )
    snake = json_format.ParseDict(
        {
            "network_service": "ns",
            "ip_addresses": ["10.0.0.1/24"],
            "interface_type": "MEM_INTERFACE",
        },
        NetworkServiceClient(),
    )

    assert camel == snake


def test_the_webinars_client_is_read() -> None:
    data = {
        "name": "access-to-cnf-network",
        "network_service": "cnf-nat-example",
        "outgoing_labels": [{"key": "app", "value": "client"}],
        "interface_name": "tap0",
        "interface_type": "KERNEL_INTERFACE",
        "ipAddresses": ["192.168.100.10/24"],
    }

    read = json_format.ParseDict(data, NetworkServiceClient())

    assert read == NetworkServiceClient(
        name="access-to-cnf-network",
        network_service="cnf-nat-example",
        outgoing_labels=[ConnectionLabel(key="app", value="client")],
        interface_name="tap0",
        interface_type=KERNEL_INTERFACE,
        ip_addresses=["192.168.100.10/24"],
    )


def test_messages_go_by_the_names_that_the_predecessor_has_for_them() -> None:
    assert NetworkServiceClient.DESCRIPTOR.full_name == "upnp.NetworkServiceClient"
    assert NetworkServiceEndpoint.DESCRIPTOR.full_name == "upnp.NetworkServiceEndpoint"
