"""HTTP/1.1 on the same port."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session
from .asking import ASK


@scenario
def health_is_a_get(s: Session) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "FOO", "get"):
        s.http(method, "/health")
    s.http("POST", "/health", b"body", [("Content-Type", "application/grpc")])
    s.http("GET", "/health", b"body")


@scenario
def health_is_good_whatever_is_excluded(s: Session) -> None:
    for query in (
        "exclude=NOSPACE",
        "exclude=nope&exclude=CORRUPT",
        "serializable=true",
        "serializable=TRUE",
        "serializable=nope",
        "exclude=%zz",
        "a;b",
        "",
    ):
        s.http("GET", f"/health?{query}")
    s.http("GET", "/%68ealth")


@scenario(
    on_purpose="what has not gRPC's content type over HTTP/2 on plaintext gets the pages that "
    "HTTP/1.1 gets, where etcd knows gRPC alone and answers 415"
)
def on_plaintext_http2_has_no_pages(s: Session) -> None:
    for path in ("/version", "/health", "/nope"):
        s.grpc_by_hand(path, headers=[(":method", "GET")], without=("content-type", "te"))


@scenario
def version_is_a_get(s: Session) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
        s.http(method, "/version")
    s.http("GET", "/version?x=1")


@scenario
def other_paths_are_not_found(s: Session) -> None:
    for path in ("/", "/nope", "/Health", "/health/", "/version/", "/version/x", "/health%2f"):
        s.http("GET", path)
    s.http("POST", "/nope", b"body")
    s.http("HEAD", "/nope")
    s.http("OPTIONS", "/nope")
    s.http("POST", "/etcdserverpb.KV/Range", ASK, [("Content-Type", "application/grpc")])


@scenario
def a_path_that_is_not_clean_is_redirected(s: Session) -> None:
    for path in (
        "//health",
        "/../health",
        "/a/../health?x=1",
        "/a//b/../c",
        "//",
        "/a/..",
        "/.",
        "/a/./",
        "/a//%C3%BC",
        '/./health?a=%20&b="<>',
    ):
        s.http("GET", path)
    s.http("HEAD", "//health")
    s.http("POST", "//health", b"body")
    s.http("OPTIONS", "//health")


@scenario
def a_target_may_be_absolute_or_a_star(s: Session) -> None:
    s.http("GET", "http://host/health")
    s.http("GET", "http://host:1/version?x")
    s.http("GET", "*")
    s.http("OPTIONS", "*")


@scenario(known_limit="GET http://host without a path is 404, where etcd redirects to /")
def an_absolute_target_without_a_path_is_redirected(s: Session) -> None:
    s.http("GET", "http://host")


@scenario
def targets_and_headers_that_are_wrong_are_bad_requests(s: Session) -> None:
    s.http("GET", "/he%zz")
    s.http("GET", "health")
    s.http("GET", "/health", headers=[("Host", "a b")])
    s.http("GET", "/health", headers=[("Host", "")])
    s.http("POST", "/health", headers=[("Expect", "nope")])
    s.http("POST", "/health", headers=[("Transfer-Encoding", "gzip")])
    s.http("POST", "/health", headers=[("Content-Length", "x")])


@scenario
def a_connection_is_closed_when_its_client_says_so(s: Session) -> None:
    s.http("GET", "/health", headers=[("Connection", "close")])
    s.http("GET", "/health", headers=[("Connection", "keep-alive")])
    s.http("GET", "/health", headers=[("Connection", "Upgrade"), ("Upgrade", "h2c")])


@scenario
def headers_of_a_browser_change_nothing(s: Session) -> None:
    s.http("GET", "/health", headers=[("Origin", "http://x"), ("Accept-Encoding", "gzip")])
    s.http("OPTIONS", "/health", headers=[("Access-Control-Request-Method", "DELETE")])
