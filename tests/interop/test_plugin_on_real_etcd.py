"""`pytest --etcd=real`: the tests of FakeEtcd's users on real etcd."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from conformance import oracle
from conformance.golang import NoGo
from tests.testing.runs import Runner

from .conftest import built

pytest_plugins = ["pytester"]

CACHE = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")


@pytest.fixture(scope="module", autouse=True)
def program() -> Path:
    """Real etcd's executable; without Go there is nothing to test."""
    return built(oracle.build)


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Runner:
    # pytester takes the home away, and with it what was built before.
    monkeypatch.setenv("XDG_CACHE_HOME", CACHE)
    folder = pytester.mkdir("temporary")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return Runner(pytester)


def nothing_is_left(run: Runner) -> bool:
    """Servers run in temporary folders, which go with them."""
    return list((run.pytester.path / "temporary").iterdir()) == []


TESTS = """
    import grpc, pytest
    from fake_etcd.api import messages as m
    from tests.testing.stubs import stub

    @pytest.mark.parametrize("number", range(2))
    def test_each_begins_empty(fake_etcd, number):
        channel = fake_etcd.channel()
        assert fake_etcd.store.dump() == {}
        put = stub(channel, "KV/Put")
        granted = stub(channel, "Lease/LeaseGrant")(m.LeaseGrantRequest(TTL=100, ID=7))
        put(m.PutRequest(key=b"a", value=b"1", lease=7))
        fake_etcd.store.load({"b": {"base64": "/w=="}})
        assert fake_etcd.store.dump() == {"a": "1", "b": b"\\xff"}
        for endpoint in fake_etcd.endpoints:
            with grpc.insecure_channel(endpoint) as each:
                assert stub(each, "KV/Range")(m.RangeRequest(key=b"a")).count == 1

    @pytest.mark.fake_etcd(max_txn_ops=1, auto_compaction_revisions=5)
    def test_options_are_flags(fake_etcd):
        op = m.RequestOp(request_range=m.RangeRequest(key=b"a"))
        with pytest.raises(grpc.RpcError, match="too many operations"):
            stub(fake_etcd.channel(), "KV/Txn")(m.TxnRequest(success=[op, op]))

    @pytest.mark.fake_etcd(progress_notify_interval_seconds=0.5)
    def test_other_options_are_other_flags(fake_etcd, fake_etcd_factory):
        fake_etcd.store.put("a", "1")
        other = fake_etcd_factory()
        assert other.store.dump() == {}
        assert other.port != fake_etcd.port

    def test_time_is_the_emulators(fake_etcd):
        fake_etcd.clock.freeze()
"""


