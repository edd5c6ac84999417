"""--listen-client-http-urls and --listen-metrics-urls, with etcd 3.7.3's answers (by curl)."""

from __future__ import annotations

import asyncio
import http.client
import socket
from collections.abc import Callable

import pytest

from fake_etcd.cli.flags import UsageError, parse
from fake_etcd.cli.serving import NodeServer
from tests.transport.wire import HELLO, Answer, Client, request_fields

SECONDS = 10.0
ANYWHERE = "http://127.0.0.1:0"
CORS = {
    "Access-Control-Allow-Headers": "accept, content-type, authorization",
    "Access-Control-Allow-Methods": "POST, GET, OPTIONS, PUT, DELETE",
    "Access-Control-Allow-Origin": "*",
}
PLAIN = {"Content-Type": "text/plain; charset=utf-8"}
NOSNIFF = {"X-Content-Type-Options": "nosniff"}
METRICS = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"}
HEALTH = b'{"health":"true","reason":""}'
VERSION = b'{"etcdserver":"3.7.3","etcdcluster":"3.7.0","storage":"3.7.0"}'

Page = tuple[int, dict[str, str], bytes]


def ask(address: str, method: str, path: str) -> Page:
    """The answer of a page, without its date and length."""
    connection = http.client.HTTPConnection(address, timeout=SECONDS)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        left_out = ("Date", "Content-Length")
        headers = {name: value for name, value in answer.getheaders() if name not in left_out}
        return answer.status, headers, answer.read()
    finally:
        connection.close()


