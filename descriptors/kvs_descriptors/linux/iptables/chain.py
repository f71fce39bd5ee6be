# SPDX-License-Identifier: Apache-2.0
"""A rule chain in the kernel's words: its table, its names there, its rules; what it may be."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re

from kvscheduler import InvalidValue
from ligato.linux.iptables.iptables_pb2 import RuleChain

from .. import keys, names, places
from . import rules
from .rules import Words

__all__ = ["BUILT_IN", "Chain", "check", "in_kernel", "own_name", "policy_of", "protocol_of"]

CHAIN_NAME_BYTES = 28

# The chains that each table has and this may fill, beside CUSTOM ones. The kernel's NAT has an
# INPUT too, which the predecessor refuses.
_TABLES = {
    RuleChain.FILTER: ("INPUT", "FORWARD", "OUTPUT"),
    RuleChain.NAT: ("PREROUTING", "OUTPUT", "POSTROUTING"),
    RuleChain.MANGLE: ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    RuleChain.RAW: ("PREROUTING", "OUTPUT"),
    RuleChain.SECURITY: ("INPUT", "FORWARD", "OUTPUT"),
}
BUILT_IN = frozenset(name for chains in _TABLES.values() for name in chains)

_POLICIES = {"ACCEPT": RuleChain.ACCEPT, "DROP": RuleChain.DROP}

_CHAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+@-]*")
# Targets of the kernel and of iptables' extensions: a chain of such a name would hide them.
_TARGETS = frozenset(
    [
        "ACCEPT",
        "AUDIT",
        "BALANCE",
        "CHECKSUM",
        "CLASSIFY",
        "CLUSTERIP",
        "CONNMARK",
        "CONNSECMARK",
        "CT",
        "DNAT",
        "DNPT",
        "DROP",
        "DSCP",
        "ECN",
        "HL",
        "HMARK",
        "IDLETIMER",
        "LED",
        "LOG",
        "MARK",
        "MASQUERADE",
        "MIRROR",
        "NETMAP",
        "NFLOG",
        "NFQUEUE",
        "NOTRACK",
        "QUEUE",
        "RATEEST",
        "REDIRECT",
        "REJECT",
        "RETURN",
        "SAME",
        "SECMARK",
        "SET",
        "SNAT",
        "SNPT",
        "SYNPROXY",
        "TARPIT",
        "TCPMSS",
        "TCPOPTSTRIP",
        "TEE",
        "TOS",
        "TPROXY",
        "TRACE",
        "TTL",
        "ULOG",
    ]
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What is wanted of the kernel for one rule chain.

    ``chain`` is where the rules are: a chain of our own. ``built_in`` is the chain that leads
    there, "" for CUSTOM ones, which others jump to. ``policy`` "" leaves the built-in's alone.
    """

    name: str
    place: str
    is_ipv6: bool
    table: str
    chain: str
    built_in: str
    policy: str
    rules: tuple[Words, ...]

    @property
    def where(self) -> tuple[str, bool, str]:
        """Return what has chain names of its own."""
        return self.place, self.is_ipv6, self.table


def in_kernel(value: RuleChain, owner: str) -> Chain:
    """Return what a valid value wants of the kernel."""
    name = logical_name(value)
    is_custom = value.chain_type == RuleChain.CUSTOM
    return Chain(
        name=name,
        place=places.place_of(value.namespace),
        is_ipv6=value.protocol == RuleChain.IPV6,
        table=RuleChain.Table.Name(value.table).lower(),
        chain=value.chain_name if is_custom else own_name(owner, name),
        built_in="" if is_custom else RuleChain.ChainType.Name(value.chain_type),
        policy=RuleChain.Policy.Name(value.default_policy) if value.default_policy else "",
        rules=tuple(map(rules.words, value.rules)),
    )


def logical_name(value: RuleChain) -> str:
    """Return the name that marks bear: a retrieved stray's has its whereabouts behind a tilde."""
    return value.name.partition("~")[0]


def own_name(owner: str, name: str) -> str:
    """Return the name of the chain that a built-in one leads to, unique for each logical name."""
    digest = hashlib.blake2b(f"{owner}:{name}".encode(), digest_size=12).digest()
    return "kvs-" + base64.b32encode(digest).decode().lower().rstrip("=")


def policy_of(text: str) -> RuleChain.Policy:
    """Return the message's word for a policy."""
    return _POLICIES.get(text, RuleChain.NONE)


def protocol_of(*, is_ipv6: bool) -> RuleChain.Protocol:
    """Return the message's word for a family."""
    return RuleChain.IPV6 if is_ipv6 else RuleChain.IPV4


def check(key: str, value: RuleChain) -> None:
    """Refuse what no kernel takes, and what could lead to another's rules."""
    names.check_logical_name(value.name, "name")
    if key != keys.rule_chain(value.name):
        raise InvalidValue(f"the key is another's: {key}", ("name",))
    places.check(value.namespace, "namespace")
    for index, interface in enumerate(value.interfaces):
        names.check_logical_name(interface, f"interfaces[{index}]")
    _check_where(value)
    _check_policy(value)
    for index, rule in enumerate(value.rules):
        field = f"rules[{index}]"
        if value.chain_name in rules.targets(rules.split(rule, field)) - {""}:
            raise InvalidValue(f"a rule of {value.chain_name} jumps to it: a loop", (field,))


def _check_where(value: RuleChain) -> None:
    if value.protocol not in RuleChain.Protocol.values():
        raise InvalidValue(f"IPV4 or IPV6: {value.protocol}", ("protocol",))
    chains = _TABLES.get(value.table)
    if chains is None:
        raise InvalidValue(f"there is no such table: {value.table}", ("table",))
    if value.chain_type == RuleChain.CUSTOM:
        _check_chain_name(value.chain_name)
        return
    known = value.chain_type in RuleChain.ChainType.values()
    name = RuleChain.ChainType.Name(value.chain_type) if known else str(value.chain_type)
    if name not in chains:
        table = RuleChain.Table.Name(value.table)
        text = f"{table} has {', '.join(chains)} and CUSTOM chains here, not {name}"
        raise InvalidValue(text, ("chain_type",))
    if value.chain_name:
        raise InvalidValue("only CUSTOM chains have a name of their own", ("chain_name",))


def _check_chain_name(name: str) -> None:
    field = ("chain_name",)
    if not name:
        raise InvalidValue("a CUSTOM chain needs a name", field)
    if len(name) > CHAIN_NAME_BYTES or not _CHAIN_NAME.fullmatch(name):  # ASCII: letters are bytes
        text = f"a chain's name is up to {CHAIN_NAME_BYTES} of A-Z a-z 0-9 _ . : + @ -"
        raise InvalidValue(f"{text}, not a leading . : + @ -: {name!r}", field)
    if name in BUILT_IN or name in _TARGETS:
        raise InvalidValue(f"{name} is a chain or a target of the kernel's", field)


def _check_policy(value: RuleChain) -> None:
    policy, field = value.default_policy, ("default_policy",)
    if policy == RuleChain.NONE:
        return
    if value.table != RuleChain.FILTER or value.chain_type == RuleChain.CUSTOM:
        raise InvalidValue("only INPUT, FORWARD and OUTPUT of FILTER have a policy here", field)
    if policy not in _POLICIES.values():
        raise InvalidValue("the kernel's policies are ACCEPT and DROP", field)
