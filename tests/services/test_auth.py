"""Auth beyond what recorded scenarios show: passwords that are hashed aside, sizes, who calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from google.protobuf.message import Message

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS
from fake_etcd.api.status import OK, Code, Status
from fake_etcd.core.auth.permissions import READWRITE, Permission
from fake_etcd.core.auth.tokens import AuthInfo
from fake_etcd.core.clock import VirtualClock
from fake_etcd.core.node import Node, NodeConfig, Work
from fake_etcd.services import access, passwords, raft_log, registry
from fake_etcd.services.call import Call, Metadata, Receiver
from tests.services.handlers import MemorySink

CHEAP = 4
SALT = bytes(range(16))


class Connection:
    peer = "127.0.0.1:51812"
    endpoint = 0

    def __init__(self, common_name: str | None = None) -> None:
        self.common_name = common_name

    def cut(self) -> None:
        """Never called."""


class Etcd:
    """A node whose hashing waits until a test lets it go on, and calls of its handlers."""

    def __init__(self, **config: object) -> None:
        config = {"bcrypt_cost": CHEAP, **config}
        self.clock = VirtualClock()
        self.node = Node(NodeConfig(**config), self.clock)  # type: ignore[arg-type]
        self.works: list[Work] = []
        self.node.aside = self.works.append
        self._endpoints = registry.endpoints(self.node)

    def call(
        self, name: str, request: Message, metadata: Metadata = (), common_name: str | None = None
    ) -> Message:
        """A unary call that answers at once."""
        method = METHODS[f"/etcdserverpb.{name}"]
        handler = self._endpoints[method.path].unary
        assert handler is not None
        answer = handler(request, Call(method, metadata, None, Connection(common_name)))
        return method.response.FromString(answer)

    def open(
        self, name: str, request: Message, metadata: Metadata = ()
    ) -> tuple[Receiver, MemorySink]:
        """A call that hashes, with its one request."""
        method, sink = METHODS[f"/etcdserverpb.{name}"], MemorySink()
        handler = self._endpoints[method.path].stream
        assert handler is not None
        receiver = handler(Call(method, metadata, None, Connection()), sink)
        receiver.message(request)
        receiver.half_close()
        return receiver, sink

    def work(self) -> None:
        """What waits is done, and gone on with."""
        works = self.works[:]
        self.works.clear()
        for work in works:
            work()()

    def add(self, name: str, *roles: str) -> None:
        self.node.auth.user_add(name, passwords.hashed(name[:9], CHEAP, SALT))
        for role in roles:
            self.node.auth.user_grant_role(name, role)

    def token(self, name: str) -> Sequence[tuple[str, str]]:
        return [("token", self.node.tokens.assign(name, self.node.auth.revision))]


@pytest.fixture
def etcd() -> Etcd:
    """One with the users root, and ann who may do what she likes with keys from a to b."""
    etcd = Etcd()
    auth = etcd.node.auth
    auth.role_add("r")
    auth.role_grant_permission("r", Permission(READWRITE, b"a", b"b"))
    etcd.add("root", "root")
    etcd.add("ann", "r")
    auth.auth_enable()
    return etcd


LOGIN = m.AuthenticateRequest(name="ann", password="ann")


def test_a_password_is_compared_aside(etcd: Etcd) -> None:
    _, sink = etcd.open("Auth/Authenticate", LOGIN)
    assert (sink.messages, sink.status) == ([], None)
    etcd.work()
    assert sink.status == OK
    (answer,) = map(m.AuthenticateResponse.FromString, sink.messages)
    assert answer.header.revision == 1
    revision = etcd.node.auth.revision
    assert etcd.node.tokens.info(answer.token, revision) == AuthInfo("ann", revision)


def test_a_comparison_that_a_change_overtakes_is_made_again(etcd: Etcd) -> None:
    _, sink = etcd.open("Auth/Authenticate", LOGIN)
    etcd.node.auth.user_change_password("ann", passwords.hashed("other", CHEAP, SALT))
    etcd.work()
    assert (sink.messages, sink.status) == ([], None)
    etcd.work()
    assert (sink.messages, sink.status) == ([], errors.AUTH_FAILED.status)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda auth: auth.user_delete("ann"), errors.AUTH_FAILED.status),
        (lambda auth: auth.auth_disable(), errors.AUTH_NOT_ENABLED.status),
    ],
)
def test_who_is_gone_meanwhile_gets_no_token(
    etcd: Etcd, change: Callable[[object], None], status: Status
) -> None:
    _, sink = etcd.open("Auth/Authenticate", LOGIN)
    change(etcd.node.auth)
    etcd.work()
    assert (sink.messages, sink.status, etcd.works) == ([], status, [])


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("UserAdd", m.AuthUserAddRequest(name="bob", password="b")),
        ("UserChangePassword", m.AuthUserChangePasswordRequest(name="ann", password="b")),
    ],
)
def test_what_nobody_waits_for_any_more_is_not_done(
    etcd: Etcd, name: str, request_: Message
) -> None:
    receiver, sink = etcd.open(f"Auth/{name}", request_, etcd.token("root"))
    revision = etcd.node.auth.revision
    receiver.cancelled()
    etcd.work()
    assert (etcd.node.auth.revision, sink.messages, sink.status) == (revision, [], None)


def test_who_calls_is_looked_at_after_the_hash(etcd: Etcd) -> None:
    request = m.AuthUserAddRequest(name="bob", password="b")
    _, sink = etcd.open("Auth/UserAdd", request, etcd.token("ann"))
    etcd.work()
    assert sink.status == errors.PERMISSION_DENIED.status
    assert request == m.AuthUserAddRequest(name="bob", password="b")


def test_a_hash_is_go_s(etcd: Etcd) -> None:
    _, sink = etcd.open(
        "Auth/UserAdd", m.AuthUserAddRequest(name="bob", password="b"), etcd.token("root")
    )
    etcd.work()
    assert sink.status == OK
    user = etcd.node.auth.user("bob")
    assert user is not None
    assert user.password.startswith(b"$2a$04$")
    assert len(user.password) == 60
    assert passwords.matches("b", user.password)


def test_salts_come_from_the_seed_or_from_the_host() -> None:
    def password(**config: object) -> bytes:
        etcd = Etcd(**config)
        etcd.open("Auth/UserAdd", m.AuthUserAddRequest(name="bob", password="b"))
        etcd.work()
        user = etcd.node.auth.user("bob")
        assert user is not None
        return user.password

    assert password(seed=1) == password(seed=1) != password(seed=2)
    of_zeros = password(secret_bytes=bytes)
    assert of_zeros == passwords.hashed("b", CHEAP, bytes(16))


def test_a_long_password_is_refused_before_anything(etcd: Etcd) -> None:
    request = m.AuthUserAddRequest(name="", password="ü" * 36 + "x")
    with pytest.raises(errors.StatusError) as caught:
        etcd.open("Auth/UserAdd", request)
    assert caught.value.status == Status(Code.UNKNOWN, "bcrypt: password length exceeds 72 bytes")
    etcd.open("Auth/UserAdd", m.AuthUserAddRequest(name="", password="ü" * 36))


@pytest.mark.parametrize(
    ("hash", "password"),
    [
        ("", b""),
        ("YQ==", b"a"),
        ("YW\r\nI=\n", b"ab"),
        ("YQ", None),
        ("YQ=", None),
        ("YQ===", None),
        ("Y Q==", None),
        ("YQ==YQ==", None),
        ("-_==", None),
    ],
)
def test_a_hash_of_the_client_s_own_is_base64_as_go_reads_it(
    etcd: Etcd, hash: str, password: bytes | None
) -> None:
    request = m.AuthUserChangePasswordRequest(name="ann", hashedPassword=hash)
    before = etcd.node.auth.user("ann")
    if password is None:
        with pytest.raises(errors.StatusError, match="password was given for no password user"):
            etcd.open("Auth/UserChangePassword", request, etcd.token("root"))
        assert etcd.node.auth.user("ann") == before
    else:
        _, sink = etcd.open("Auth/UserChangePassword", request, etcd.token("root"))
        assert sink.status == OK
        after = etcd.node.auth.user("ann")
        assert after is not None
        assert after.password == password


# Who calls


@pytest.mark.parametrize(
    ("metadata", "known"),
    [
        ([("token", "T")], True),
        ([("token", "Bearer T")], True),
        ([("token", "bearer T")], False),
        ([("authorization", "T")], True),
        ([("authorization", "Bearer T")], True),
        ([("authorization", "T"), ("token", "x")], False),
        ([("authorization", "x"), ("token", "T")], True),
        ([("token", "T"), ("token", "x")], True),
        ([("token", "x"), ("token", "T")], False),
        ([("token", "")], False),
    ],
)
def test_where_a_token_is_looked_for(etcd: Etcd, metadata: Metadata, known: bool) -> None:
    token = etcd.node.tokens.assign("ann", etcd.node.auth.revision)
    put = Call(
        METHODS["/etcdserverpb.KV/Put"],
        [(name, str(value).replace("T", token)) for name, value in metadata],
    )
    if known:
        assert access.auth_info(etcd.node, put) == AuthInfo("ann", etcd.node.auth.revision)
    else:
        with pytest.raises(errors.INVALID_AUTH_TOKEN):
            access.auth_info(etcd.node, put)


GATEWAY = [("grpcgateway-accept", "*/*")]


@pytest.mark.parametrize(
    ("asks", "common_name", "metadata", "expected"),
    [
        (True, "ann", [], "ann"),
        (True, "", [], ""),
        (True, None, [], None),
        (True, "ann", GATEWAY, None),
        (False, "ann", [], None),
    ],
)
def test_a_certificate_says_who_calls(
    asks: bool, common_name: str | None, metadata: Metadata, expected: str | None
) -> None:
    etcd = Etcd(client_cert_auth=asks)
    etcd.add("root", "root")
    etcd.node.auth.auth_enable()
    call = Call(METHODS["/etcdserverpb.KV/Put"], metadata, None, Connection(common_name))
    info = access.auth_info(etcd.node, call)
    assert info == (None if expected is None else AuthInfo(expected, etcd.node.auth.revision))


def test_a_token_comes_before_a_certificate() -> None:
    etcd = Etcd(client_cert_auth=True)
    etcd.add("root", "root")
    etcd.node.auth.auth_enable()
    put = m.PutRequest(key=b"a")
    with pytest.raises(errors.INVALID_AUTH_TOKEN):
        etcd.call("KV/Put", put, [("token", "x")], "root")
    etcd.call("KV/Put", put, etcd.token("root"), "nobody")
    with pytest.raises(errors.PERMISSION_DENIED):
        etcd.call("KV/Put", put, [], "nobody")


# Sizes


@pytest.mark.parametrize(
    "name", ["root", "r" * 200, "ü" * 100, "\U0010ffff" * 32, "\U0010ffff" * 33]
)
def test_the_caller_s_name_counts_in_the_size_of_a_write(name: str) -> None:
    limit = 400
    etcd = Etcd(max_request_bytes=limit)
    etcd.add("root", "root")
    if name != "root":
        etcd.add(name, "root")
    etcd.node.auth.auth_enable()
    anonymous = raft_log.largest_write(etcd.node)
    encoded = len(name.encode())
    more_of_length = 1 if encoded >= 128 else 0
    # A tag, a length and the name; a tag and a revision; the header's own length may grow.
    extra = 1 + 1 + more_of_length + encoded + 2 + more_of_length
    largest = anonymous - extra
    put = m.PutRequest(key=b"k", value=b"v" * (largest - 6))
    assert put.ByteSize() in (largest, largest - 1)
    etcd.call("KV/Put", put, etcd.token(name))
    put.value += b"v" * (largest - put.ByteSize() + 1)
    with pytest.raises(errors.REQUEST_TOO_LARGE):
        etcd.call("KV/Put", put, etcd.token(name))


def test_a_certificate_s_name_counts_while_auth_is_off() -> None:
    etcd = Etcd(max_request_bytes=400, client_cert_auth=True)
    largest = raft_log.largest_write(etcd.node)
    put = m.PutRequest(key=b"k", value=b"v" * (largest - 6))
    etcd.call("KV/Put", put)
    with pytest.raises(errors.REQUEST_TOO_LARGE):
        etcd.call("KV/Put", put, (), "ann")


# Times


def test_a_token_lives_as_long_as_it_is_used(etcd: Etcd) -> None:
    token, put = etcd.token("ann"), m.PutRequest(key=b"a")
    for _ in range(3):
        etcd.clock.advance(299)
        etcd.call("KV/Put", put, token)
    etcd.clock.advance(302)
    with pytest.raises(errors.INVALID_AUTH_TOKEN):
        etcd.call("KV/Put", put, token)
