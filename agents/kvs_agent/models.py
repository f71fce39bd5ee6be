# SPDX-License-Identifier: Apache-2.0
"""Which kinds of values there are, and their keys, names and JSON; a new kind is one more line."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from kvs_descriptors import netalloc
from kvs_descriptors.linux import keys
from kvs_descriptors.nsm import keys as nsm_keys
from kvs_proto.cnf.nsm.nsm_pb2 import NetworkServiceClient, NetworkServiceEndpoint
from kvscheduler import Unreadable
from ligato.linux.interfaces.interface_pb2 import Interface
from ligato.linux.iptables.iptables_pb2 import RuleChain
from ligato.linux.l3.arp_pb2 import ARPEntry
from ligato.linux.l3.route_pb2 import Route
from ligato.netalloc.netalloc_pb2 import IPAllocation

from . import shape

__all__ = [
    "MAX_VALUE_BYTES",
    "MODELS",
    "Model",
    "Unknown",
    "by_name",
    "decode",
    "encode",
    "of_key",
    "of_message",
]

# Of one value's JSON; etcd itself takes no more than 1.5 MiB in a request.
MAX_VALUE_BYTES = 2 * 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One kind of value: its name for programs, where it stands in a file, and how keys are made.

    ``module``, ``version`` and ``kind`` (its *type*) are the predecessor's, and begin the keys;
    ``template`` is the rest of a key in Go's template language, as its clients are told it.
    """

    module: str
    version: str
    kind: str
    section: str
    field: str
    message: type[Message]
    needed: tuple[str, ...]
    key: Callable[[Any], str]
    template: str
    category: str = "config"
    # Those of the needed fields that a key is made of, where it is not all of them.
    of_key: tuple[str, ...] = ()
    # Whether it takes a process that goes on; kvsctl alone does its work and ends.
    takes_agent: bool = False

    @property
    def name(self) -> str:
        """The model's name, such as ``linux.interfaces.interface``."""
        return f"{self.module}.{self.kind}"

    @property
    def prefix(self) -> str:
        """What all keys of the model start with."""
        module, kind = self.module.replace(".", "/"), self.kind.replace(".", "/")
        return f"{self.category}/{module}/{self.version}/{kind}/"

    def faults(self, value: Message) -> str:
        """Return what a value lacks to have a key, "" for nothing."""
        return _missing(value, self.needed)

    def key_faults(self, value: Message) -> str:
        """Return what a value lacks to name another one by its key, "" for nothing."""
        return _missing(value, self.of_key or self.needed)


def _missing(value: Message, needed: tuple[str, ...]) -> str:
    missing = [name for name in needed if not getattr(value, name)]
    return f"needs {' and '.join(missing)}" if missing else ""


@dataclasses.dataclass(frozen=True, slots=True)
class Unknown:
    """A value of a model that is not known here, as it came; never shown: it may be secret."""

    data: str = dataclasses.field(repr=False)


