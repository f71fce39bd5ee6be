# SPDX-License-Identifier: Apache-2.0
"""What kvsctl does with an agent, and only with an agent: sources, certificates, a stream."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from kvs_agent.cli.app import cli
from kvs_agent.cli.failure import UserError
from kvs_agent.cli.remote import channel
from tests.cli.agents import WAIT_S, Daemon, daemon
from tests.cli.conftest import Run
from tests.etcd.certificates import Certificates
from tests.machine import Machine, environment, kvsctl
from tests.topologies import CABLE, UNPLUGGED, cables, end

A0 = "config/linux/interfaces/v2/interface/a0"
A1 = "config/linux/interfaces/v2/interface/a1"
# Which the kernel refuses: a broadcast address is no gateway.
ROUTE = (
    "  routes:\n    - {outgoing_interface: a1, dst_network: 10.30.0.0/16, gw_addr: 10.9.1.255}\n"
)


@pytest.fixture
def agent(machine: Machine) -> Iterator[Daemon]:
    """Give an agent, and files for it."""
    Path("net.yaml").write_text(CABLE, encoding="utf-8")
    Path("two.yaml").write_text(cables(2), encoding="utf-8")
    with daemon(machine) as running:
        yield running


def keys(agent: Daemon, *options: str) -> list[str]:
    """Return the keys that a get prints."""
    return [line.split()[0] for line in agent.kvsctl("get", *options).stdout.splitlines()]


def test_each_source_keeps_what_it_wants(agent: Daemon) -> None:
    agent.kvsctl("apply", "-q", "net.yaml")
    agent.kvsctl("apply", "-q", "--source", "night", "two.yaml")

    shown = agent.kvsctl("get", "--sources", "config/linux/interfaces").stdout

    who = {line.split()[0]: line.rpartition("  # ")[2] for line in shown.splitlines()}
    assert (who[A0], who[A1]) == ("night, grpc", "night")
    assert A1 not in keys(agent, "--source", "grpc")
    assert A1 in keys(agent, "--source", "night")


def test_what_one_source_lets_go_of_another_still_has(agent: Daemon) -> None:
    agent.kvsctl("apply", "-q", "net.yaml")
    agent.kvsctl("apply", "-q", "--source", "night", "two.yaml")

    done = agent.kvsctl("destroy", "--yes", "--source", "night")

    assert (done.returncode, done.stderr) == (0, "")
    assert A0 in keys(agent, "--view", "configured")
    assert A1 not in keys(agent, "--view", "configured")


def test_sources_are_told_to_programs(agent: Daemon) -> None:
    agent.kvsctl("apply", "-q", "net.yaml")

    told = json.loads(agent.kvsctl("get", "--sources", "--json").stdout)

    assert told["sources"][A0] == ["grpc"]
    assert told["sources"]["config/linux/ns/v1/namespace/left"] == []
    assert told["values"][A0]["name"] == "a0"


def test_what_others_have_made_is_taken_as_it_is(machine: Machine) -> None:
    machine.run("ip", "netns", "add", "left")
    Path("net.yaml").write_text(CABLE, encoding="utf-8")
    with daemon(machine) as agent:
        planned = agent.kvsctl("plan", "net.yaml")
        done = agent.kvsctl("apply", "-q", "net.yaml")

    assert "Plan: 6 to create" in planned.stdout
    assert done.stderr == ""
    assert "6 created" in done.stdout


def test_a_file_that_the_agent_follows_is_a_source(machine: Machine) -> None:
    with daemon(machine) as agent:
        (agent.folder / "etc" / "initial-config.yaml").write_text(CABLE, encoding="utf-8")
        agent.end()
        agent.start()

        shown = agent.kvsctl("get", "--sources", A0).stdout

        assert shown.endswith("  # file\n")


def test_what_is_wrong_with_the_wishes_of_others_is_not_ours(machine: Machine) -> None:
    bad = cables(2).replace("10.9.0.1/24", "10.9.0.1/99")
    ends = end("c0", "d0", "left", "10.1.0.1/24") + end("d0", "c0", "right", "10.1.0.2/24")
    Path("ours.yaml").write_text(f"linuxConfig:\n  interfaces:\n{ends}", encoding="utf-8")
    with daemon(machine) as agent:
        (agent.folder / "etc" / "initial-config.yaml").write_text(bad + ROUTE, encoding="utf-8")
        agent.end()
        agent.start()

        planned = agent.kvsctl("plan", "ours.yaml")
        done = agent.kvsctl("apply", "-q", "ours.yaml")

        assert "0 pending, 0 invalid" in planned.stdout
        assert planned.returncode == 0
        assert agent.kvsctl("explain", A0).stdout.split()[1] == "INVALID"
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("Done in ")


def test_info_tells_which_agent_it_is(agent: Daemon) -> None:
    agent.kvsctl("apply", "-q", "net.yaml")

    done = agent.kvsctl("info")

    assert (done.returncode, done.stderr) == (0, "")
    first, *rest = done.stdout.splitlines()
    assert re.fullmatch(r"nsm-agent-linux \S+ \(vpp1\), ready", first)
    told = dict(line.split(maxsplit=1) for line in rest)
    assert (told["engine"], told["sources"]) == ("OK", "grpc")
    assert told["values"].endswith("CONFIGURED")


def test_values_are_checked_by_the_agent(agent: Daemon) -> None:
    Path("half.yaml").write_text(UNPLUGGED, encoding="utf-8")
    Path("bad.yaml").write_text(CABLE.replace("10.9.0.1/24", "10.9.0.1/99"), encoding="utf-8")

    half = agent.kvsctl("validate", "half.yaml")
    bad = agent.kvsctl("validate", "bad.yaml")

    assert (half.returncode, half.stderr) == (0, "")
    assert half.stdout.startswith("2 values, all valid.\n")
    assert bad.returncode == 1
    assert bad.stderr.startswith("error: bad.yaml:")


def test_a_kept_plan_outlives_the_agent_and_is_done_once(agent: Daemon) -> None:
    agent.kvsctl("plan", "--out", "net.plan", "net.yaml")
    agent.end()
    agent.start()

    done = agent.kvsctl("apply", "-q", "net.plan")
    again = agent.kvsctl("apply", "-q", "net.plan")

    assert (done.returncode, done.stderr) == (0, "")
    assert again.returncode == 1
    assert again.stderr.startswith("error: net.plan: the state has moved since this plan was made")


def test_what_is_protected_is_not_taken_away(agent: Daemon) -> None:
    guarded = CABLE.replace(
        "      host_if_name: a0\n", "      host_if_name: a0\n      protected: true\n"
    )
    Path("guarded.yaml").write_text(guarded, encoding="utf-8")
    agent.kvsctl("apply", "-q", "guarded.yaml")

    refused = agent.kvsctl("destroy", "--yes", "-q")

    assert refused.returncode == 1
    assert f"{A0} is protected, and would be deleted" in refused.stderr
    assert A0 in keys(agent, "--view", "configured")


def test_a_report_is_of_the_machine_of_the_agent(agent: Daemon) -> None:
    agent.kvsctl("apply", "-q", "net.yaml")

    done = agent.kvsctl("report")

    assert done.returncode == 0
    with tarfile.open("kvsctl-report.tar.gz") as archive:
        names = archive.getnames()
    assert "kvsctl-report/kernel/left/links.json" in names
    assert f"{len(names)} files" in done.stdout


# What happens, as it happens.


def watching(agent: Daemon) -> subprocess.Popen[str]:
    """Start a watcher, and wait until it watches."""
    running = agent.machine.start(*kvsctl(), "--agent", agent.address, "watch")
    assert running.stderr is not None
    assert running.stderr.readline() == "Watching 5 values; Ctrl-C ends it.\n"
    return running


def test_a_watcher_is_told_what_the_agent_mends_and_ends_with_a_signal(agent: Daemon) -> None:
    agent.kvsctl("apply", "-q", "net.yaml")
    with watching(agent) as running:
        assert running.stdout is not None
        agent.machine.inside("left", "ip", "link", "set", "a0", "mtu", "1300")

        assert running.stdout.readline().partition("  ")[2] == f"~ {A0}  # it had drifted\n"
        os.kill(running.pid, signal.SIGINT)
        assert running.wait(WAIT_S) == 0

    assert agent.kvsctl("diff").returncode == 0


def test_a_watcher_says_that_the_agent_is_gone(agent: Daemon) -> None:
    agent.kvsctl("apply", "-q", "net.yaml")
    with watching(agent) as running:
        assert running.stderr is not None
        agent.end(signal.SIGKILL)

        assert running.wait(WAIT_S) == 1
        assert running.stderr.read().startswith(f"error: the agent at {agent.address} is gone (")


# At a press of TAB.


def offered(agent: Daemon, *words: str) -> list[str]:
    asked = BashComplete(cli, {}, "kvsctl", "_KVSCTL_COMPLETE")
    *arguments, begun = words
    line = ["--agent", agent.address, *arguments]
    return [one.value for one in asked.get_completions(line, begun)]


def test_a_shell_is_offered_what_the_agent_has(agent: Daemon) -> None:
    agent.kvsctl("apply", "-q", "net.yaml")
    agent.kvsctl("apply", "-q", "--source", "night", "two.yaml")

    assert offered(agent, "explain", "config/linux/int") == [
        f"{A0[:-2]}{name}" for name in ("a0", "a1", "b0", "b1")
    ]
    assert A0 in offered(agent, "timeline", "a0")
    assert offered(agent, "destroy", "--source", "n") == ["night"]


def test_a_shell_is_offered_nothing_of_an_agent_that_is_gone(agent: Daemon) -> None:
    agent.end()

    assert offered(agent, "explain", "") == []


# Over the network.


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def secured(machine: Machine, certificates: Certificates) -> Iterator[tuple[Daemon, list[str]]]:
    """Give an agent that listens on TCP, and what kvsctl needs for it but a certificate."""
    Path("net.yaml").write_text(CABLE, encoding="utf-8")
    machine.run("ip", "link", "set", "lo", "up")
    server = certificates.issue("localhost", "127.0.0.1")
    grpc = {
        "endpoint": ["127.0.0.1:9111"],
        "cert-file": str(server.cert),
        "key-file": str(server.key),
        "ca-files": [str(certificates.ca)],
    }
    roles = {"roles": {"reader.example": "read", "DNS:writer.example": "write"}}
    with daemon(machine, grpc=grpc, access=roles) as running:
        yield running, ["--agent", "127.0.0.1", "--ca", str(certificates.ca)]


def test_a_certificate_decides_what_may_be_done(
    secured: tuple[Daemon, list[str]], certificates: Certificates
) -> None:
    agent, options = secured

    def as_(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        pair = certificates.issue(name)
        shown = ["--cert", str(pair.cert), "--key", str(pair.key)]
        return agent.machine.kvsctl(*options, *shown, *arguments)

    assert as_("writer.example", "apply", "-q", "net.yaml").returncode == 0
    assert A0 in as_("reader.example", "get").stdout
    refused = as_("reader.example", "destroy", "--yes", "-q")
    stranger = as_("stranger.example", "get")
    nobody = agent.machine.kvsctl(*options, "get")

    assert refused.returncode == stranger.returncode == nobody.returncode == 1
    assert refused.stderr == (
        "error: the agent at 127.0.0.1 says no: this takes the role write, not read;"
        " its access.conf says who has which role\n"
    )
    assert "this takes the role read, not none" in stranger.stderr
    assert nobody.stderr.startswith("error: ")
    assert nobody.stderr.count("\n") == 1


def test_a_certificate_that_another_authority_has_signed_is_not_believed(
    secured: tuple[Daemon, list[str]], tmp_path: Path
) -> None:
    agent, _ = secured
    other = Certificates(tmp_path / "other")

    done = agent.machine.kvsctl("--agent", "127.0.0.1:9111", "--ca", str(other.ca), "info")

    assert (done.returncode, done.stdout) == (1, "")
    told = "is signed by nobody whom --ca names, or is for another name"
    assert done.stderr == f"error: the agent's certificate at 127.0.0.1:9111 {told}\n"


def test_over_the_network_nothing_goes_unencrypted(run: Run) -> None:
    done = run("--agent", "192.0.2.1:9111", "info")

    assert done.stderr == (
        "error: 192.0.2.1:9111 is not this machine, and nothing would be encrypted:"
        " --ca FILE says who has signed the agent's certificate\n"
    )


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("unix:/run/agent.sock", "unix:/run/agent.sock"),
        ("/run/agent.sock", "unix:/run/agent.sock"),
        ("host", "host:9111"),
        ("host:1", "host:1"),
        ("[::1]:7", "[::1]:7"),
        ("[fe80::1]", "[fe80::1]:9111"),
    ],
)
def test_an_address_is_a_path_or_a_host(address: str, target: str) -> None:
    assert channel.target(address) == target


@pytest.mark.parametrize("address", ["host:0", "host:65536", "http://host", "a b", "::1", "h:p"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UserError, match="is no agent's address"):
        channel.target(address)


def test_without_an_agent_nothing_of_grpc_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(CABLE, encoding="utf-8")
    script = (
        "import sys; from kvs_agent.cli import main; assert main(['validate', 'net.yaml']) == 0;"
        "assert main(['history']) == 0; sys.exit('grpc' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment({"KVSCTL_STATE": "state.db"}),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_where_grpc_is_not_installed_its_extra_is_named(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['grpc'] = None; from kvs_agent.cli import main;"
        "sys.exit(main(['--agent', '/x', 'get']))"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == (
        "error: --agent takes gRPC, which is not installed: pip install 'kvscheduler[cli,grpc]'\n"
    )