def everything(address: str, sent: bytes) -> bytes:
    """What comes until the end of the connection."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), SECONDS) as connection:
        connection.sendall(sent)
        received = b""
        while piece := connection.recv(65_536):
            received += piece
        return received


def with_server(flags: list[str], use: Callable[[NodeServer], None]) -> None:
    """Use a server from another thread."""

    async def run() -> None:
        server = NodeServer(parse([f"--listen-client-urls={ANYWHERE}", *flags]))
        await server.start()
        try:
            await asyncio.get_running_loop().run_in_executor(None, use, server)
        finally:
            await server.stop(0)

    asyncio.run(run())


def test_pages_are_served_where_they_are_alone() -> None:
    def use(server: NodeServer) -> None:
        [(address, is_secure)] = server.http_served
        assert not is_secure
        assert ask(address, "GET", "/health") == (200, {**CORS, **PLAIN}, HEALTH)
        json = {"Content-Type": "application/json"}
        assert ask(address, "GET", "/version") == (200, {**CORS, **json}, VERSION)

    with_server(["--listen-client-http-urls=http://localhost:0"], use)


def test_client_urls_are_for_grpc_alone_then() -> None:
    def use(server: NodeServer) -> None:
        [(address, _)] = server.served
        assert server.served == [(address, False)]
        # grpc-go begins by its own SETTINGS, too, whatever it is sent.
        answers = Client().read(everything(address, b"GET /health HTTP/1.1\r\n\r\n"))
        assert [answer[0] for answer in answers] == ["SETTINGS", "WINDOW_UPDATE", "GOAWAY"]
        client = Client()
        page = client.headers(1, (*request_fields("/version", method="GET")[:4],), end=True)
        host, port = address.split(":")
        seen: list[Answer] = []
        with socket.create_connection((host, int(port)), SECONDS) as connection:
            connection.sendall(HELLO + page)
            while not any(answer[0] == "HEADERS" for answer in seen):
                received = connection.recv(65_536)
                assert received, seen
                seen += client.read(received)
        fields = [
            (":status", "415"),
            ("content-type", "application/grpc"),
            ("grpc-status", "3"),
            ("grpc-message", 'invalid gRPC request content-type ""'),
        ]
        assert seen[-1] == ("HEADERS", 1, fields, "END")

    with_server(["--listen-client-http-urls=http://localhost:0"], use)


@pytest.mark.parametrize(("flags", "status"), [([], 200), (["--enable-grpc-gateway=false"], 404)])
def test_the_gateway_is_where_pages_are_unless_it_is_taken_away(
    flags: list[str], status: int
) -> None:
    def use(server: NodeServer) -> None:
        [(address, _)] = server.http_served
        connection = http.client.HTTPConnection(address, timeout=SECONDS)
        connection.request("POST", "/v3/kv/put", b'{"key":"YQ=="}')
        assert connection.getresponse().status == status
        connection.close()

    with_server(["--listen-client-http-urls=http://localhost:0", *flags], use)


def test_metrics_have_addresses_of_their_own_with_health_beside() -> None:
    def use(server: NodeServer) -> None:
        [url] = server.metrics_served
        address = url.removeprefix("http://")
        assert ask(address, "GET", "/health") == (200, PLAIN, HEALTH)
        refused = {"Allow": "GET", **PLAIN, **NOSNIFF}
        assert ask(address, "OPTIONS", "/health") == (405, refused, b"Method Not Allowed\n")
        assert ask(address, "GET", "/readyz/non_learner") == (200, {**PLAIN, **NOSNIFF}, b"ok\n")
        assert ask(address, "POST", "/livez") == (405, refused, b"Method Not Allowed\n")
        for path in ("/version", "/debug/vars", "/metrics/", "/foo"):
            not_found = (404, {**PLAIN, **NOSNIFF}, b"404 page not found\n")
            assert ask(address, "GET", path) == not_found
        moved = b'<a href="/health">Temporary Redirect</a>.\n\n'
        html = {"Content-Type": "text/html; charset=utf-8", "Location": "/health"}
        assert ask(address, "GET", "//health") == (307, html, moved)
        for method in ("GET", "POST", "OPTIONS"):
            status, headers, body = ask(address, method, "/metrics")
            assert (status, headers) == (200, {**METRICS, "Transfer-Encoding": "chunked"})
            assert b"\netcd_server_has_leader 1.0\n" in body
        assert ask(address, "HEAD", "/metrics") == (200, METRICS, b"")

    with_server([f"--listen-metrics-urls={ANYWHERE}"], use)


def test_extensive_metrics_have_the_times_of_calls() -> None:
    def use(server: NodeServer) -> None:
        address = server.metrics_served[0].removeprefix("http://")
        assert (
            b"\n# TYPE grpc_server_handling_seconds histogram\n"
            in ask(address, "GET", "/metrics")[2]
        )

    with_server(["--metrics=extensive", f"--listen-metrics-urls={ANYWHERE}"], use)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        (
            "--listen-client-http-urls=http://127.0.0.1:31795",
            "cannot bind both --listen-client-urls and --listen-client-http-urls on the same url "
            "http://127.0.0.1:31795",
        ),
        (
            "--listen-client-http-urls=https://127.0.0.1:31796",
            "TLS key/cert (--cert-file, --key-file) must be provided for client url "
            "https://127.0.0.1:31796 with HTTPS scheme",
        ),
        (
            "--listen-metrics-urls=https://127.0.0.1:31796",
            "client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url",
        ),
    ],
)
def test_what_etcd_refuses(flag: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(["--listen-client-urls=http://127.0.0.1:31795", flag])
    assert str(caught.value) == message


@pytest.mark.parametrize("flag", ["--listen-client-http-urls", "--listen-metrics-urls"])
def test_the_control_api_is_on_the_client_urls(flag: str) -> None:
    with pytest.raises(UsageError, match="--control serves HTTP on the client URLs"):
        parse(["--listen-client-urls=http://127.0.0.1:0", "--control", f"{flag}=http://[::1]:0"])


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="there is no IPv6 here")
@pytest.mark.parametrize("flag", ["listen-client-http-urls", "listen-metrics-urls"])
def test_a_name_of_this_machine_is_listened_on_for_both_families(flag: str) -> None:
    def use(server: NodeServer) -> None:
        (address,) = [at for at, _ in server.http_served] or server.metrics_served
        port = address.rpartition(":")[2]
        for host in ("127.0.0.1", "[::1]"):
            assert ask(f"{host}:{port}", "GET", "/health")[2] == HEALTH

    with_server([f"--{flag}=http://localhost:0"], use)
