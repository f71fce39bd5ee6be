# SPDX-License-Identifier: Apache-2.0
"""What an agent is told of its mesh: by file and by the environment, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvs_agent.daemon.loading import Settings, load
from kvs_agent.daemon.settings import NsmSettings
from kvs_agent.sources.problems import ConfigError

FILE = """\
connect-to: tcp://10.0.0.1:5001
spiffe-endpoint-socket: unix:///run/file.sock
max-token-lifetime: 5m
"""
VARIABLES = {
    "NSM_CONNECT_TO": "unix:///var/lib/networkservicemesh/nsm.io.sock",
    "NSM_NAME": "me",
    "NSM_MAX_TOKEN_LIFETIME": "20m",
    "NSM_REQUEST_TIMEOUT": "30s",
    "NSM_LISTEN_ON": "tcp://127.0.0.1:5055",
    "SPIFFE_ENDPOINT_SOCKET": "unix:///run/spire/agent.sock",
}


def told(folder: Path, text: str = "", **variables: str) -> NsmSettings:
    (folder / "nsm.conf").write_text(text, encoding="utf-8")
    places = Settings(name="agent", label="label", config=folder, state=folder)
    return load(places, variables).nsm


def test_without_a_word_there_is_no_mesh(tmp_path: Path) -> None:
    assert told(tmp_path) == NsmSettings()
    assert NsmSettings().connect_to == ""


def test_the_environment_of_a_mesh_counts_before_the_file(tmp_path: Path) -> None:
    assert told(tmp_path, FILE).token_life_s == 300

    assert told(tmp_path, FILE, **VARIABLES) == NsmSettings(
        connect_to=VARIABLES["NSM_CONNECT_TO"],
        name="me",
        spiffe_socket=VARIABLES["SPIFFE_ENDPOINT_SOCKET"],
        listen_on="tcp://127.0.0.1:5055",
        token_life_s=1200,
        request_timeout_s=30,
    )


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:5001", "tcp://[::1]:5001", "unix:///run/nsm.sock"]
)
def test_nothing_has_to_be_proved_where_all_stays_on_this_machine(
    tmp_path: Path, address: str
) -> None:
    text = f"connect-to: {address}\nlisten-on: {address}\ninsecure: true\n"

    assert told(tmp_path, text).insecure


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("connect-to: tcp://127.0.0.1:1", "it takes an identity, or insecure: true"),
        ("connect-to: nsmgr:5001", "connect-to: not tcp://<host>:<port> or unix:///<path>"),
        ("connect-to: tcp://10.0.0.1:1\ninsecure: true", "connect-to is not on this machine"),
        ("connect-to: tcp://nsmgr:1\ninsecure: true", "connect-to is not on this machine"),
        (
            "connect-to: tcp://127.0.0.1:1\nlisten-on: tcp://0.0.0.0:1\ninsecure: true",
            "listen-on is not on this machine",
        ),
        (FILE + "insecure: true", "insecure: connect-to is not on this machine"),
        (
            "connect-to: unix:///x\nspiffe-endpoint-socket: unix:///y\ninsecure: true",
            "there is a spiffe-endpoint-socket as well",
        ),
        ("connect-to: unix:///x\nspiffe-endpoint-socket: http://y", "SPIFFE_ENDPOINT_SOCKET is"),
        (FILE.replace("5m", "9s"), "max-token-lifetime: less than 10 seconds"),
        (FILE + "request-timeout: 0s", "request-timeout: no time at all"),
    ],
)
def test_what_cannot_work_or_would_be_open_to_others_is_refused(
    tmp_path: Path, text: str, why: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        told(tmp_path, text)

    assert why in str(refused.value)
    assert "nsm.conf" in str(refused.value)


def test_a_variable_that_is_no_duration_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^NSM_REQUEST_TIMEOUT: 'soon' is not a duration"):
        told(tmp_path, FILE, NSM_REQUEST_TIMEOUT="soon")
