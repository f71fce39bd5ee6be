# SPDX-License-Identifier: Apache-2.0
from ligato.linux.namespace import namespace_pb2 as _namespace_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Interface(_message.Message):
    __slots__ = ("name", "type", "namespace", "host_if_name", "enabled", "ip_addresses", "phys_address", "mtu", "link_only", "vrf_master_interface", "ipv4_forwarding", "veth", "tap", "vrf_dev", "bridge")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNDEFINED: _ClassVar[Interface.Type]
        VETH: _ClassVar[Interface.Type]
        TAP_TO_VPP: _ClassVar[Interface.Type]
        LOOPBACK: _ClassVar[Interface.Type]
        EXISTING: _ClassVar[Interface.Type]
        VRF_DEVICE: _ClassVar[Interface.Type]
        DUMMY: _ClassVar[Interface.Type]
        BRIDGE: _ClassVar[Interface.Type]
    UNDEFINED: Interface.Type
    VETH: Interface.Type
    TAP_TO_VPP: Interface.Type
    LOOPBACK: Interface.Type
    EXISTING: Interface.Type
    VRF_DEVICE: Interface.Type
    DUMMY: Interface.Type
    BRIDGE: Interface.Type
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    HOST_IF_NAME_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    IP_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    PHYS_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    LINK_ONLY_FIELD_NUMBER: _ClassVar[int]
    VRF_MASTER_INTERFACE_FIELD_NUMBER: _ClassVar[int]
    IPV4_FORWARDING_FIELD_NUMBER: _ClassVar[int]
    VETH_FIELD_NUMBER: _ClassVar[int]
    TAP_FIELD_NUMBER: _ClassVar[int]
    VRF_DEV_FIELD_NUMBER: _ClassVar[int]
    BRIDGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: Interface.Type
    namespace: _namespace_pb2.NetNamespace
    host_if_name: str
    enabled: bool
    ip_addresses: _containers.RepeatedScalarFieldContainer[str]
    phys_address: str
    mtu: int
    link_only: bool
    vrf_master_interface: str
    ipv4_forwarding: bool
    veth: VethLink
    tap: TapLink
    vrf_dev: VrfDevLink
    bridge: BridgeLink
    def __init__(self, name: _Optional[str] = ..., type: _Optional[_Union[Interface.Type, str]] = ..., namespace: _Optional[_Union[_namespace_pb2.NetNamespace, _Mapping]] = ..., host_if_name: _Optional[str] = ..., enabled: bool = ..., ip_addresses: _Optional[_Iterable[str]] = ..., phys_address: _Optional[str] = ..., mtu: _Optional[int] = ..., link_only: bool = ..., vrf_master_interface: _Optional[str] = ..., ipv4_forwarding: bool = ..., veth: _Optional[_Union[VethLink, _Mapping]] = ..., tap: _Optional[_Union[TapLink, _Mapping]] = ..., vrf_dev: _Optional[_Union[VrfDevLink, _Mapping]] = ..., bridge: _Optional[_Union[BridgeLink, _Mapping]] = ...) -> None: ...

class VethLink(_message.Message):
    __slots__ = ("peer_if_name", "rx_checksum_offloading", "tx_checksum_offloading")
    class ChecksumOffloading(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CHKSM_OFFLOAD_DEFAULT: _ClassVar[VethLink.ChecksumOffloading]
        CHKSM_OFFLOAD_ENABLED: _ClassVar[VethLink.ChecksumOffloading]
        CHKSM_OFFLOAD_DISABLED: _ClassVar[VethLink.ChecksumOffloading]
    CHKSM_OFFLOAD_DEFAULT: VethLink.ChecksumOffloading
    CHKSM_OFFLOAD_ENABLED: VethLink.ChecksumOffloading
    CHKSM_OFFLOAD_DISABLED: VethLink.ChecksumOffloading
    PEER_IF_NAME_FIELD_NUMBER: _ClassVar[int]
    RX_CHECKSUM_OFFLOADING_FIELD_NUMBER: _ClassVar[int]
    TX_CHECKSUM_OFFLOADING_FIELD_NUMBER: _ClassVar[int]
    peer_if_name: str
    rx_checksum_offloading: VethLink.ChecksumOffloading
    tx_checksum_offloading: VethLink.ChecksumOffloading
    def __init__(self, peer_if_name: _Optional[str] = ..., rx_checksum_offloading: _Optional[_Union[VethLink.ChecksumOffloading, str]] = ..., tx_checksum_offloading: _Optional[_Union[VethLink.ChecksumOffloading, str]] = ...) -> None: ...

class TapLink(_message.Message):
    __slots__ = ("vpp_tap_if_name",)
    VPP_TAP_IF_NAME_FIELD_NUMBER: _ClassVar[int]
    vpp_tap_if_name: str
    def __init__(self, vpp_tap_if_name: _Optional[str] = ...) -> None: ...

class VrfDevLink(_message.Message):
    __slots__ = ("routing_table",)
    ROUTING_TABLE_FIELD_NUMBER: _ClassVar[int]
    routing_table: int
    def __init__(self, routing_table: _Optional[int] = ...) -> None: ...

class BridgeLink(_message.Message):
    __slots__ = ("ports", "stp", "ageing_time_s")
    class Port(_message.Message):
        __slots__ = ("name",)
        NAME_FIELD_NUMBER: _ClassVar[int]
        name: str
        def __init__(self, name: _Optional[str] = ...) -> None: ...
    PORTS_FIELD_NUMBER: _ClassVar[int]
    STP_FIELD_NUMBER: _ClassVar[int]
    AGEING_TIME_S_FIELD_NUMBER: _ClassVar[int]
    ports: _containers.RepeatedCompositeFieldContainer[BridgeLink.Port]
    stp: bool
    ageing_time_s: int
    def __init__(self, ports: _Optional[_Iterable[_Union[BridgeLink.Port, _Mapping]]] = ..., stp: bool = ..., ageing_time_s: _Optional[int] = ...) -> None: ...
