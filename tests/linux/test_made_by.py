# SPDX-License-Identifier: Apache-2.0
"""Interfaces that somebody makes for a reason that has a key: waited for along with the link."""

from __future__ import annotations

from typing import Any

import pytest

from kvs_descriptors.linux import keys
from kvs_descriptors.linux.interfaces.interface import InterfaceDescriptor
from kvs_descriptors.linux.kernel import Kernel
from kvscheduler import InvalidValue, ValueState
from ligato.linux.interfaces.interface_pb2 import Interface
from tests.linux.bench import Bench, key_of
from tests.linux.kinds import apply, engine, of_kind

MAKER, OTHER = "mesh/connection/c", "mesh/connection/d"


@pytest.fixture
def theirs(bench: Bench) -> str:
    """Make a bridge of somebody else's in our own namespace, up."""
    name = bench.host("m")
    bench.ip("", "link", "add", name, "type", "bridge")
    bench.ip("", "link", "set", name, "up")
    return name


def made(host: str, by: str = MAKER, *addresses: str, **more: Any) -> Interface:
    return of_kind("EXISTING", "ours", "", *addresses, host_if_name=host, made_by=by, **more)


def test_it_waits_for_what_makes_it_and_goes_first_when_that_goes(
    bench: Bench, theirs: str
) -> None:
    value = made(theirs, MAKER, "10.77.0.1/30")
    key, address = key_of(value), keys.address("ours", "10.77.0.1/30")

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, value)
            (unmet,) = scheduler.status(key).unmet
            assert (unmet.label, unmet.key) == ("maker-exists", MAKER)

            await scheduler.notify(MAKER, True)
            assert scheduler.status(key).state is ValueState.CONFIGURED
            assert bench.texts("", theirs) == {"10.77.0.1/30"}

            await scheduler.notify(MAKER, None)
            assert scheduler.status(key).state is ValueState.PENDING
            assert scheduler.status(address).state is ValueState.PENDING
            assert bench.texts("", theirs) == set()
            await apply(scheduler)

    bench.run(scenario())


def test_it_is_no_drift_and_a_change_of_it_touches_nothing(bench: Bench, theirs: str) -> None:
    value, changed = made(theirs, mtu=1400), made(theirs, OTHER, mtu=1400)

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await scheduler.notify(MAKER, True)
            await scheduler.notify(OTHER, True)
            assert (await apply(scheduler, value)).ok
            assert (await scheduler.resync("full")).operations == ()

            assert (await apply(scheduler, changed)).operations == ()
            found = await scheduler.retrieve(keys.INTERFACE)
            assert found[key_of(value)].value.made_by == OTHER

            await scheduler.notify(MAKER, None)
            assert scheduler.status(key_of(value)).state is ValueState.CONFIGURED
            await scheduler.notify(OTHER, None)
            assert scheduler.status(key_of(value)).state is ValueState.PENDING
            await apply(scheduler)

    bench.run(scenario())


@pytest.mark.parametrize("kind", ["DUMMY", "BRIDGE", "LOOPBACK"])
def test_what_is_made_here_is_made_by_nobody_else(kind: str) -> None:
    value = of_kind(kind, "lo" if kind == "LOOPBACK" else "d", made_by=MAKER)

    with pytest.raises(InvalidValue) as refused:
        InterfaceDescriptor(Kernel()).validate(key_of(value), value)

    assert refused.value.fields == ("made_by",)
