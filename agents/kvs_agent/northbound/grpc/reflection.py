# SPDX-License-Identifier: Apache-2.0
"""Services that describe themselves to tools, under both names that tools know."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha import reflection_pb2 as pb

from kvs_agent.northbound.access import Role

from .serving import Call, Method

__all__ = ["V1", "V1ALPHA", "Reflection", "descriptions"]

V1ALPHA: Final = "grpc.reflection.v1alpha.ServerReflection"
V1: Final = "grpc.reflection.v1.ServerReflection"


def descriptions() -> list[Any]:
    """Return the descriptions of the service: v1 is v1alpha but for its name."""
    old: Any = pb.DESCRIPTOR
    return [old.services_by_name["ServerReflection"], _as_v1(old)]


def _as_v1(old: Any) -> Any:
    pool = descriptor_pool.Default()
    try:
        return pool.FindServiceByName(V1)
    except KeyError:
        copy = descriptor_pb2.FileDescriptorProto()
        old.CopyToProto(copy)
        _rename(copy)
        pool.AddSerializedFile(copy.SerializeToString())
        return pool.FindServiceByName(V1)


def _rename(file: descriptor_pb2.FileDescriptorProto) -> None:
    """Have a file's own names begin with v1 in place of v1alpha."""
    file.name = file.name.replace("v1alpha", "v1")
    file.package = file.package.replace("v1alpha", "v1")
    for field in (field for message in file.message_type for field in message.field):
        if field.type_name:
            field.type_name = field.type_name.replace(".v1alpha.", ".v1.")
    for service in file.service:
        for method in service.method:
            method.input_type = method.input_type.replace(".v1alpha.", ".v1.")
            method.output_type = method.output_type.replace(".v1alpha.", ".v1.")


class Reflection:
    """``grpc.reflection.v1(alpha).ServerReflection``, by the library's own servicer."""

    def __init__(self, services: Collection[str]) -> None:
        self._servicer = reflection.aio.ReflectionServicer(services)
        method = Method(role=Role.READ, handler=self.info, is_watcher=True)
        self.methods = {"ServerReflectionInfo": method}

    async def info(self, requests: AsyncIterator[Any], _call: Call) -> AsyncIterator[Any]:
        """Answer questions about services and messages, for as long as there are any."""
        alike = (
            pb.ServerReflectionRequest.FromString(one.SerializeToString())
            async for one in requests
        )
        # The stubs have it as a coroutine.
        answers: Any = self._servicer.ServerReflectionInfo(alike, None)
        async for answer in answers:
            yield answer
