# SPDX-License-Identifier: Apache-2.0
"""The predecessor's service that tells which kinds of values there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf import descriptor_pb2

from kvs_agent.models import MODELS, Model
from kvs_agent.northbound.access import Role
from ligato.generic import meta_pb2 as pb
from ligato.generic.model_pb2 import ModelDetail, ModelSpec

from .errors import NotThere
from .serving import Call, Method

__all__ = ["Meta"]

# From this number on fields are ours, where a message is the predecessor's.
OURS: Final = 100


class Meta:
    """``ligato.generic.MetaService``."""

    def __init__(self) -> None:
        # The stubs of generated code say either of two classes, the same at run time.
        self._files: dict[str, Any] = {}
        for model in MODELS:
            described: Any = model.message.DESCRIPTOR
            self._files[described.file.name] = described.file
        self.methods = {
            "KnownModels": Method(role=Role.READ, handler=self.known_models),
            "ProtoFileDescriptor": Method(role=Role.READ, handler=self.proto_file),
        }

    async def known_models(
        self, request: pb.KnownModelsRequest, _call: Call
    ) -> pb.KnownModelsResponse:
        """Return the models of a class, or all."""
        wanted = getattr(request, "class")
        chosen = [model for model in MODELS if wanted in ("", model.category)]
        chosen.sort(key=lambda model: model.name)
        return pb.KnownModelsResponse(known_models=map(_detail, chosen))

    async def proto_file(
        self, request: pb.ProtoFileDescriptorRequest, _call: Call
    ) -> pb.ProtoFileDescriptorResponse:
        """Return the file that defines a model's message, and all that it needs."""
        name = request.full_proto_file_name
        found = self._files.get(name)
        if found is None:
            raise NotThere(f"no model that is known here is defined in {name or 'no file'}")
        answer = pb.ProtoFileDescriptorResponse(file_descriptor=_described(found))
        answer.file_import_descriptors.SetInParent()
        answer.file_import_descriptors.file.extend(map(_described, _imports(found)))
        return answer


def _detail(model: Model) -> ModelDetail:
    described: Any = model.message.DESCRIPTOR
    spec = ModelSpec(module=model.module, version=model.version, type=model.kind)
    setattr(spec, "class", model.category)
    option = ModelDetail.Option
    options = [
        option(key="nameTemplate", values=[model.template]),
        option(key="protoFile", values=[described.file.name]),
    ]
    return ModelDetail(spec=spec, proto_name=described.full_name, options=options)


def _imports(file: Any) -> Iterator[Any]:
    """Yield what a file imports, and what that does, each once and before who imports it."""
    seen = {file.name}
    waiting = [(file, iter(file.dependencies))]
    while waiting:
        at, rest = waiting[-1]
        following = next((one for one in rest if one.name not in seen), None)
        if following is not None:
            seen.add(following.name)
            waiting.append((following, iter(following.dependencies)))
            continue
        waiting.pop()
        if at is not file:
            yield at


def _described(file: Any) -> descriptor_pb2.FileDescriptorProto:
    """Return a file's description, less what clients of the predecessor stumble over.

    They have its messages built in, and turn a value of ours into one of those by way of JSON
    with every field that always has a value; what is not set there must not be one they lack.
    Reflection describes the files in full.
    """
    made = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(made)
    for message in made.message_type if file.package.startswith("ligato.") else ():
        described = file.message_types_by_name[message.name]
        for place in reversed(range(len(message.field))):
            found = described.fields_by_name[message.field[place].name]
            if found.number >= OURS and not found.has_presence and not found.is_extension:
                del message.field[place]
    return made
