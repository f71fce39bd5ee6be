# SPDX-License-Identifier: Apache-2.0
"""Identities: read, believed or not, handed out by a Workload API, rotated."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from kvs_descriptors.nsm.errors import Untrusted
from kvs_descriptors.nsm.identity import spiffe_id, workload
from kvs_descriptors.nsm.identity.svid import Identity, peer_identity
from kvs_descriptors.nsm.identity.workload import WorkloadApi
from kvs_proto.spiffe.workload_pb2 import X509SVIDResponse
from tests.nsm.authority import Authority
from tests.nsm.serving import running, until
from tests.nsm.workload import Workload, response

AUTHORITY = Authority()
ME = AUTHORITY.identity("me")
GIVEN = response(ME).svids[0]


# --- IDs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "domain"),
    [
        ("spiffe://test.nsm/me", "test.nsm"),
        ("spiffe://k8s.nsm/ns/default/pod/x-1", "k8s.nsm"),
        ("spiffe://test.nsm", "test.nsm"),
    ],
)
def test_an_id_is_of_a_trust_domain(identity: str, domain: str) -> None:
    assert spiffe_id.trust_domain(identity) == domain


@pytest.mark.parametrize(
    "identity",
    [
        "",
        "spiffe://",
        "https://test.nsm/me",
        "spiffe://Test.nsm/me",
        "spiffe://test.nsm/",
        "spiffe://test.nsm/me/",
        "spiffe://test.nsm//me",
        "spiffe://test.nsm/../other",
        "spiffe://test.nsm/./me",
        "spiffe://test.nsm:80/me",
        "spiffe://user@test.nsm/me",
        "spiffe://test.nsm/me?x=1",
        "spiffe://test.nsm/me\n",
        "spiffe://test.nsm/" + "x" * 2048,
    ],
)
def test_what_is_no_id_is_refused(identity: str) -> None:
    with pytest.raises(Untrusted):
        spiffe_id.trust_domain(identity)


@pytest.mark.parametrize(
    "uris",
    [
        ("spiffe://test.nsm/me", "spiffe://test.nsm/other"),
        ("https://test.nsm/me",),
        ("spiffe://other.nsm/me",),
    ],
)
def test_a_certificate_bears_one_id_of_our_domain(uris: tuple[str, ...]) -> None:
    stranger = AUTHORITY.identity("stranger", *uris)

    with pytest.raises(Untrusted):
        peer_identity(ME, stranger.svid.chain[0])


def test_an_authority_is_nobody() -> None:
    with pytest.raises(Untrusted, match="authority"):
        spiffe_id.of_certificate(AUTHORITY.certificate)


# --- what a Workload API hands out ---------------------------------------------------------------


def test_an_identity_is_read() -> None:
    read = Identity.from_der(GIVEN.x509_svid, GIVEN.x509_svid_key, GIVEN.bundle)

    assert read.svid.id == "spiffe://test.nsm/me"
    assert (read.svid.chain, read.bundle) == (ME.svid.chain, ME.bundle)
    assert read.domain == "test.nsm"


def test_chains_and_bundles_may_have_several_certificates() -> None:
    two = GIVEN.bundle + response(Authority().identity("x")).svids[0].bundle

    read = Identity.from_der(GIVEN.x509_svid + GIVEN.bundle, GIVEN.x509_svid_key, two)

    assert (len(read.svid.chain), len(read.bundle)) == (2, 2)


@given(st.binary(max_size=40), st.sampled_from(["svid", "key", "bundle"]))
def test_what_cannot_be_read_is_no_identity(nonsense: bytes, where: str) -> None:
    parts = {"svid": GIVEN.x509_svid, "key": GIVEN.x509_svid_key, "bundle": GIVEN.bundle}
    parts[where] = nonsense

    with pytest.raises(Untrusted):
        Identity.from_der(parts["svid"], parts["key"], parts["bundle"])


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)],
    ids=["P-384", "RSA"],
)
def test_keys_that_tokens_cannot_be_signed_with_are_refused(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
) -> None:
    der = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )

    with pytest.raises(Untrusted, match="P-256"):
        Identity.from_der(GIVEN.x509_svid, der, GIVEN.bundle)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("unix:///run/spire/agent.sock", "unix:/run/spire/agent.sock"),
        ("unix:/run/spire/agent.sock", "unix:/run/spire/agent.sock"),
        ("/run/spire/agent.sock", "unix:/run/spire/agent.sock"),
        ("tcp://127.0.0.1:8081", "ipv4:127.0.0.1:8081"),
    ],
)
def test_the_environment_says_where_the_workload_api_is(text: str, target: str) -> None:
    assert workload.endpoint({workload.ENDPOINT_VARIABLE: text}) == target


@pytest.mark.parametrize("text", ["", "unix://host/x", "tcp://127.0.0.1", "http://a:1", "x"])
def test_without_a_workload_api_there_is_no_identity(text: str) -> None:
    with pytest.raises(Untrusted, match=workload.ENDPOINT_VARIABLE):
        workload.endpoint({workload.ENDPOINT_VARIABLE: text})


def test_each_identity_takes_the_place_of_the_last(tmp_path: Path) -> None:
    async def story() -> None:
        api = Workload(tmp_path / "api.sock")
        source = WorkloadApi(f"unix:{api.path}")
        first, second = (AUTHORITY.identity("me") for _ in range(2))
        api.give(first)
        async with api.serving(), running(source.run()):
            changes = source.changes()

            assert (await anext(changes)).svid.chain == first.svid.chain
            api.give(second)
            assert (await anext(changes)).svid.chain == second.svid.chain
            assert (await source.identity()).svid.chain == second.svid.chain

    asyncio.run(story())


def test_an_identity_stays_while_the_workload_api_is_away(tmp_path: Path) -> None:
    async def story() -> None:
        api = Workload(tmp_path / "api.sock")
        source = WorkloadApi(f"unix:{api.path}")
        first, second = (AUTHORITY.identity("me") for _ in range(2))
        async with running(source.run()):
            await until(lambda: source.last_failure != "")
            api.give(first)
            async with api.serving():
                assert (await source.identity()).svid.chain == first.svid.chain
            await until(lambda: source.last_failure != "")
            assert (await source.identity()).svid.chain == first.svid.chain

            api.give(second)
            async with api.serving():
                changes = source.changes()
                while (await anext(changes)).svid.chain != second.svid.chain:
                    pass

    asyncio.run(story())


@pytest.mark.parametrize(
    ("given", "why"), [(X509SVIDResponse(), "no identity for us"), (None, "no identity issued")]
)
def test_a_workload_api_that_has_nothing_is_asked_again(
    tmp_path: Path, given: X509SVIDResponse | None, why: str
) -> None:
    async def story() -> None:
        api = Workload(tmp_path / "api.sock")
        source = WorkloadApi(f"unix:{api.path}")
        if given is not None:
            api.give(given)
        async with api.serving(), running(source.run()):
            await until(lambda: why in source.last_failure)

            api.give(ME)

            assert (await source.identity()).svid.id == ME.svid.id

    asyncio.run(story())


def test_a_key_does_not_show_itself() -> None:
    assert "EllipticCurve" not in repr(ME.svid)
    assert ME.svid.expires > datetime.datetime.now(datetime.UTC)
