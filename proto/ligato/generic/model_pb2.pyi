# SPDX-License-Identifier: Apache-2.0
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ModelSpec(_message.Message):
    __slots__ = ("module", "version", "type")
    MODULE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CLASS_FIELD_NUMBER: _ClassVar[int]
    module: str
    version: str
    type: str
    def __init__(self, module: _Optional[str] = ..., version: _Optional[str] = ..., type: _Optional[str] = ..., **kwargs) -> None: ...

class ModelDetail(_message.Message):
    __slots__ = ("spec", "proto_name", "options")
    class Option(_message.Message):
        __slots__ = ("key", "values")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUES_FIELD_NUMBER: _ClassVar[int]
        key: str
        values: _containers.RepeatedScalarFieldContainer[str]
        def __init__(self, key: _Optional[str] = ..., values: _Optional[_Iterable[str]] = ...) -> None: ...
    SPEC_FIELD_NUMBER: _ClassVar[int]
    PROTO_NAME_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    spec: ModelSpec
    proto_name: str
    options: _containers.RepeatedCompositeFieldContainer[ModelDetail.Option]
    def __init__(self, spec: _Optional[_Union[ModelSpec, _Mapping]] = ..., proto_name: _Optional[str] = ..., options: _Optional[_Iterable[_Union[ModelDetail.Option, _Mapping]]] = ...) -> None: ...