TESTS_OF_TLS = """
    import json, socket, ssl, urllib.error, urllib.request
    import grpc, pytest
    from fake_etcd.api import messages as m
    from fake_etcd.testing import Tls, certificates
    from tests.testing.stubs import stub

    pytestmark = pytest.mark.fake_etcd(tls=Tls(client_cert_auth=True))

    def gets_in(fake_etcd, client):
        context = fake_etcd.tls.context(client)
        handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        try:
            url = f"{fake_etcd.url}/health"
            with urllib.request.build_opener(*handlers).open(url, timeout=20) as answer:
                return json.load(answer)["health"] == "true"
        except OSError:
            return False

    def put(channel):
        return stub(channel, "KV/Put")(m.PutRequest(key=b"a"), timeout=20)

    @pytest.mark.fake_etcd(tls=True)
    def test_clients_need_no_certificate(fake_etcd):
        assert fake_etcd.url == f"https://{fake_etcd.endpoint}"
        credentials = grpc.ssl_channel_credentials(fake_etcd.ca_cert)
        for endpoint in fake_etcd.endpoints:
            with grpc.secure_channel(endpoint, credentials) as channel:
                put(channel)
        put(fake_etcd.channel())
        assert fake_etcd.store.dump() == {"a": ""}
        with pytest.raises(ValueError, match="client='alice': nobody looks at it"):
            fake_etcd.channel(client="alice")

    @pytest.mark.parametrize("number", range(2))
    def test_certificates_change_and_change_back(fake_etcd, number):
        authority = fake_etcd.tls.authority
        expired = authority.client("alice", lifetime=certificates.EXPIRED)
        foreign = certificates.new_authority().client("alice")
        clients = ["alice", "bob", expired, foreign]
        assert [gets_in(fake_etcd, each) for each in clients] == [True, True, False, False]
        channel = fake_etcd.channel(client="bob")
        put(channel)
        fake_etcd.tls.revoke("bob")
        renewed = fake_etcd.tls.renew().certificate.decode()
        assert ssl.get_server_certificate(("127.0.0.1", fake_etcd.port)) == renewed
        assert [gets_in(fake_etcd, each) for each in clients] == [True, False, False, False]
        put(channel)
        fake_etcd.tls.serve(certificates.new_authority().server(["127.0.0.1"]))
        assert not gets_in(fake_etcd, "alice")
        put(channel)

    def test_users_are_who_certificates_name(fake_etcd):
        def ask(name, request, client=None):
            stub(fake_etcd.channel(client=client), f"Auth/{name}")(request, timeout=20)

        for name in ("root", "alice"):
            no_password = m.UserAddOptions(no_password=True)
            ask("UserAdd", m.AuthUserAddRequest(name=name, options=no_password))
        ask("RoleAdd", m.AuthRoleAddRequest(name="root"))
        ask("UserGrantRole", m.AuthUserGrantRoleRequest(user="root", role="root"))
        ask("AuthEnable", m.AuthEnableRequest())
        put(fake_etcd.channel(client="root"))
        for name in ("alice", "", None):
            with pytest.raises(grpc.RpcError) as caught:
                put(fake_etcd.channel(client=name))
            assert caught.value.details() == "etcdserver: permission denied"
        ask("AuthDisable", m.AuthDisableRequest(), client="root")

    @pytest.mark.fake_etcd(
        tls=Tls(
            client_cert_auth=True,
            client_cert_allowed_hostname=("client.test",),
            tls_min_version="TLS1.2",
            tls_max_version="TLS1.2",
            cipher_suites=("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",),
            hosts=("etcd.test",),
        )
    )
    def test_options_of_tls_are_flags(fake_etcd):
        for hosts, suite, is_good in (
            (["client.test"], "ECDHE-ECDSA-AES128-GCM-SHA256", True),
            (["client.test"], "ECDHE-ECDSA-AES256-GCM-SHA384", False),
            (["other.test"], "ECDHE-ECDSA-AES128-GCM-SHA256", False),
        ):
            client = fake_etcd.tls.authority.client("alice", hosts=hosts)
            context = fake_etcd.tls.context(client)
            context.set_ciphers(suite)
            assert is_shaken(fake_etcd.port, context) is is_good

    def is_shaken(port, context):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
            try:
                with context.wrap_socket(plain, server_hostname="etcd.test") as encrypted:
                    assert encrypted.version() == "TLSv1.2"
                    return True
            except OSError:
                return False
"""


@pytest.mark.parametrize("which", ["fake", "real", "real:3", "real@3.6.16"])
def test_the_same_tests_of_tls_run_on_either(run: Runner, which: str) -> None:
    run(TESTS_OF_TLS, f"--etcd={which}", passed=5)
    assert nothing_is_left(run)


@pytest.mark.parametrize("which", ["fake", "real", "real:3", "real@3.6.16"])
def test_the_same_tests_run_on_either(run: Runner, which: str) -> None:
    if which == "fake":
        run(TESTS, passed=5)
    else:
        run(TESTS, f"--etcd={which}", passed=4, skipped=1)
    assert nothing_is_left(run)


AUTH = """
    import pytest
    from fake_etcd.api.methods import METHODS

    def ask(channel, method, **fields):
        method = METHODS[f"/etcdserverpb.Auth/{method}"]
        call = channel.unary_unary(
            method.path, method.request.SerializeToString, method.response.FromString
        )
        return call(method.request(**fields))

    @pytest.mark.parametrize("is_enabled", [False, True, False])
    def test_it(fake_etcd, is_enabled):
        channel = fake_etcd.channel()
        assert list(ask(channel, "UserList").users) == []
        assert list(ask(channel, "RoleList").roles) == []
        ask(channel, "UserAdd", name="root", password="a")
        ask(channel, "UserAdd", name="ann", password="a")
        ask(channel, "RoleAdd", name="root")
        ask(channel, "UserGrantRole", user="root", role="root")
        if is_enabled:
            ask(channel, "AuthEnable")
"""


