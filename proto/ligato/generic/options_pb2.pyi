# SPDX-License-Identifier: Apache-2.0
from google.protobuf import descriptor_pb2 as _descriptor_pb2
from ligato.generic import model_pb2 as _model_pb2
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor
MODEL_FIELD_NUMBER: _ClassVar[int]
model: _descriptor.FieldDescriptor
MODEL_NAME_TEMPLATE_FIELD_NUMBER: _ClassVar[int]
model_name_template: _descriptor.FieldDescriptor
