"""A FakeEtcd with TLS: who may connect to it, as whom, and what a test may do about it."""

from __future__ import annotations

import asyncio
import doctest
import http.client
import json
import os
import re
import ssl
import stat
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from fake_etcd.api import messages as m
from fake_etcd.core.node import Node
from fake_etcd.services import registry
from fake_etcd.services.call import Call, Endpoint, Endpoints
from fake_etcd.testing import FakeEtcd, Tls, certificates, options, tls
from fake_etcd.testing.listening import Listening
from fake_etcd.transport.certificates import KeyPair
from tests.testing.runs import Runner
from tests.testing.stubs import stub

pytest_plugins = ["pytester"]

SECONDS = 20
"""What no step here comes near."""


def put(channel: grpc.Channel, key: bytes = b"a") -> int:
    """Gives the revision."""
    return int(stub(channel, "KV/Put")(m.PutRequest(key=key), timeout=SECONDS).header.revision)


def connected(etcd: FakeEtcd, client: str | KeyPair = tls.CLIENT) -> grpc.Channel:
    return grpc.secure_channel(etcd.endpoint, etcd.client_credentials(client))


def health(etcd: FakeEtcd, context: ssl.SSLContext) -> str:
    """Over a connection of its own: "true", or "refused"."""
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(f"https://{etcd.endpoint}/health", timeout=SECONDS) as answer:
            return str(json.load(answer)["health"])
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            return error.reason.verify_message
        if not isinstance(error.reason, (ssl.SSLError, ConnectionError)):
            raise
        return "refused"
    except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
        return "refused"  # with TLS 1.3 a client hears of it when it reads


def trusting(etcd: FakeEtcd) -> ssl.SSLContext:
    """A client that has no certificate."""
    return ssl.create_default_context(cadata=etcd.ca_cert.decode())


@pytest.fixture
def etcd() -> Iterator[FakeEtcd]:
    with FakeEtcd(tls=True) as etcd:
        yield etcd


@pytest.fixture
def strict() -> Iterator[FakeEtcd]:
    """One that wants certificates."""
    with FakeEtcd(tls=Tls(client_cert_auth=True)) as etcd:
        yield etcd


def test_the_examples_run() -> None:
    assert doctest.testmod(tls).failed == 0


# Without certificates of clients


def test_whoever_trusts_its_authority_can_connect(etcd: FakeEtcd) -> None:
    assert etcd.url == f"https://{etcd.endpoint}" == f"https://127.0.0.1:{etcd.port}"
    with connected(etcd) as channel:
        assert put(channel) == 2
    plain = grpc.ssl_channel_credentials(etcd.ca_cert)
    with grpc.secure_channel(f"localhost:{etcd.port}", plain) as channel:
        assert put(channel) == 3
    assert health(etcd, trusting(etcd)) == "true"
    assert etcd.store.revision == 3


def test_who_does_not_cannot(etcd: FakeEtcd) -> None:
    with FakeEtcd(tls=True) as other:
        why = health(etcd, trusting(other))
    assert why in (
        "unable to get local issuer certificate",
        "self-signed certificate in certificate chain",
    )
    assert etcd.ca_cert != other.ca_cert


def test_who_speaks_without_tls_cannot(etcd: FakeEtcd) -> None:
    with grpc.insecure_channel(etcd.endpoint) as channel, pytest.raises(grpc.RpcError):
        put(channel)
    assert etcd.store.revision == 1


def test_calls_without_a_socket_need_none(etcd: FakeEtcd) -> None:
    assert put(etcd.channel()) == 2

    async def main() -> Any:
        async with etcd.aio_channel() as channel:
            return (await stub(channel, "KV/Put")(m.PutRequest(key=b"a"))).header.revision

    assert asyncio.run(main()) == 3