def test_users_and_roles_are_gone_even_where_authentication_is_on(run: Runner) -> None:
    run(AUTH, "--etcd=real", passed=3)
    assert nothing_is_left(run)


USERS = """
    import asyncio
    import grpc, pytest
    from fake_etcd.api import messages as m
    from fake_etcd.services import passwords
    from tests.testing.stubs import stub

    AUTH = {
        "root": "a",
        "users": {
            "ann": {"password": "b", "roles": ["reader", "writer"]},
            "bob": "c",
            "dan": {"hash": passwords.hashed("d", 4, bytes(16)).decode(), "roles": "reader"},
            "cert": {"no_password": True},
        },
        "roles": {
            "reader": {"read": ["one", {"range": ["b", "d"]}], "readwrite": {"prefix": "a/"}},
            "writer": {"write": [{"from": "x"}, {"prefix": "p"}]},
        },
    }

    def said(call, request):
        try:
            return call(request)
        except grpc.RpcError as error:
            return error.details()

    @pytest.mark.fake_etcd(auth=AUTH, bcrypt_cost=4, seed={"a/1": "1"})
    @pytest.mark.parametrize("number", range(2))
    def test_users(fake_etcd, number):
        store = fake_etcd.store
        assert store.users() == {
            "ann": ["reader", "writer"], "bob": [], "cert": [], "dan": ["reader"], "root": ["root"]
        }
        assert store.roles() == {
            "reader": {"readwrite": [{"prefix": "a/"}], "read": [{"range": ["b", "d"]}, "one"]},
            "root": {"readwrite": [{"prefix": ""}]},
            "writer": {"write": [{"prefix": "p"}, {"from": "x"}]},
        }
        assert store.dump() == {"a/1": "1"}
        status = stub(fake_etcd.channel(user="root"), "Auth/AuthStatus")(m.AuthStatusRequest())
        assert status.enabled
        key = m.RangeRequest(key=b"a/1")
        assert said(stub(fake_etcd.channel(), "KV/Range"), key) == "etcdserver: user name is empty"
        ann, bob = (fake_etcd.channel(user=user) for user in ("ann", "bob"))
        assert said(stub(ann, "KV/Range"), key).kvs[0].value == b"1"
        assert said(stub(bob, "KV/Range"), key) == "etcdserver: permission denied"
        login = stub(fake_etcd.channel(), "Auth/Authenticate")
        assert login(m.AuthenticateRequest(name="dan", password="d")).token
        create = m.WatchRequest(create_request=m.WatchCreateRequest(key=b"a/1", start_revision=1))
        events = stub(ann, "Watch/Watch")(iter([create]))
        assert next(events).created
        events.cancel()

        async def ask():
            async with fake_etcd.aio_channel(user="ann") as channel:
                return (await stub(channel, "KV/Range")(key)).count

        assert asyncio.run(ask()) == 1
        # The next test has none of these.
        root = fake_etcd.channel(user="root")
        stub(root, "Auth/UserAdd")(m.AuthUserAddRequest(name="eve", password="e"))
        fake_etcd.seed({"auth": {"users": {"zoe": {"password": "z", "roles": ["reader"]}}}})
        assert said(stub(fake_etcd.channel(user="zoe"), "KV/Range"), key).count == 1

    @pytest.mark.fake_etcd(auth={"root": "a"}, bcrypt_cost=4)
    def test_a_reset_brings_them_back(fake_etcd):
        root = fake_etcd.channel(user="root")
        stub(root, "Auth/AuthDisable")(m.AuthDisableRequest())
        stub(root, "KV/Put")(m.PutRequest(key=b"a"))
        fake_etcd.reset()
        assert fake_etcd.store.users() == {"root": ["root"]}
        assert fake_etcd.store.dump() == {}
        assert said(stub(fake_etcd.channel(), "KV/Range"), m.RangeRequest(key=b"a")) == (
            "etcdserver: user name is empty"
        )

    @pytest.mark.fake_etcd(bcrypt_cost=4)
    def test_without_them_nobody_is_asked(fake_etcd):
        assert said(stub(fake_etcd.channel(), "KV/Range"), m.RangeRequest(key=b"a")).count == 0

    @pytest.mark.fake_etcd(auth={"root": "a"}, bcrypt_cost=4)
    def test_tokens_are_the_emulators(fake_etcd):
        fake_etcd.tokens.expire()

    @pytest.mark.fake_etcd(auth={"root": "a", "users": {"u": {"password": "b", "roles": ["r"]}}})
    def test_a_refusal_is_told_with_its_place(fake_etcd):
        pass
"""


