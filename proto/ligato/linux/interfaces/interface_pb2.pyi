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
    __slots__ = ("name", "type", "namespace", "host_if_name", "enabled", "ip_addresses", "phys_address", "mtu", "link_only", "vrf_master_interface", "ipv4_forwarding", "made_by", "protected", "veth", "tap", "vrf_dev", "bridge", "vlan", "vxlan", "macvlan", "ipvlan", "bond", "tuntap")
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
        VLAN: _ClassVar[Interface.Type]
        VXLAN: _ClassVar[Interface.Type]
        MACVLAN: _ClassVar[Interface.Type]
        IPVLAN: _ClassVar[Interface.Type]
        BOND: _ClassVar[Interface.Type]
        TAP: _ClassVar[Interface.Type]
    UNDEFINED: Interface.Type
    VETH: Interface.Type
    TAP_TO_VPP: Interface.Type
    LOOPBACK: Interface.Type
    EXISTING: Interface.Type
    VRF_DEVICE: Interface.Type
    DUMMY: Interface.Type
    BRIDGE: Interface.Type
    VLAN: Interface.Type
    VXLAN: Interface.Type
    MACVLAN: Interface.Type
    IPVLAN: Interface.Type
    BOND: Interface.Type
    TAP: Interface.Type
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
    MADE_BY_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_FIELD_NUMBER: _ClassVar[int]
    VETH_FIELD_NUMBER: _ClassVar[int]
    TAP_FIELD_NUMBER: _ClassVar[int]
    VRF_DEV_FIELD_NUMBER: _ClassVar[int]
    BRIDGE_FIELD_NUMBER: _ClassVar[int]
    VLAN_FIELD_NUMBER: _ClassVar[int]
    VXLAN_FIELD_NUMBER: _ClassVar[int]
    MACVLAN_FIELD_NUMBER: _ClassVar[int]
    IPVLAN_FIELD_NUMBER: _ClassVar[int]
    BOND_FIELD_NUMBER: _ClassVar[int]
    TUNTAP_FIELD_NUMBER: _ClassVar[int]
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
    made_by: str
    protected: bool
    veth: VethLink
    tap: TapLink
    vrf_dev: VrfDevLink
    bridge: BridgeLink
    vlan: VlanLink
    vxlan: VxlanLink
    macvlan: MacvlanLink
    ipvlan: IpvlanLink
    bond: BondLink
    tuntap: TunTapLink
    def __init__(self, name: _Optional[str] = ..., type: _Optional[_Union[Interface.Type, str]] = ..., namespace: _Optional[_Union[_namespace_pb2.NetNamespace, _Mapping]] = ..., host_if_name: _Optional[str] = ..., enabled: bool = ..., ip_addresses: _Optional[_Iterable[str]] = ..., phys_address: _Optional[str] = ..., mtu: _Optional[int] = ..., link_only: bool = ..., vrf_master_interface: _Optional[str] = ..., ipv4_forwarding: bool = ..., made_by: _Optional[str] = ..., protected: bool = ..., veth: _Optional[_Union[VethLink, _Mapping]] = ..., tap: _Optional[_Union[TapLink, _Mapping]] = ..., vrf_dev: _Optional[_Union[VrfDevLink, _Mapping]] = ..., bridge: _Optional[_Union[BridgeLink, _Mapping]] = ..., vlan: _Optional[_Union[VlanLink, _Mapping]] = ..., vxlan: _Optional[_Union[VxlanLink, _Mapping]] = ..., macvlan: _Optional[_Union[MacvlanLink, _Mapping]] = ..., ipvlan: _Optional[_Union[IpvlanLink, _Mapping]] = ..., bond: _Optional[_Union[BondLink, _Mapping]] = ..., tuntap: _Optional[_Union[TunTapLink, _Mapping]] = ...) -> None: ...

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

