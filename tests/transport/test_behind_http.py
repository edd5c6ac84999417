"""What HTTP/2 is answered over TLS, where etcd has net/http in front of gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest

from fake_etcd.cli import background
from fake_etcd.services.http import HttpResponse, no_body
from fake_etcd.testing import FakeEtcd
from fake_etcd.transport import certificates
from fake_etcd.transport.grpc.connection import GrpcConnection
from fake_etcd.transport.grpc.server import GrpcServer
from fake_etcd.transport.http2.pages import Pages
from fake_etcd.transport.tls import FileSource, ServerTls

from . import behind_http, handshakes
from .behind_http import (
    CASES,
    JSON,
    RANGE,
    RESET,
    STRICTER,
    Answer,
    Fields,
    ask,
    asked,
    called,
    page,
)
from .handshakes import Client


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    authority = certificates.new_authority()
    pair = authority.server(["localhost"])
    (folder / "ca.crt").write_bytes(authority.certificate)
    (folder / "server.crt").write_bytes(pair.certificate)
    (folder / "server.key").write_bytes(pair.key)
    return folder


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    flags = handshakes.flags_of("server", folder)
    with background.serve(["--listen-client-urls=https://127.0.0.1:0", *flags]) as url:
        yield int(url.rpartition(":")[2])


@pytest.mark.parametrize(("fields", "body", "ends", "expected"), CASES)
def test_a_request_is_answered_as_by_real_etcd(
    fields: Fields, body: bytes, ends: bool, expected: list[Answer], port: int, folder: Path
) -> None:
    assert ask(port, folder, fields, body, ends) == expected


@pytest.mark.parametrize(
    ("fields", "body", "ends"), [(fields, body, ends) for fields, body, ends, _ in STRICTER]
)
def test_what_http2_forbids_is_reset_where_real_etcd_answers(
    fields: Fields, body: bytes, ends: bool, port: int, folder: Path
) -> None:
    assert ask(port, folder, fields, body, ends) == RESET


@pytest.mark.parametrize("fields", [asked("*"), called("*")])
def test_a_star_ends_the_connection_behind_its_answer(
    fields: Fields, port: int, folder: Path
) -> None:
    assert ask(port, folder, fields, b"", True) == page(400, b"")


@pytest.mark.parametrize(
    ("sent", "begins"),
    [
        (b"hello\r\n\r\n", b"HTTP/1.1 400 Bad Request\r\nContent-Type"),
        (handshakes.PREFACE, b"HTTP/1.1 400 Bad Request\r\nAccess-Control-Allow-Headers"),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", b"HTTP/1.1 505 HTTP Version Not Supported"),
        (b"GET /" + b"a" * 6_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 404 Not Found\r\n"),
    ],
)
def test_who_agrees_on_nothing_speaks_http1(
    sent: bytes, begins: bytes, port: int, folder: Path
) -> None:
    import socket

    context = handshakes.context_of(Client(protocols=()), folder)
    with (
        socket.create_connection(("127.0.0.1", port), handshakes.SECONDS) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as encrypted,
    ):
        encrypted.sendall(sent)
        assert encrypted.recv(len(begins)) == begins


def test_a_page_may_read_its_body_up_to_a_limit(folder: Path) -> None:
    """The control API's do."""
    tls = ServerTls(FileSource(f"{folder}/server.crt"), FileSource(f"{folder}/server.key"))
    with FakeEtcd(control=True) as etcd:
        port = int(etcd.listen("https://127.0.0.1:0", tls).rpartition(":")[2])
        body = b'{"a": "b"}'
        answer = ask(port, folder, asked("/_fake/seed", "POST", JSON), body, True)
        assert answer[0][:2] == ("headers", (":status", "200")), answer
        assert etcd.store.get("a") == b"b"
        assert ask(port, folder, called(RANGE), behind_http.ASK, True) == behind_http.answered()


@pytest.mark.parametrize("size", [0, 1, 16_384, 16_385, 65_535, 65_536, 300_000])
def test_a_page_of_any_size_arrives_whole_and_ends(size: int) -> None:
    body = bytes(size)
    pages = Pages(lambda request: HttpResponse(200, (), body), no_body, lambda: "now")
    connection = GrpcConnection(GrpcServer({}, 2**20, pages))
    client = h2.connection.H2Connection(h2.config.H2Configuration())
    client.initiate_connection()
    client.send_headers(1, asked("/"), end_stream=True)
    received, is_over = b"", False
    while sent := client.data_to_send():
        connection.receive(sent, 0.0)
        for event in client.receive_data(connection.take_output()):
            if isinstance(event, h2.events.DataReceived):
                received += event.data
                client.acknowledge_received_data(event.flow_controlled_length, 1)
            is_over |= isinstance(event, h2.events.StreamEnded)
    assert (received, is_over) == (body, True)
    assert connection.http2.open_streams == 0
