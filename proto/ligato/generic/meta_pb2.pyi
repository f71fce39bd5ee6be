# SPDX-License-Identifier: Apache-2.0
from google.protobuf import descriptor_pb2 as _descriptor_pb2
from ligato.generic import model_pb2 as _model_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KnownModelsRequest(_message.Message):
    __slots__ = ()
    CLASS_FIELD_NUMBER: _ClassVar[int]
    def __init__(self, **kwargs) -> None: ...

class KnownModelsResponse(_message.Message):
    __slots__ = ("known_models", "active_modules")
    KNOWN_MODELS_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_MODULES_FIELD_NUMBER: _ClassVar[int]
    known_models: _containers.RepeatedCompositeFieldContainer[_model_pb2.ModelDetail]
    active_modules: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, known_models: _Optional[_Iterable[_Union[_model_pb2.ModelDetail, _Mapping]]] = ..., active_modules: _Optional[_Iterable[str]] = ...) -> None: ...

class ProtoFileDescriptorRequest(_message.Message):
    __slots__ = ("full_proto_file_name",)
    FULL_PROTO_FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    full_proto_file_name: str
    def __init__(self, full_proto_file_name: _Optional[str] = ...) -> None: ...

class ProtoFileDescriptorResponse(_message.Message):
    __slots__ = ("file_descriptor", "file_import_descriptors")
    FILE_DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    FILE_IMPORT_DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
    file_descriptor: _descriptor_pb2.FileDescriptorProto
    file_import_descriptors: _descriptor_pb2.FileDescriptorSet
    def __init__(self, file_descriptor: _Optional[_Union[_descriptor_pb2.FileDescriptorProto, _Mapping]] = ..., file_import_descriptors: _Optional[_Union[_descriptor_pb2.FileDescriptorSet, _Mapping]] = ...) -> None: ...
