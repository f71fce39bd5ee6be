# SPDX-License-Identifier: Apache-2.0
"""How a status is told, on statuses made by hand."""

from __future__ import annotations

import re

from kvs_agent.cli import explanation
from kvs_agent.cli.looking import unknown_key
from kvscheduler.model import Origin, Unmet, ValueState, ValueStatus

ADDRESS = ValueStatus(
    key="linux/interface/a/address/static/10.0.0.1/24",
    base="config/interface/a",
    state=ValueState.PENDING,
    origin=Origin.NORTHBOUND,
    unmet=(
        Unmet(
            label="vrf-device-is-created",
            key="config/interface/vrf1",
            state=ValueState.PENDING,
            path=("config/interface/vrf1", "config/interface/b"),
            cause="create of config/interface/b failed: [Errno 17] File exists",
        ),
        Unmet(
            label="any-address",
            key="",
            state=ValueState.NONEXISTENT,
            path=(),
            cause="nothing below linux/interface/b/address/ is wanted",
        ),
    ),
)
INTERFACE = ValueStatus(
    key="config/interface/a",
    base=None,
    state=ValueState.FAILED,
    origin=Origin.NORTHBOUND,
    error=OSError(22, "Invalid\nargument"),
    operation="update",
    derived=(ADDRESS,),
)

TOLD = """\
config/interface/a  FAILED (wanted, but the last attempt failed)
  error (update): [Errno 22] Invalid\\nargument
    linux/interface/a/address/static/10.0.0.1/24  PENDING (wanted, and waits for what is below)
      waits for vrf-device-is-created: config/interface/vrf1 (pending)
        which waits for config/interface/b
        because create of config/interface/b failed: [Errno 17] File exists
      waits for any-address: any one
        because nothing below linux/interface/b/address/ is wanted"""


def test_a_status_is_told_with_its_derived_values_down_to_the_root_cause() -> None:
    assert explanation.text(INTERFACE, color=False) == TOLD


def test_colour_changes_nothing_but_colour() -> None:
    painted = explanation.text(INTERFACE, color=True)

    assert "\x1b[31mFAILED\x1b[0m" in painted
    assert re.sub(r"\x1b\[\d+m", "", painted) == TOLD


def test_a_derived_value_asked_for_by_itself_names_its_base() -> None:
    lines = explanation.text(ADDRESS, color=False).splitlines()

    assert lines[1] == "  derived from config/interface/a"


def test_what_others_made_is_said_to_be_theirs() -> None:
    adopted = ValueStatus(
        key="k",
        base=None,
        state=ValueState.CONFIGURED,
        origin=Origin.NORTHBOUND,
        adopted=True,
    )

    assert explanation.text(adopted, color=False) == (
        "k  CONFIGURED (wanted, and there; made by others before it was wanted, so never removed)"
    )


def test_what_waits_for_nothing_is_not_said_to_wait() -> None:
    ready = ValueStatus(key="k", base=None, state=ValueState.PENDING, origin=Origin.NORTHBOUND)

    assert explanation.text(ready, color=False) == (
        "k  PENDING (wanted, not there, and nothing it waits for: repair tries to make it)"
    )


def test_every_state_has_a_meaning() -> None:
    for state in ValueState:
        status = ValueStatus(key="k", base=None, state=state, origin=Origin.UNKNOWN)

        assert re.fullmatch(rf"k  {state.name} \(.+\)", explanation.text(status, color=False))


def test_a_mistyped_key_brings_suggestions() -> None:
    known = ["config/interface/host1", "config/interface/host2", "config/route/10.0.0.0/8/host1"]

    assert unknown_key("config/interfaces/host1", known) == (
        "nothing is known of config/interfaces/host1;"
        " did you mean config/interface/host1 or config/interface/host2?"
    )
    assert unknown_key("host2", known) == (
        "nothing is known of host2; did you mean config/interface/host2?"
    )
    assert unknown_key("?", known) == "nothing is known of ?; kvsctl get lists what is"
