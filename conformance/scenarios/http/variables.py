"""/debug/vars, and other pages of Go's that etcd has or has not."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session


@scenario
def variables_can_only_be_read(s: Session) -> None:
    for method in ("HEAD", "POST", "PUT", "DELETE", "OPTIONS", "FOO"):
        s.http(method, "/debug/vars")


@scenario
def variables_are_below_one_path_alone(s: Session) -> None:
    for path in ("/debug", "/debug/", "/debug/vars/", "/debug/var", "/debug/vars/cmdline"):
        s.http("GET", path)


@scenario
def profiles_are_not_there_unless_asked_for(s: Session) -> None:
    for path in ("/debug/pprof", "/debug/pprof/", "/debug/pprof/heap", "/debug/requests"):
        s.http("GET", path)


@scenario
def what_older_releases_had_is_not_there(s: Session) -> None:
    for path in ("/v2", "/v2/keys", "/v2/keys/a", "/v2/machines", "/config/local/log", "/stats"):
        s.http("GET", path)
    s.http("PUT", "/config/local/log", b'{"Level":"DEBUG"}')


@scenario
def versions_are_json(s: Session) -> None:
    s.http("GET", "/version", headers=[("Accept", "text/html")])
    for method in ("PATCH", "TRACE", "FOO"):
        s.http(method, "/version")
    for path in ("/version/", "/version/etcdserver", "/Version", "/v3/version"):
        s.http("GET", path)


@scenario
def variables_come_as_json_in_chunks(s: Session) -> None:
    s.http("GET", "/debug/vars", shows_body=False)
    s.http("GET", "/debug/vars?x=1", b"body", shows_body=False)


@scenario
def metrics_are_text_whatever_the_method(s: Session) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "FOO"):
        s.http(method, "/metrics", shows_body=False)


@scenario
def metrics_are_text_for_who_wants_another_kind(s: Session) -> None:
    for kind in ("text/plain", "application/openmetrics-text; version=1.0.0", "application/json"):
        s.http("GET", "/metrics", headers=[("Accept", kind)], shows_body=False)


@scenario
def metrics_are_compressed_for_who_takes_that(s: Session) -> None:
    for coding in ("gzip", "deflate, gzip;q=0.5", "identity", "br", ""):
        s.http("GET", "/metrics", headers=[("Accept-Encoding", coding)], shows_body=False)


@scenario
def no_other_page_is_compressed(s: Session) -> None:
    packs = [("Accept-Encoding", "gzip, deflate")]
    for path in ("/health", "/livez?verbose", "/readyz?verbose", "/version", "/nope"):
        s.http("GET", path, headers=packs)
    s.http("GET", "/debug/vars", headers=packs, shows_body=False)


@scenario
def metrics_are_at_one_path_alone(s: Session) -> None:
    for path in ("/metrics/", "/Metrics", "/metrics/x", "/proxy/metrics", "//metrics"):
        s.http("GET", path)
