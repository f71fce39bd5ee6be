# SPDX-License-Identifier: Apache-2.0
"""Who may do what: by the names in a certificate, or by having none."""

from __future__ import annotations

import pytest

from kvs_agent.northbound.access import Access, AccessDenied, Role, role_of

ACCESS = Access(
    by_san={"spiffe://x/reader": Role.READ, "writer.example": Role.WRITE, "root": Role.ADMIN},
    anonymous=Role.NONE,
    verified=Role.NONE,
)


@pytest.mark.parametrize(
    ("names", "role"),
    [
        (None, Role.NONE),
        ([], Role.NONE),
        (["stranger"], Role.NONE),
        (["spiffe://x/reader"], Role.READ),
        (["stranger", "writer.example"], Role.WRITE),
        (["spiffe://x/reader", "root"], Role.ADMIN),
    ],
)
def test_the_highest_role_of_any_name_counts(names: list[str] | None, role: Role) -> None:
    assert ACCESS.role(names) is role


@pytest.mark.parametrize("needed", [Role.READ, Role.WRITE, Role.ADMIN])
def test_a_role_may_do_what_those_below_it_may(needed: Role) -> None:
    assert ACCESS.check(needed, ["root"]) is Role.ADMIN
    with pytest.raises(AccessDenied) as denied:
        ACCESS.check(needed, None)
    assert not denied.value.is_known


def test_a_refusal_says_what_it_takes() -> None:
    with pytest.raises(AccessDenied, match="takes the role write, not read") as denied:
        ACCESS.check(Role.WRITE, ["spiffe://x/reader"])
    assert denied.value.is_known


def test_who_shows_a_good_certificate_may_have_a_role_without_being_listed() -> None:
    access = Access(by_san={"boss": Role.ADMIN}, verified=Role.READ, anonymous=Role.NONE)

    assert access.role(["anybody"]) is Role.READ
    assert access.role([]) is Role.READ
    assert access.role(["boss"]) is Role.ADMIN
    assert access.role(None) is Role.NONE


def test_roles_have_names() -> None:
    assert role_of("write") is Role.WRITE
    with pytest.raises(ValueError, match="'root' is no role: one of none, read, write, admin"):
        role_of("root")