def test_an_asyncio_client_takes_the_same_credentials(etcd: FakeEtcd) -> None:
    async def main() -> Any:
        credentials = etcd.client_credentials()
        async with grpc.aio.secure_channel(etcd.endpoint, credentials) as channel:
            return (await stub(channel, "KV/Put")(m.PutRequest(key=b"a"))).header.revision

    assert asyncio.run(main()) == 2


def test_etcds_of_one_authority_are_trusted_together() -> None:
    ours = certificates.new_authority()
    with FakeEtcd(tls=Tls(authority=ours)) as one, FakeEtcd(tls=Tls(authority=ours)) as other:
        assert one.ca_cert == other.ca_cert == ours.certificate
        assert health(other, trusting(one)) == "true"
        assert one.server_cert != other.server_cert


def test_a_certificate_is_for_the_hosts_that_were_asked_for() -> None:
    with FakeEtcd(tls=Tls(hosts=("etcd.test",))) as etcd:
        why = "IP address mismatch, certificate is not valid for '127.0.0.1'."
        assert health(etcd, trusting(etcd)) == why
        override = [("grpc.ssl_target_name_override", "etcd.test")]
        with grpc.secure_channel(etcd.endpoint, etcd.client_credentials(), override) as channel:
            assert put(channel) == 2


@pytest.mark.parametrize(
    ("options", "versions"),
    [
        (Tls(), {"TLSv1.2", "TLSv1.3"}),
        (Tls(tls_min_version="TLS1.3"), {"TLSv1.3"}),
        (Tls(tls_max_version="TLS1.2"), {"TLSv1.2"}),
    ],
)
def test_versions_are_bounded(options: Tls, versions: set[str]) -> None:
    found = set()
    with FakeEtcd(tls=options) as etcd:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = trusting(etcd)
            context.minimum_version = context.maximum_version = version
            if health(etcd, context) == "true":
                found.add(version.name.replace("v1_", "v1."))
    assert found == versions


def test_cipher_suites_are_bounded() -> None:
    suite = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
    with FakeEtcd(tls=Tls(tls_max_version="TLS1.2", cipher_suites=(suite,))) as etcd:
        context = trusting(etcd)
        context.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")
        assert health(etcd, context) == "refused"
        context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        assert health(etcd, context) == "true"


def test_an_address_without_tls_may_be_beside_it(etcd: FakeEtcd) -> None:
    assert etcd.url.startswith("https://")
    plain = etcd.listen("http://127.0.0.1:0").removeprefix("http://")
    with grpc.insecure_channel(plain) as channel, connected(etcd) as encrypted:
        assert [put(channel), put(encrypted)] == [2, 3]


def test_an_address_with_tls_needs_it() -> None:
    with FakeEtcd() as etcd, pytest.raises(ValueError, match="cannot listen on 'https://"):
        etcd.listen("https://127.0.0.1:0")


def test_an_address_that_was_down_comes_back_with_tls(etcd: FakeEtcd) -> None:
    url = etcd.url
    with etcd.down():
        assert health(etcd, trusting(etcd)) == "refused"
    assert etcd.url == url
    assert health(etcd, trusting(etcd)) == "true"


# What the server shows


def test_a_new_certificate_is_for_new_connections(etcd: FakeEtcd) -> None:
    seen = {shown(etcd)}
    with connected(etcd) as channel:
        put(channel)
        first = etcd.server_cert
        renewed = etcd.tls.renew()
        assert etcd.server_cert == renewed.certificate != first
        put(channel)
        seen.add(shown(etcd))
        etcd.tls.serve(certificates.new_authority().server(tls.HOSTS))
        assert put(channel) == 4
        assert health(etcd, trusting(etcd)) != "true"
        etcd.tls.serve(etcd.tls.authority.server(tls.HOSTS, certificates.EXPIRED))
        assert put(channel) == 5
        assert health(etcd, trusting(etcd)) == "certificate has expired"
        assert [call.peer for call in etcd.history.calls("Put")] == [
            etcd.history.calls("Put")[0].peer
        ] * 4
    assert seen == {first.decode(), renewed.certificate.decode()}


