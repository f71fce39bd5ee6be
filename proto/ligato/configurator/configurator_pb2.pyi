# SPDX-License-Identifier: Apache-2.0
from kvs_proto.cnf.nsm import nsm_pb2 as _nsm_pb2
from ligato.linux import linux_pb2 as _linux_pb2
from ligato.netalloc import netalloc_pb2 as _netalloc_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Config(_message.Message):
    __slots__ = ("linux_config", "netalloc_config", "nsm_config")
    LINUX_CONFIG_FIELD_NUMBER: _ClassVar[int]
    NETALLOC_CONFIG_FIELD_NUMBER: _ClassVar[int]
    NSM_CONFIG_FIELD_NUMBER: _ClassVar[int]
    linux_config: _linux_pb2.ConfigData
    netalloc_config: _netalloc_pb2.ConfigData
    nsm_config: _nsm_pb2.ConfigData
    def __init__(self, linux_config: _Optional[_Union[_linux_pb2.ConfigData, _Mapping]] = ..., netalloc_config: _Optional[_Union[_netalloc_pb2.ConfigData, _Mapping]] = ..., nsm_config: _Optional[_Union[_nsm_pb2.ConfigData, _Mapping]] = ...) -> None: ...

class Notification(_message.Message):
    __slots__ = ("linux_notification",)
    LINUX_NOTIFICATION_FIELD_NUMBER: _ClassVar[int]
    linux_notification: _linux_pb2.Notification
    def __init__(self, linux_notification: _Optional[_Union[_linux_pb2.Notification, _Mapping]] = ...) -> None: ...

class UpdateRequest(_message.Message):
    __slots__ = ("update", "full_resync", "wait_done")
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    FULL_RESYNC_FIELD_NUMBER: _ClassVar[int]
    WAIT_DONE_FIELD_NUMBER: _ClassVar[int]
    update: Config
    full_resync: bool
    wait_done: bool
    def __init__(self, update: _Optional[_Union[Config, _Mapping]] = ..., full_resync: bool = ..., wait_done: bool = ...) -> None: ...

class UpdateResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteRequest(_message.Message):
    __slots__ = ("delete", "wait_done")
    DELETE_FIELD_NUMBER: _ClassVar[int]
    WAIT_DONE_FIELD_NUMBER: _ClassVar[int]
    delete: Config
    wait_done: bool
    def __init__(self, delete: _Optional[_Union[Config, _Mapping]] = ..., wait_done: bool = ...) -> None: ...

class DeleteResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("config",)
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    config: Config
    def __init__(self, config: _Optional[_Union[Config, _Mapping]] = ...) -> None: ...

class DumpRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DumpResponse(_message.Message):
    __slots__ = ("dump",)
    DUMP_FIELD_NUMBER: _ClassVar[int]
    dump: Config
    def __init__(self, dump: _Optional[_Union[Config, _Mapping]] = ...) -> None: ...

class NotifyRequest(_message.Message):
    __slots__ = ("idx", "filters")
    IDX_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    idx: int
    filters: _containers.RepeatedCompositeFieldContainer[Notification]
    def __init__(self, idx: _Optional[int] = ..., filters: _Optional[_Iterable[_Union[Notification, _Mapping]]] = ...) -> None: ...

class NotifyResponse(_message.Message):
    __slots__ = ("next_idx", "notification")
    NEXT_IDX_FIELD_NUMBER: _ClassVar[int]
    NOTIFICATION_FIELD_NUMBER: _ClassVar[int]
    next_idx: int
    notification: Notification
    def __init__(self, next_idx: _Optional[int] = ..., notification: _Optional[_Union[Notification, _Mapping]] = ...) -> None: ...