@pytest.mark.parametrize("which", ["fake", "real", "real@3.6.16"])
def test_the_same_users_and_roles_are_there_on_either(run: Runner, which: str) -> None:
    if which == "fake":
        output = run(USERS, passed=5, errors=1)
    else:
        output = run(USERS, f"--etcd={which}", passed=4, skipped=1, errors=1)
    assert "auth: user 'u' gets role 'r': etcdserver: role name not found" in output
    assert nothing_is_left(run)


def test_a_server_that_is_there_is_wiped_of_users_that_tests_had(run: Runner) -> None:
    with oracle.start(flags=("--bcrypt-cost=4",)) as running:
        address = running.url.removeprefix("http://")
        source = USERS.replace(", bcrypt_cost=4", "").replace("(bcrypt_cost=4)", "()")
        for _ in range(2):
            run(source, f"--etcd={address}", passed=4, skipped=1, errors=1)


def test_a_server_that_cannot_be_wiped_any_more_is_told(run: Runner) -> None:
    with oracle.start() as running:
        address = running.url.removeprefix("http://")
        output = run(AUTH, f"--etcd={address}", "-k", "True", errors=1, passed=1, deselected=2)
        assert f"{address} cannot be wiped again: etcdserver: user name is empty" in output
        output = run(AUTH, f"--etcd={address}", "--etcd-wipe", "-k", "True", errors=1, deselected=2)
        assert f"{address} cannot be wiped for tests: etcdserver: user name is empty" in output


def test_a_test_may_reset_and_close_its_etcd(run: Runner) -> None:
    run(
        """
        import pytest

        @pytest.mark.parametrize("number", range(2))
        def test_it(fake_etcd, number):
            fake_etcd.store.put("a", "1")
            fake_etcd.reset()
            assert fake_etcd.store.dump() == {}
            fake_etcd.store.put("a", "1")
            fake_etcd.close()
        """,
        "--etcd=real",
        passed=2,
    )


def test_a_version_that_does_not_exist_fails_tests_with_what_go_says(run: Runner) -> None:
    output = run("def test_it(fake_etcd): pass", "--etcd=real@3.7.999", errors=1)
    assert "there is no real etcd: go get go.etcd.io/etcd/server/v3@v3.7.999" in output


def test_an_etcd_on_the_path_will_do_where_there_is_no_go(
    run: Runner, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(version: str) -> Path:
        raise NoGo("no Go toolchain")

    monkeypatch.setattr("fake_etcd.conformance.oracle.build", build)
    monkeypatch.setattr("fake_etcd.conformance.oracle.golang.NoGo", NoGo)
    source = "def test_it(fake_etcd): assert fake_etcd.store.put('a', '1') == 2"
    folder = run.pytester.mkdir("bin")
    monkeypatch.setenv("PATH", str(folder))
    output = run(source, "--etcd=real", errors=1)
    assert "there is no real etcd: no Go toolchain" in output
    shutil.copy(program, folder / "etcd")
    run(source, "--etcd=real", passed=1)


def test_a_flag_that_etcd_refuses_is_told_in_its_words(run: Runner) -> None:
    output = run(
        """
        import pytest

        @pytest.mark.fake_etcd(max_txn_ops=2**64)
        def test_it(fake_etcd):
            pass
        """,
        "--etcd=real",
        errors=1,
    )
    wrong = f'invalid value "{2**64}" for flag -max-txn-ops: value out of range'
    assert wrong in output
    assert output.count("etcd does not answer on") == 1
