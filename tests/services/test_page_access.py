"""--cors and --host-whitelist, as recorded from etcd 3.7.3 with curl."""

from __future__ import annotations

from functools import partial

import pytest

from fake_etcd.core.node import Node
from fake_etcd.services.http import HttpRequest, HttpResponse
from fake_etcd.services.mux import handle
from fake_etcd.services.page_access import Access

HEALTH = b'{"health":"true","reason":""}'
ORIGIN = "http://a.example:80"
ACCESS = Access(frozenset((ORIGIN, "http://b.example:8080")), frozenset(("localhost", "::1")))
NOT_TOLD = HttpResponse(200, (), HEALTH)


def told(origin: str, body: bytes = HEALTH) -> HttpResponse:
    headers = (
        ("Access-Control-Allow-Headers", "accept, content-type, authorization"),
        ("Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE"),
        ("Access-Control-Allow-Origin", origin),
    )
    return HttpResponse(200, headers, body)


def refused(shown: str) -> HttpResponse:
    return HttpResponse(
        421,
        (
            ("Content-Type", "text/plain; charset=utf-8"),
            ("X-Content-Type-Options", "nosniff"),
        ),
        b"\netcd received your request, but the Host header was unrecognized.\n\n"
        b"To fix this, choose one of the following options:\n"
        b"- Enable TLS, then any HTTPS request will be allowed.\n"
        b"- Add the hostname you want to use to the whitelist in settings.\n"
        b"  - e.g. etcd --host-whitelist " + shown.encode() + b"\n\n"
        b'This requirement has been added to help prevent "DNS Rebinding" attacks '
        b"(CVE-2018-5702).\n\n",
    )


def answer(access: Access, method: str, *, is_encrypted: bool = False, **headers: str) -> object:
    request = HttpRequest(method, "/health", tuple(headers.items()), b"", is_encrypted=is_encrypted)
    return access.answer(partial(handle, Node()), request)


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "[::1]:5", "localhost:"])
def test_a_host_on_the_list_is_served(host: str) -> None:
    assert answer(ACCESS, "GET", Host=host) == NOT_TOLD


@pytest.mark.parametrize(
    ("host", "shown"),
    [("evil", '"evil"'), ("evil:2379", '"evil"'), ("[::1]", '"[::1]"'), ("a:b:c", '"a:b:c"')],
)
def test_another_host_is_refused(host: str, shown: str, caplog: pytest.LogCaptureFixture) -> None:
    assert answer(ACCESS, "GET", Host=host, Origin=ORIGIN) == refused(shown)
    [record] = caplog.records
    assert record.getMessage() == "rejecting HTTP request to prevent DNS rebinding attacks"
    assert record.__dict__["fields"] == {"host": shown.strip('"')}


def test_what_is_encrypted_may_name_any_host() -> None:
    assert answer(ACCESS, "GET", is_encrypted=True, Host="evil") == NOT_TOLD


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_an_origin_on_the_list_is_told(method: str) -> None:
    body = HEALTH if method == "GET" else b""
    assert answer(ACCESS, method, Host="localhost", Origin=ORIGIN) == told(ORIGIN, body)
    other = HttpResponse(200, (), body)
    assert answer(ACCESS, method, Host="localhost", Origin="http://x") == other


@pytest.mark.parametrize("everybody", [frozenset[str](), frozenset(("*", ORIGIN))])
def test_no_list_is_everybody(everybody: frozenset[str]) -> None:
    access = Access(everybody, everybody)
    assert access.is_open
    assert answer(access, "GET", Host="evil", Origin="http://x") == told("*")
