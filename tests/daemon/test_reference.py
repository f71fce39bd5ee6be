# SPDX-License-Identifier: Apache-2.0
"""The reference of settings is what the agent reads today."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvs_agent.core import conf
from kvs_agent.daemon.loading import FILES, Settings, load
from kvs_agent.daemon.reference import reference
from kvs_agent.daemon.settings import AccessSettings
from kvs_agent.northbound.access import Role
from kvs_agent.sources.problems import ConfigError

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_document_is_what_would_be_made_now() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == reference(), "run make reference"


@pytest.mark.parametrize("file", FILES)
def test_every_setting_says_what_it_means(file: str) -> None:
    kind, ignored = FILES[file]

    for one in conf.settings_of(kind):
        assert one.help.endswith(".")
        assert f"`{one.key}`" in reference()
        assert one.key not in ignored


def test_the_environment_counts_before_the_files(tmp_path: Path) -> None:
    (tmp_path / "etcd.conf").write_text("endpoints: [file:1]\n", encoding="utf-8")
    variables = {"ETCD_ENDPOINTS": "one:2379, two:2379", "ENABLE_STATUS_PUBLISHING": "1"}

    places = Settings(name="agent", label="label", config=tmp_path, state=tmp_path)
    from_file = load(places, {}).etcd
    settings = load(places, variables).etcd

    assert from_file.endpoints == ("file:1",)
    assert not from_file.publish_status
    assert settings.endpoints == ("one:2379", "two:2379")
    assert settings.publish_status


def test_roles_are_for_all_northbounds_and_the_socket_has_its_own() -> None:
    access = AccessSettings(roles={"DNS:a": "read"}, local="none", socket="admin").access()

    assert access.role(["DNS:a"]) is Role.READ
    assert access.role(None) is Role.NONE
    assert access.at_socket().role(None) is Role.ADMIN
    assert access.at_socket().role(["stranger"]) is Role.NONE
    with pytest.raises(ValueError, match="no role"):
        AccessSettings(local="king").access()


def test_a_role_that_there_is_not_is_told_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "access.conf").write_text("local-role: king\n", encoding="utf-8")
    places = Settings(name="agent", label="label", config=tmp_path, state=tmp_path)

    with pytest.raises(ConfigError, match=r"access\.conf: 'king' is no role: one of none, read"):
        load(places, {})