MODELS = (
    Model(
        module="netalloc",
        version="v1",
        kind="ip",
        section="netalloc_config",
        field="ip_addresses",
        message=IPAllocation,
        needed=("network_name", "interface_name", "address"),
        key=lambda value: netalloc.keys.ip(value.network_name, value.interface_name),
        template="network/{{.NetworkName}}/interface/{{.InterfaceName}}",
        of_key=("network_name", "interface_name"),
    ),
    Model(
        module="linux.interfaces",
        version="v2",
        kind="interface",
        section="linux_config",
        field="interfaces",
        message=Interface,
        needed=("name",),
        key=lambda value: keys.interface(value.name),
        template="{{.Name}}",
    ),
    Model(
        module="linux.l3",
        version="v2",
        kind="arp",
        section="linux_config",
        field="arp_entries",
        message=ARPEntry,
        needed=("interface", "ip_address"),
        key=lambda value: keys.arp(value.interface, value.ip_address),
        template="{{.Interface}}/{{.IpAddress}}",
    ),
    Model(
        module="linux.l3",
        version="v2",
        kind="route",
        section="linux_config",
        field="routes",
        message=Route,
        needed=("outgoing_interface", "dst_network"),
        key=lambda value: keys.route(value.dst_network, value.outgoing_interface),
        template=(
            '{{with ipnet .DstNetwork}}{{printf "%s/%d" .IP .MaskSize}}'
            "{{else}}{{.DstNetwork}}{{end}}/{{.OutgoingInterface}}"
        ),
    ),
    Model(
        module="linux.iptables",
        version="v2",
        kind="rulechain",
        section="linux_config",
        field="rule_chains",
        message=RuleChain,
        needed=("name",),
        key=lambda value: keys.rule_chain(value.name),
        template="{{.Name}}",
    ),
    Model(
        module="cnf.nsm",
        version="v1",
        kind="client",
        section="nsm_config",
        field="clients",
        message=NetworkServiceClient,
        needed=("name",),
        key=lambda value: nsm_keys.client(value.name),
        template="{{.Name}}",
        takes_agent=True,
    ),
    Model(
        module="cnf.nsm",
        version="v1",
        kind="endpoint",
        section="nsm_config",
        field="endpoints",
        message=NetworkServiceEndpoint,
        needed=("network_service",),
        # The predecessor's endpoints have no names.
        key=lambda value: nsm_keys.endpoint(value.name or value.network_service),
        template="{{if .Name}}{{.Name}}{{else}}{{.NetworkService}}{{end}}",
        takes_agent=True,
    ),
)

_BY_PREFIX = {model.prefix: model for model in MODELS}
_BY_MESSAGE = {model.message: model for model in MODELS}
_BY_NAME = {model.name: model for model in MODELS}


def by_name(name: str) -> Model | None:
    """Return the model of a name such as ``linux.interfaces.interface``."""
    return _BY_NAME.get(name)


def of_message(message: Message) -> Model | None:
    """Return the model that a message is a value of."""
    return _BY_MESSAGE.get(type(message))


def of_key(key: str) -> Model | None:
    """Return the model whose values have such keys; the longest prefix counts."""
    end = len(key)
    while (end := key.rfind("/", 0, end)) > 0:
        model = _BY_PREFIX.get(key[: end + 1])
        if model is not None:
            return model
    return None


def decode(key: str, data: bytes) -> Message | Unreadable | Unknown:
    """Read a value's JSON, with either of the two names that protobuf gives each field.

    Never raises: what cannot be read is ``Unreadable``, and says why without telling secrets.
    """
    if len(data) > MAX_VALUE_BYTES:
        return Unreadable(f"more than {MAX_VALUE_BYTES} bytes")
    model = of_key(key)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return Unreadable("not UTF-8")
    if model is None:
        return Unknown(text)
    value = model.message()
    try:
        json_format.Parse(text, value)
    except (json_format.ParseError, RecursionError, ValueError) as error:
        return Unreadable(_why(text, model, error))
    fault = model.faults(value)
    if not fault and model.key(value) != key:
        fault = f"the key is another's: the value's is {model.key(value)}"
    return Unreadable(fault) if fault else value


def _why(text: str, model: Model, error: Exception) -> str:
    """Return what is wrong with JSON, with the field; protobuf's own words may tell a secret."""
    try:
        data = json.loads(text)
    except RecursionError:
        return "nested too deep"
    except ValueError as wrong:
        return f"not JSON: {wrong}"
    message: Any = model.message.DESCRIPTOR
    for path, fault in shape.faults(data, message):
        field = ".".join(map(str, path))
        return f"{field}: {fault}" if field else fault
    return f"not a {model.message.DESCRIPTOR.full_name} ({type(error).__name__})"


def encode(message: Message) -> bytes:
    """Return a value's JSON, as the predecessor writes it."""
    return json_format.MessageToJson(message, indent=None).encode()