def test_certificate_and_key_change_between_two_handshakes(
    etcd: FakeEtcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    real = Listening.between_connections

    def watched(listening: Listening, step: Callable[[], None]) -> None:
        def noted() -> None:
            step()
            threads.append(threading.current_thread().name)

        real(listening, noted)

    monkeypatch.setattr(Listening, "between_connections", watched)
    etcd.tls.renew()
    assert threads == []
    assert etcd.port
    renewed = etcd.tls.renew()
    assert threads == ["fake-etcd"]
    assert shown(etcd).encode() == renewed.certificate


def shown(etcd: FakeEtcd) -> str:
    return ssl.get_server_certificate(("127.0.0.1", etcd.port), timeout=SECONDS)


def test_a_reset_takes_everything_back(strict: FakeEtcd) -> None:
    first = strict.server_cert
    strict.tls.serve(certificates.new_authority().server(tls.HOSTS))
    strict.tls.revoke("client")
    assert health(strict, strict.tls.context()) != "true"
    strict.reset()
    assert strict.server_cert == first
    assert health(strict, strict.tls.context()) == "true"


# What clients show


def test_a_client_needs_a_certificate_of_its_authority(strict: FakeEtcd) -> None:
    context = strict.tls.context
    assert health(strict, context()) == "true"
    assert health(strict, context("alice")) == "true"
    assert health(strict, trusting(strict)) == "refused"
    assert health(strict, context(certificates.new_authority().client("alice"))) == "refused"
    authority = strict.tls.authority
    for lifetime in (certificates.EXPIRED, certificates.NOT_YET):
        assert health(strict, context(authority.client("alice", lifetime=lifetime))) == "refused"
    with connected(strict, authority.client("alice")) as channel:
        assert put(channel) == 2


def test_what_was_revoked_is_for_open_connections_only(strict: FakeEtcd) -> None:
    bob = strict.tls.authority.client("bob")
    with connected(strict, "alice") as channel:
        put(channel)
        strict.tls.revoke("alice")
        strict.tls.revoke(bob)
        assert put(channel) == 3
    contexts = [strict.tls.context(client) for client in ("alice", bob, "bob", "carol")]
    assert [health(strict, each) for each in contexts] == ["refused", "refused", "true", "true"]


def test_a_certificate_may_have_to_be_good_for_a_host() -> None:
    with FakeEtcd(
        tls=Tls(client_cert_auth=True, client_cert_allowed_hostname=("client.test",))
    ) as etcd:
        right = etcd.tls.authority.client("alice", hosts=["client.test"])
        wrong = etcd.tls.authority.client("client.test", hosts=["other.test"])
        assert health(etcd, etcd.tls.context()) == "true"
        assert health(etcd, etcd.tls.context(right)) == "true"
        assert health(etcd, etcd.tls.context(wrong)) == "refused"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Those of the certificates with which something was put."""
    found: list[str | None] = []
    made = registry.endpoints

    def endpoints(node: Node) -> Endpoints:
        all_of_them = dict(made(node))
        path = "/etcdserverpb.KV/Put"
        real = all_of_them[path].unary
        assert real is not None, "a put is answered at once"

        def handler(request: Any, call: Call) -> bytes:
            found.append(call.connection.common_name)
            return real(request, call)

        all_of_them[path] = Endpoint(all_of_them[path].method, unary=handler)
        return all_of_them

    monkeypatch.setattr(registry, "endpoints", endpoints)
    return found


def test_a_client_is_known_by_the_name_in_its_certificate(names: list[str | None]) -> None:
    with FakeEtcd(tls=Tls(client_cert_auth=True)) as etcd:
        for channel in (
            connected(etcd),
            connected(etcd, "alice"),
            connected(etcd, etcd.client_certificate("bob")),
            connected(etcd, ""),
            etcd.channel(),
            etcd.channel(client="alice"),
        ):
            with channel:
                put(channel)

        async def main() -> None:
            async with etcd.aio_channel(client="carol") as channel:
                await stub(channel, "KV/Put")(m.PutRequest(key=b"a"))

        asyncio.run(main())
    assert names == ["client", "alice", "bob", "", "client", "alice", "carol"]


def test_nobody_has_a_name_where_none_is_asked_for(names: list[str | None]) -> None:
    with FakeEtcd(tls=True) as etcd, connected(etcd, "alice") as channel:
        put(channel)
        put(etcd.channel())
        with pytest.raises(ValueError, match=r"client='alice': nobody looks at it; give tls=Tls\("):
            etcd.channel(client="alice")
    with FakeEtcd() as plain:
        put(plain.channel())
        with pytest.raises(ValueError, match="client='alice': nobody looks at it"):
            plain.aio_channel(client="alice")
    assert names == [None, None, None]


def test_an_address_may_have_somebody_elses_certificates(names: list[str | None]) -> None:
    with FakeEtcd(tls=Tls(client_cert_auth=True)) as other, FakeEtcd() as etcd:
        url = etcd.listen("https://127.0.0.1:0", other.tls.server_tls())
        assert etcd.url == url
        for _ in range(2):
            assert etcd.node.config.client_cert_auth
            with connected_to(url, other.client_credentials("alice")) as channel:
                put(channel)
            etcd.reset()
    assert names == ["alice", "alice"]


def connected_to(url: str, credentials: grpc.ChannelCredentials) -> grpc.Channel:
    return grpc.secure_channel(url.removeprefix("https://"), credentials)


def test_a_user_is_who_a_certificate_names() -> None:
    with FakeEtcd(tls=Tls(client_cert_auth=True)) as etcd:
        ask = stub(etcd.channel(), "Auth/UserAdd")
        for name in ("root", "alice"):
            ask(m.AuthUserAddRequest(name=name, options=m.UserAddOptions(no_password=True)))
        stub(etcd.channel(), "Auth/RoleAdd")(m.AuthRoleAddRequest(name="root"))
        grant = stub(etcd.channel(), "Auth/UserGrantRole")
        grant(m.AuthUserGrantRoleRequest(user="root", role="root"))
        stub(etcd.channel(), "Auth/AuthEnable")(m.AuthEnableRequest())
        with connected(etcd, "root") as root, connected(etcd, "alice") as alice:
            assert [put(root), put(etcd.channel(client="root"))] == [2, 3]
            for channel in (alice, etcd.channel(client="alice")):
                with pytest.raises(grpc.RpcError, match="etcdserver: permission denied"):
                    put(channel)


# Certificates as bytes, and as files


def test_it_has_what_clients_want_as_bytes_and_as_files(etcd: FakeEtcd) -> None:
    files = etcd.tls.files()
    assert files.ca_cert.read_bytes() == etcd.ca_cert
    assert files.client_cert.read_bytes() == etcd.client_cert
    assert files.client_key.read_bytes() == etcd.client_key
    assert etcd.tls.files() == files
    others = etcd.tls.files("alice")
    alice = etcd.client_certificate("alice")
    assert others.client_cert.read_bytes() == alice.certificate
    assert others.client_key.read_bytes() == alice.key
    assert others.client_cert != files.client_cert
    folder = files.ca_cert.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.parent for path in (others.client_cert, others.client_key)} == {folder}
    etcd.close()
    assert not folder.exists()


def test_nothing_is_written_that_nobody_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with FakeEtcd(tls=Tls(client_cert_auth=True)) as etcd, connected(etcd) as channel:
        put(channel)
        etcd.tls.renew()
        etcd.tls.revoke("alice")
        put(channel)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_the_files_are_not_a_forked_childs_to_take_away(etcd: FakeEtcd) -> None:
    files = etcd.tls.files()
    child = os.fork()
    if child == 0:
        try:
            etcd.close()
            etcd.tls.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert files.ca_cert.exists()


@pytest.mark.parametrize(
    "name", ["ca_cert", "server_cert", "client_cert", "client_key", "client_credentials", "tls"]
)
def test_without_tls_there_are_no_certificates(name: str) -> None:
    with FakeEtcd() as etcd, pytest.raises(RuntimeError, match="no TLS: give tls=True"):
        getattr(etcd, name)()


def test_where_nobody_shows_certificates_none_is_revoked(etcd: FakeEtcd) -> None:
    with pytest.raises(RuntimeError, match="nobody shows this etcd a certificate: give client_"):
        etcd.tls.revoke("alice")


# Options


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (
            lambda: Tls(tls_min_version="TLS1.1"),
            'unexpected TLS version "TLS1.1" (must be one of: TLS1.2, TLS1.3)',
        ),
        (
            lambda: Tls(tls_min_version="TLS1.3", tls_max_version="TLS1.2"),
            "min version (TLS1.3) is greater than max version (TLS1.2)",
        ),
        (lambda: Tls(cipher_suites=("AES",)), 'unexpected TLS cipher suite "AES"'),
        (
            lambda: Tls(cipher_suites=("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",)),
            "http2: TLSConfig.CipherSuites is missing an HTTP/2-required AES_128_GCM_SHA256 cipher",
        ),
        (lambda: Tls(hosts=()), "hosts=(): nobody could reach it"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        make()


def test_the_option_is_a_switch_or_more() -> None:
    with pytest.raises(TypeError, match="tls='yes': it has to be True, False or a Tls"):
        FakeEtcd(tls="yes")  # type: ignore[arg-type]
    assert options.parsed("tls=true", "here") == ("tls", True)
    assert options.parsed("tls = False", "here") == ("tls", False)
    assert options.parsed("tls=client-cert-auth", "here") == ("tls", Tls(client_cert_auth=True))
    why = "here: tls: 'yes' is neither true nor false nor client-cert-auth"
    with pytest.raises(ValueError, match=why):
        options.parsed("tls=yes", "here")


TESTS = """
    import pytest
    from fake_etcd.testing import Tls, certificates
    from tests.testing.stubs import stub

    seen = []

    @pytest.mark.parametrize("number", range(2))
    def test_each_has_the_first_certificate_again(fake_etcd, number):
        assert fake_etcd.url.startswith("https://")
        seen.append(fake_etcd.server_cert)
        assert seen == [seen[0]] * (number + 1)
        fake_etcd.tls.renew()

    @pytest.mark.fake_etcd(tls=False)
    def test_a_marker_wins(fake_etcd):
        assert fake_etcd.url.startswith("http://")

    @pytest.mark.fake_etcd(tls=Tls(client_cert_auth=True))
    def test_another_kind_is_another_etcd(fake_etcd):
        assert fake_etcd.server_cert not in seen
        fake_etcd.channel(client="alice")
"""


@pytest.mark.parametrize("where", ["flag", "ini"])
def test_tests_of_one_kind_share_an_etcd(pytester: pytest.Pytester, where: str) -> None:
    arguments = ["--etcd-option=tls=true"] if where == "flag" else []
    if where == "ini":
        pytester.makeini("[pytest]\netcd_options = tls = true\n")
    Runner(pytester)(TESTS, *arguments, passed=4)


# Control from outside


def test_control_is_behind_it_too() -> None:
    with FakeEtcd(tls=Tls(client_cert_auth=True), control=True) as etcd:
        etcd.store.put("a", "1")
        handler = urllib.request.HTTPSHandler(context=etcd.tls.context())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), handler)
        request = urllib.request.Request(f"{etcd.url}/_fake/reset", b"", method="POST")
        with opener.open(request, timeout=SECONDS) as answer:
            assert answer.status == 200
        assert etcd.store.dump() == {}
