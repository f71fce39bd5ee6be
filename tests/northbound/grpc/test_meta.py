# SPDX-License-Identifier: Apache-2.0
"""What clients are told of models, services and health."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from kvs_agent.core.health import State
from kvs_agent.models import MODELS
from kvs_agent.northbound.grpc.reflection import V1, V1ALPHA
from ligato.generic import meta_pb2 as pb
from tests.northbound.grpc.stage import Stage, play, refused

INTERFACES = "ligato/linux/interfaces/interface.proto"


async def file(stage: Stage, name: str) -> pb.ProtoFileDescriptorResponse:
    request = pb.ProtoFileDescriptorRequest(full_proto_file_name=name)
    answer: pb.ProtoFileDescriptorResponse = await stage.meta.ProtoFileDescriptor(request)
    return answer


def test_models_are_told_with_what_clients_make_keys_of(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        answer = await stage.meta.KnownModels(pb.KnownModelsRequest())

        found = {f"{one.spec.module}.{one.spec.type}": one for one in answer.known_models}
        assert sorted(found) == sorted(model.name for model in MODELS)
        route = found["linux.l3.route"]
        assert (route.spec.version, getattr(route.spec, "class")) == ("v2", "config")
        assert route.proto_name == "ligato.linux.l3.Route"
        options = {one.key: list(one.values) for one in route.options}
        assert list(options) == ["nameTemplate", "protoFile"]
        assert options["protoFile"] == ["ligato/linux/l3/route.proto"]
        assert "ipnet .DstNetwork" in options["nameTemplate"][0]

    play(tmp_path, story)


def test_models_of_another_class_are_others(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        metrics = await stage.meta.KnownModels(pb.KnownModelsRequest(**{"class": "metrics"}))
        config = await stage.meta.KnownModels(pb.KnownModelsRequest(**{"class": "config"}))

        assert not metrics.known_models
        assert len(config.known_models) == len(MODELS)

    play(tmp_path, story)


def rebuilt(*files: descriptor_pb2.FileDescriptorProto) -> Any:
    pool: Any = descriptor_pool.DescriptorPool()
    for one in files:
        pool.AddSerializedFile(one.SerializeToString())
    return pool


def test_a_models_file_comes_with_all_that_it_imports(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        for model in MODELS:
            described: Any = model.message.DESCRIPTOR
            answer = await file(stage, described.file.name)

            pool = rebuilt(*answer.file_import_descriptors.file, answer.file_descriptor)
            assert pool.FindMessageTypeByName(described.full_name).file.name == described.file.name
            assert answer.HasField("file_import_descriptors")

    play(tmp_path, story)


def test_what_the_predecessors_clients_would_stumble_over_is_not_told(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        answer = await file(stage, INTERFACES)

        messages = {one.name: one for one in answer.file_descriptor.message_type}
        names = {field.name for field in messages["Interface"].field}
        assert not names & {"protected", "ipv4_forwarding"}
        assert names >= {"name", "mtu", "veth", "bridge"}

    play(tmp_path, story)


@pytest.mark.parametrize("name", ["", "google/protobuf/any.proto", "no/such.proto"])
def test_files_of_no_model_are_not_there(tmp_path: Path, name: str) -> None:
    async def story(stage: Stage) -> None:
        request = pb.ProtoFileDescriptorRequest(full_proto_file_name=name)

        error = await refused(stage.meta.ProtoFileDescriptor(request))

        assert error.code() is grpc.StatusCode.NOT_FOUND

    play(tmp_path, story)


async def asked(stage: Stage, service: str, *questions: Any) -> list[Any]:
    call = stage.channel.stream_stream(
        f"/{service}/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    return [answer async for answer in call(iter(questions))]


def files_of(answers: Iterable[Any]) -> list[str]:
    return [
        descriptor_pb2.FileDescriptorProto.FromString(raw).name
        for answer in answers
        for raw in answer.file_descriptor_response.file_descriptor_proto
    ]


@pytest.mark.parametrize("version", [V1, V1ALPHA])
def test_services_describe_themselves_under_both_names(tmp_path: Path, version: str) -> None:
    async def story(stage: Stage) -> None:
        ask = reflection_pb2.ServerReflectionRequest
        (listed,) = await asked(stage, version, ask(list_services=""))
        names = [one.name for one in listed.list_services_response.service]

        described = await asked(stage, version, *(ask(file_containing_symbol=n) for n in names))

        assert {V1, V1ALPHA, "grpc.health.v1.Health"} < set(names)
        assert "kvscheduler.agent.v1.AgentService" in names
        assert all(one.HasField("file_descriptor_response") for one in described)
        assert INTERFACES in files_of(described)

    play(tmp_path, story)


def test_reflection_can_be_left_out(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await asked(stage, V1, reflection_pb2.ServerReflectionRequest(list_services=""))

        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED

    play(tmp_path, story, reflection=False)


def test_services_are_as_healthy_as_the_agent(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        health: Any = health_pb2_grpc.HealthStub(stage.channel)
        ask = health_pb2.HealthCheckRequest
        watching = health.Watch(ask(service="kvscheduler.agent.v1.AgentService"))

        good = (await watching.read()).status
        stage.core.health.report("etcd", State.ERROR, "gone")
        bad = (await watching.read()).status
        now = (await health.Check(ask())).status
        unknown = await refused(health.Check(ask(service="no.such")))
        watching.cancel()

        states = health_pb2.HealthCheckResponse
        assert (good, bad, now) == (states.SERVING, states.NOT_SERVING, states.NOT_SERVING)
        assert unknown.code() is grpc.StatusCode.NOT_FOUND

    play(tmp_path, story)