class VlanLink(_message.Message):
    __slots__ = ("parent_if_name", "vlan_id", "protocol")
    class Protocol(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DOT1Q: _ClassVar[VlanLink.Protocol]
        DOT1AD: _ClassVar[VlanLink.Protocol]
    DOT1Q: VlanLink.Protocol
    DOT1AD: VlanLink.Protocol
    PARENT_IF_NAME_FIELD_NUMBER: _ClassVar[int]
    VLAN_ID_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    parent_if_name: str
    vlan_id: int
    protocol: VlanLink.Protocol
    def __init__(self, parent_if_name: _Optional[str] = ..., vlan_id: _Optional[int] = ..., protocol: _Optional[_Union[VlanLink.Protocol, str]] = ...) -> None: ...

class VxlanLink(_message.Message):
    __slots__ = ("vni", "src_addr", "dst_addr", "parent_if_name", "dst_port", "no_learning", "ttl")
    VNI_FIELD_NUMBER: _ClassVar[int]
    SRC_ADDR_FIELD_NUMBER: _ClassVar[int]
    DST_ADDR_FIELD_NUMBER: _ClassVar[int]
    PARENT_IF_NAME_FIELD_NUMBER: _ClassVar[int]
    DST_PORT_FIELD_NUMBER: _ClassVar[int]
    NO_LEARNING_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    vni: int
    src_addr: str
    dst_addr: str
    parent_if_name: str
    dst_port: int
    no_learning: bool
    ttl: int
    def __init__(self, vni: _Optional[int] = ..., src_addr: _Optional[str] = ..., dst_addr: _Optional[str] = ..., parent_if_name: _Optional[str] = ..., dst_port: _Optional[int] = ..., no_learning: bool = ..., ttl: _Optional[int] = ...) -> None: ...

class MacvlanLink(_message.Message):
    __slots__ = ("parent_if_name", "mode")
    class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        BRIDGE: _ClassVar[MacvlanLink.Mode]
        PRIVATE: _ClassVar[MacvlanLink.Mode]
        VEPA: _ClassVar[MacvlanLink.Mode]
        PASSTHRU: _ClassVar[MacvlanLink.Mode]
    BRIDGE: MacvlanLink.Mode
    PRIVATE: MacvlanLink.Mode
    VEPA: MacvlanLink.Mode
    PASSTHRU: MacvlanLink.Mode
    PARENT_IF_NAME_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    parent_if_name: str
    mode: MacvlanLink.Mode
    def __init__(self, parent_if_name: _Optional[str] = ..., mode: _Optional[_Union[MacvlanLink.Mode, str]] = ...) -> None: ...

class IpvlanLink(_message.Message):
    __slots__ = ("parent_if_name", "mode")
    class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        L2: _ClassVar[IpvlanLink.Mode]
        L3: _ClassVar[IpvlanLink.Mode]
        L3S: _ClassVar[IpvlanLink.Mode]
    L2: IpvlanLink.Mode
    L3: IpvlanLink.Mode
    L3S: IpvlanLink.Mode
    PARENT_IF_NAME_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    parent_if_name: str
    mode: IpvlanLink.Mode
    def __init__(self, parent_if_name: _Optional[str] = ..., mode: _Optional[_Union[IpvlanLink.Mode, str]] = ...) -> None: ...

class BondLink(_message.Message):
    __slots__ = ("members", "mode", "miimon_ms")
    class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        BALANCE_RR: _ClassVar[BondLink.Mode]
        ACTIVE_BACKUP: _ClassVar[BondLink.Mode]
        BALANCE_XOR: _ClassVar[BondLink.Mode]
        BROADCAST: _ClassVar[BondLink.Mode]
        LACP: _ClassVar[BondLink.Mode]
        BALANCE_TLB: _ClassVar[BondLink.Mode]
        BALANCE_ALB: _ClassVar[BondLink.Mode]
    BALANCE_RR: BondLink.Mode
    ACTIVE_BACKUP: BondLink.Mode
    BALANCE_XOR: BondLink.Mode
    BROADCAST: BondLink.Mode
    LACP: BondLink.Mode
    BALANCE_TLB: BondLink.Mode
    BALANCE_ALB: BondLink.Mode
    class Member(_message.Message):
        __slots__ = ("name",)
        NAME_FIELD_NUMBER: _ClassVar[int]
        name: str
        def __init__(self, name: _Optional[str] = ...) -> None: ...
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    MIIMON_MS_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedCompositeFieldContainer[BondLink.Member]
    mode: BondLink.Mode
    miimon_ms: int
    def __init__(self, members: _Optional[_Iterable[_Union[BondLink.Member, _Mapping]]] = ..., mode: _Optional[_Union[BondLink.Mode, str]] = ..., miimon_ms: _Optional[int] = ...) -> None: ...

class TunTapLink(_message.Message):
    __slots__ = ("mode", "user", "group")
    class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TAP: _ClassVar[TunTapLink.Mode]
        TUN: _ClassVar[TunTapLink.Mode]
    TAP: TunTapLink.Mode
    TUN: TunTapLink.Mode
    MODE_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    mode: TunTapLink.Mode
    user: int
    group: int
    def __init__(self, mode: _Optional[_Union[TunTapLink.Mode, str]] = ..., user: _Optional[int] = ..., group: _Optional[int] = ...) -> None: ...
