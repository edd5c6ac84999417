"""Encrypted sockets: handshakes that are etcd's, certificates that change, and what ends one."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS
from fake_etcd.cli import background, flags, served_node, serving
from fake_etcd.services.call import Call, Endpoint
from fake_etcd.services.http import HttpResponse
from fake_etcd.transport import certificates, loop_host
from fake_etcd.transport.certificates import Authority
from fake_etcd.transport.listener import Limits, Server
from fake_etcd.transport.tls import Acceptor, ServerTls
from fake_etcd.transport.tls_hello import Hello, NotHello, read_hello
from fake_etcd.transport.tls_names import matches_hostname
from fake_etcd.transport.tls_transport import TlsError

from . import handshakes
from .handshakes import CASES, GARBAGE, PREFACE, SECONDS, Case, Client

PUT = "/etcdserverpb.KV/Put"
LOOPS = ["asyncio", "uvloop"]
LOGGED = "rejected connection on client endpoint"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificates of `handshakes`."""
    folder = tmp_path_factory.mktemp("certificates")
    handshakes.write_certificates(folder)
    return folder


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "uvloop":
        pytest.importorskip("uvloop")
    monkeypatch.setenv(loop_host.LOOP_VARIABLE, request.param)


class Servers:
    """A server for each group of flags, started when it is asked for."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._ports: dict[str, int] = {}

    def port(self, group: str) -> int:
        if group not in self._ports:
            served = serve(*handshakes.flags_of(group, self._folder))
            self._ports[group] = self._stack.enter_context(served)
        return self._ports[group]


@pytest.fixture(scope="module")
def servers(folder: Path) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(folder, stack)


@contextmanager
def serve(*arguments: str) -> Iterator[int]:
    """A server with TLS on a port of this machine."""
    with background.serve(["--listen-client-urls=https://127.0.0.1:0", *arguments]) as url:
        assert url.startswith("https://127.0.0.1:")
        yield int(url.rpartition(":")[2])


def rejections(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.__dict__["fields"]["error"]
        for record in caplog.records
        if record.getMessage() == LOGGED
    ]


def logged(caplog: pytest.LogCaptureFixture, count: int) -> list[str]:
    """What was logged, once there is so much; the server is on another thread."""
    deadline = time.monotonic() + SECONDS
    while len(found := rejections(caplog)) < count and time.monotonic() < deadline:
        time.sleep(0.001)
    return found


@contextmanager
def channel(port: int, folder: Path, name: str | None = None) -> Iterator[grpc.Channel]:
    pair = (None, None)
    if name is not None:
        pair = ((folder / f"{name}.key").read_bytes(), (folder / f"{name}.crt").read_bytes())
    credentials = grpc.ssl_channel_credentials((folder / "ca.crt").read_bytes(), *pair)
    with grpc.secure_channel(f"localhost:{port}", credentials) as opened:
        yield opened


def put(over: grpc.Channel, key: bytes, value: bytes = b"") -> int:
    """The revision after a put."""
    unary: grpc.UnaryUnaryMultiCallable[bytes, bytes]
    unary = over.unary_unary(PUT)
    answer = unary(m.PutRequest(key=key, value=value).SerializeToString(), timeout=SECONDS)
    return m.PutResponse.FromString(answer).header.revision


# Handshakes


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_handshake_ends_as_real_etcd_s_does(
    case: Case, servers: Servers, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = servers.port(case.group)
    seen = handshakes.outcome(port, case.client, folder, says_something=case.is_served)
    assert seen == (case.ours or case.seen)
    if case.logged is None:
        assert rejections(caplog) == []
    else:
        (why,) = logged(caplog, 1)
        assert re.fullmatch(case.logged, why)


@pytest.mark.parametrize(("sent", "alert", "why"), GARBAGE)
def test_what_is_no_handshake_is_refused_as_real_etcd_does_it(
    sent: bytes, alert: bytes, why: str, servers: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    assert handshakes.say(servers.port("server"), sent)[5:] == alert
    assert logged(caplog, 1) == [why]


@pytest.mark.usefixtures("loop")
def test_a_client_is_served_whatever_others_do_to_their_handshakes(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ExitStack() as stack:
        with serve(*handshakes.flags_of("mutual", folder)) as port:
            silent = [stack.enter_context(connect(port)) for _ in range(20)]
            half = stack.enter_context(connect(port))
            half.sendall(hello_of(Client("alice"), folder)[:100])
            half.shutdown(socket.SHUT_WR)
            broken = stack.enter_context(connect(port))
            broken.sendall(hello_of(Client("alice"), folder) + b"\x16\x03\x03\x00\x04junk")
            with channel(port, folder, "alice") as opened:
                assert put(opened, b"a") == 2
            assert "EOF" in logged(caplog, 2)
            assert len(rejections(caplog)) == 2
        for one in silent:  # the server's end is their end, too
            assert one.recv(1) == b""


@pytest.mark.usefixtures("loop")
def test_a_handshake_may_not_take_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    authority = certificates.new_authority()
    pair = authority.server(["localhost"])
    tls = ServerTls(lambda: pair.certificate, lambda: pair.key, handshake_seconds=0.05)
    with listening(tls) as port, connect(port) as silent, connect(port) as slow:
        slow.sendall(b"\x16\x03\x01")
        assert (silent.recv(1), slow.recv(1)) == (b"", b"")
        assert logged(caplog, 2) == ["i/o timeout"] * 2


@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_hello_may_come_a_byte_at_a_time(version: str, folder: Path) -> None:
    with serve(*handshakes.flags_of("server", folder)) as port, connect(port) as plain:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = handshakes.context_of(Client(version=version), folder)
        session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        while not is_done(session):
            for byte in outgoing.read():
                plain.sendall(bytes((byte,)))
            incoming.write(plain.recv(65_536))
        for byte in outgoing.read():
            plain.sendall(bytes((byte,)))
        session.write(PREFACE)
        plain.sendall(outgoing.read())
        assert first_byte_of_answer(session, incoming, plain) == b"\0"


def is_done(session: ssl.SSLObject) -> bool:
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def first_byte_of_answer(
    session: ssl.SSLObject, incoming: ssl.MemoryBIO, plain: socket.socket
) -> bytes:
    incoming.write(plain.recv(65_536))
    with contextlib.suppress(ssl.SSLWantReadError):  # tickets came, and no answer yet
        return session.read(1)
    return first_byte_of_answer(session, incoming, plain)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), SECONDS)


def hello_of(client: Client, folder: Path) -> bytes:
    outgoing = ssl.MemoryBIO()
    context = handshakes.context_of(client, folder)
    session = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    assert not is_done(session)
    return outgoing.read()


@contextmanager
def listening(tls: ServerTls) -> Iterator[int]:
    """A node that listens with this."""
    from fake_etcd.testing import FakeEtcd

    with FakeEtcd() as etcd:
        yield int(etcd.listen("https://127.0.0.1:0", tls).rpartition(":")[2])


# Who it is


@pytest.mark.parametrize(
    ("group", "name", "expected"),
    [
        ("mutual", "alice", "'alice'"),
        ("authority", "alice", "'alice'"),
        ("mutual", "nameless", "''"),
        ("server", "alice", "None"),
    ],
)
def test_handlers_learn_the_common_name_of_a_certificate_that_was_looked_at(
    group: str, name: str, expected: str, folder: Path
) -> None:
    settings = flags.parse(
        ["--listen-client-urls=https://127.0.0.1:0", *handshakes.flags_of(group, folder)]
    )
    names: list[str] = []

    def handle(request: Message, call: Call) -> bytes:
        names.append(repr(call.connection.common_name))
        return b""

    async def ask() -> None:
        endpoints = {PUT: Endpoint(METHODS[PUT], handle)}
        server = Server(endpoints, lambda request: HttpResponse(200), Limits(2**20))
        tls = serving.server_tls(settings.tls, settings.listen_client_urls)
        port = int((await server.listen("https://127.0.0.1:0", tls)).rpartition(":")[2])
        with channel(port, folder, name) as opened:
            await asyncio.to_thread(put, opened, b"a")
        await server.close(0)

    asyncio.run(ask())
    assert names == [expected]


# Bytes


@pytest.mark.usefixtures("loop")
def test_large_messages_go_both_ways(folder: Path) -> None:
    value = bytes(range(256)) * 5_000
    with serve(*handshakes.flags_of("server", folder)) as port, channel(port, folder) as opened:
        for number in range(3):
            put(opened, b"%d" % number, value)
        unary: grpc.UnaryUnaryMultiCallable[bytes, bytes]
        unary = opened.unary_unary("/etcdserverpb.KV/Range")
        request = m.RangeRequest(key=b"0", range_end=b"9")
        request.limit = 3
        answer = m.RangeResponse.FromString(unary(request.SerializeToString(), timeout=SECONDS))
        assert [kv.value for kv in answer.kvs] == [value] * 3


@pytest.mark.usefixtures("loop")
def test_a_connection_ends_where_its_bytes_are_no_tls_any_more(folder: Path) -> None:
    with serve(*handshakes.flags_of("server", folder)) as port:
        plain = connect(port)
        context = handshakes.context_of(Client(), folder)
        encrypted = context.wrap_socket(plain, server_hostname="localhost")
        encrypted.sendall(PREFACE)
        assert encrypted.recv(1) == b"\0"
        with socket.socket(fileno=encrypted.detach()) as raw:
            raw.settimeout(SECONDS)
            raw.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
            while raw.recv(1_000):
                pass
        with channel(port, folder) as opened:
            assert put(opened, b"a") == 2


@pytest.mark.usefixtures("loop")
def test_one_port_serves_clients_with_and_without_tls(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    urls = f"http://127.0.0.1:{port},https://127.0.0.1:{port}"
    flags = handshakes.flags_of("mutual", folder)
    with background.serve([f"--listen-client-urls={urls}", *flags]):
        answer = handshakes.say(port, b"GET /health HTTP/1.0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
        with grpc.insecure_channel(f"127.0.0.1:{port}") as plain:
            assert put(plain, b"a") == 2
        with channel(port, folder, "alice") as encrypted:
            assert put(encrypted, b"a") == 3


# Certificates that change


@pytest.mark.usefixtures("loop")
def test_new_connections_get_new_certificates_and_open_ones_lose_nothing(tmp_path: Path) -> None:
    old, new = certificates.new_authority("old"), certificates.new_authority("new")
    write_pair(tmp_path, old)
    revisions: list[int] = []
    stop = threading.Event()
    files = (f"--cert-file={tmp_path}/server.crt", f"--key-file={tmp_path}/server.key")
    with serve(*files) as port, ExitStack() as stack:
        (tmp_path / "ca.crt").write_bytes(old.certificate)
        opened = stack.enter_context(channel(port, tmp_path))
        put(opened, b"before")

        def load() -> None:
            while not stop.is_set():
                revisions.append(put(opened, b"a"))

        thread = threading.Thread(target=load)
        thread.start()
        try:
            for _ in range(10):
                write_pair(tmp_path, new)
                assert issuer(port, new) == "new"
                write_pair(tmp_path, old)
                assert issuer(port, old) == "old"
        finally:
            stop.set()
            thread.join()
    assert revisions == list(range(3, len(revisions) + 3))
    assert len(revisions) > 10


def test_a_certificate_that_is_gone_refuses_until_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = certificates.new_authority("the")
    write_pair(tmp_path, authority)
    files = (f"--cert-file={tmp_path}/server.crt", f"--key-file={tmp_path}/server.key")
    with serve(*files) as port:
        for name, content, why in (
            ("server.crt", None, f"open {tmp_path}/server.crt: no such file or directory"),
            ("server.key", authority.key, "tls: private key does not match public key"),
        ):
            path = tmp_path / name
            kept = path.read_bytes()
            path.unlink() if content is None else path.write_bytes(content)
            with pytest.raises(ssl.SSLError, match=r"(?i)alert.internal.error"):
                issuer(port, authority)
            assert logged(caplog, 1) == [why]
            caplog.clear()
            path.write_bytes(kept)
            assert issuer(port, authority) == "the"


def test_a_revocation_list_is_read_anew(folder: Path, tmp_path: Path) -> None:
    crl = tmp_path / "list"
    crl.write_bytes((folder / "intermediate.crl").read_bytes())
    flags = handshakes.flags_of("mutual", folder)
    with serve(*flags, f"--client-crl-file={crl}") as port:
        for name, seen in (("alice", "closed"), ("intermediate", handshakes.H2)):
            crl.write_bytes((folder / f"{name}.crl").read_bytes())
            found = handshakes.outcome(
                port, Client("alice"), folder, says_something=seen != "closed"
            )
            assert found[-1] == seen


def write_pair(folder: Path, authority: Authority) -> None:
    pair = authority.server(["localhost"])
    # Both are there at any time, but may be of two pairs for a moment: then a handshake fails, as
    # with etcd. Nobody connects meanwhile here.
    (folder / "server.crt").write_bytes(pair.certificate)
    (folder / "server.key").write_bytes(pair.key)


def issuer(port: int, authority: Authority) -> str:
    """Who has signed the certificate that a new client is shown."""
    context = ssl.create_default_context(cadata=authority.certificate.decode())
    with (
        connect(port) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as encrypted,
    ):
        certificate = encrypted.getpeercert()
        assert certificate is not None
        names = [pair for each in certificate["issuer"] for pair in each]  # type: ignore[misc]
        return str(dict(names)["commonName"])  # type: ignore[arg-type]


# What makes no server


PAIR = certificates.new_authority().server(["localhost"])
OTHER = certificates.new_authority().server(["localhost"])
WRONG_KIND = b"-----BEGIN FOO-----\nAAAA\n-----END FOO-----\n"


@pytest.mark.parametrize(
    ("certificate", "key", "why"),
    [
        (PAIR.certificate, OTHER.key, "tls: private key does not match public key"),
        (b"", PAIR.key, "tls: failed to find any PEM data in certificate input"),
        (b"hello", PAIR.key, "tls: failed to find any PEM data in certificate input"),
        (PAIR.certificate, b"hello", "tls: failed to find any PEM data in key input"),
        (
            PAIR.key,
            PAIR.certificate,
            "tls: failed to find certificate PEM data in certificate input, but did find a private "
            "key; PEM inputs may have been switched",
        ),
        (
            PAIR.certificate,
            PAIR.certificate,
            "tls: found a certificate rather than a key in the PEM for the private key",
        ),
        (
            WRONG_KIND * 2,
            PAIR.key,
            'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM '
            "blocks of the following types: [FOO FOO]",
        ),
        (
            PAIR.certificate,
            WRONG_KIND,
            'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after '
            "skipping PEM blocks of the following types: [FOO]",
        ),
    ],
)
def test_a_pair_that_is_none_is_refused_in_go_s_words(
    certificate: bytes, key: bytes, why: str
) -> None:
    with pytest.raises(TlsError) as refused:
        Acceptor(ServerTls(lambda: certificate, lambda: key))
    assert str(refused.value) == why


def test_files_that_are_wrong_stop_the_start_with_one_line(folder: Path) -> None:
    def start(*arguments: str) -> AbstractContextManager[int]:
        return serve(*handshakes.flags_of("server", folder), *arguments)

    for arguments, why in (
        (["--cert-file=/none"], "open /none: no such file or directory"),
        (["--key-file=/none"], "open /none: no such file or directory"),
        (["--trusted-ca-file=/none"], "open /none: no such file or directory"),
        ([f"--key-file={folder}/bob.key"], "tls: private key does not match public key"),
    ):
        with pytest.raises(served_node.CannotStart) as refused, start(*arguments):
            pass
        assert str(refused.value) == why


def test_a_certificate_of_its_own_is_made_on_demand(caplog: pytest.LogCaptureFixture) -> None:
    with serve("--auto-tls", "--client-cert-auth", "--trusted-ca-file=/none") as port:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with connect(port) as plain, context.wrap_socket(plain) as encrypted:
            shown = encrypted.getpeercert(binary_form=True)
            assert shown is not None
        again = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(shown))
        with connect(port) as plain, again.wrap_socket(plain, server_hostname="127.0.0.1"):
            pass


# Pieces


@given(st.binary(min_size=1, max_size=80))
def test_no_bytes_are_too_odd_to_be_read_as_a_hello(data: bytes) -> None:
    for sent in (data, b"\x16\x03\x01" + data, b"\x16\x03\x01\0\x50\x01\0\0" + data):
        with contextlib.suppress(NotHello):
            assert isinstance(read_hello(sent), (Hello, type(None)))


@given(st.lists(st.integers(1, 200), max_size=20), st.sampled_from(["", "1.2", "1.3"]))
def test_a_hello_is_the_same_however_it_is_cut_into_records(sizes: list[int], version: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["foo", "h2"])
    if version:
        wanted = ssl.TLSVersion[f"TLSv{version.replace('.', '_')}"]
        context.minimum_version = context.maximum_version = wanted
    outgoing = ssl.MemoryBIO()
    assert not is_done(context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost"))
    whole = outgoing.read()
    message, cut = whole[5:], b""
    for size in [*sizes, len(message)]:
        piece, message = message[:size], message[size:]
        if piece:
            cut += whole[:3] + len(piece).to_bytes(2, "big") + piece
    expected = read_hello(whole)
    assert expected is not None
    assert read_hello(cut) == expected
    assert expected.protocols == (b"foo", b"h2")
    versions = {"": (0x304, 0x303), "1.2": (0x303, 0x302, 0x301), "1.3": (0x304,)}
    assert expected.versions[: len(versions[version])] == versions[version] or version == "1.2"
    assert all(read_hello(cut[:size]) is None for size in range(1, len(cut)))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("a.example.com", True),
        ("A.Example.com", True),
        ("a.example.com.", True),
        ("example.com", False),
        ("b.a.example.com", False),
        ("*.example.com", True),  # it is no name, and the same text
        ("plain", True),
        ("cn", False),
        ("", False),
        ("127.0.0.1", True),
        ("[127.0.0.1]", True),
        ("::ffff:127.0.0.1", True),
        ("::1", True),
        ("[::1]", True),
        ("0:0:0:0:0:0:0:1", True),
        ("127.0.0.2", False),
        ("127.0.0.9", False),
        ("with space", True),
    ],
)
def test_a_hostname_is_looked_for_as_go_does_it(host: str, expected: bool) -> None:
    certificate = {
        "subject": ((("commonName", "cn"),),),
        "subjectAltName": (
            ("DNS", "*.example.com"),
            ("DNS", "plain"),
            ("DNS", "127.0.0.9"),
            ("DNS", "with space"),
            ("IP Address", "127.0.0.1"),
            ("IP Address", "0:0:0:0:0:0:0:1\n"),
        ),
    }
    assert matches_hostname(certificate, host) is expected
