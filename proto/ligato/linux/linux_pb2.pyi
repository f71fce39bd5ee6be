# SPDX-License-Identifier: Apache-2.0
from ligato.linux.interfaces import interface_pb2 as _interface_pb2
from ligato.linux.interfaces import state_pb2 as _state_pb2
from ligato.linux.iptables import iptables_pb2 as _iptables_pb2
from ligato.linux.l3 import arp_pb2 as _arp_pb2
from ligato.linux.l3 import route_pb2 as _route_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConfigData(_message.Message):
    __slots__ = ("interfaces", "arp_entries", "routes", "rule_chains")
    INTERFACES_FIELD_NUMBER: _ClassVar[int]
    ARP_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    RULE_CHAINS_FIELD_NUMBER: _ClassVar[int]
    interfaces: _containers.RepeatedCompositeFieldContainer[_interface_pb2.Interface]
    arp_entries: _containers.RepeatedCompositeFieldContainer[_arp_pb2.ARPEntry]
    routes: _containers.RepeatedCompositeFieldContainer[_route_pb2.Route]
    rule_chains: _containers.RepeatedCompositeFieldContainer[_iptables_pb2.RuleChain]
    def __init__(self, interfaces: _Optional[_Iterable[_Union[_interface_pb2.Interface, _Mapping]]] = ..., arp_entries: _Optional[_Iterable[_Union[_arp_pb2.ARPEntry, _Mapping]]] = ..., routes: _Optional[_Iterable[_Union[_route_pb2.Route, _Mapping]]] = ..., rule_chains: _Optional[_Iterable[_Union[_iptables_pb2.RuleChain, _Mapping]]] = ...) -> None: ...

class Notification(_message.Message):
    __slots__ = ("interface",)
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    interface: _state_pb2.InterfaceNotification
    def __init__(self, interface: _Optional[_Union[_state_pb2.InterfaceNotification, _Mapping]] = ...) -> None: ...
