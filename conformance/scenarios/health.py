"""grpc.health.v1, whose service etcd has beside its own."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ..scenario import scenario
from ..session import Session
from .auth.asking import switch_on


@scenario
def a_server_is_serving(s: Session) -> None:
    s.call("Health/Check", m.HealthCheckRequest())
    s.call("Health/List", m.HealthListRequest())


@scenario
def services_are_not_known_by_name(s: Session) -> None:
    for name in ("etcdserverpb.KV", "grpc.health.v1.Health", "etcd", " ", "\u00fc"):
        s.call("Health/Check", m.HealthCheckRequest(service=name))


@scenario
def a_watch_says_how_it_is_and_waits(s: Session) -> None:
    for name in ("", "etcdserverpb.KV"):
        watch = s.begin("Health/Watch", m.HealthCheckRequest(service=name))
        watch.receive()
        watch.cancel()
        watch.receive()


@scenario
def everybody_may_ask_how_it_is(s: Session) -> None:
    switch_on(s)
    for caller in (s, s.with_metadata(("token", "not a token"))):
        caller.call("Health/Check", m.HealthCheckRequest())
        caller.call("Health/List", m.HealthListRequest())
        caller.begin("Health/Watch", m.HealthCheckRequest()).receive()


@scenario
def what_is_no_request_of_health_is_refused(s: Session) -> None:
    for method in ("Check", "List", "Watch"):
        s.call(f"Health/{method}", b"\xff")
    s.call("Health/Check", b"\x0a\x01\xff")
    s.call("Health/Check", b"\x12\x01v")
    s.call("Health/List", b"\x0a\x01v")


@scenario
def an_alarm_changes_nothing_of_it(s: Session) -> None:
    for kind in (m.NOSPACE, m.CORRUPT):
        alarm = m.AlarmRequest(action=m.AlarmRequest.ACTIVATE, alarm=kind)
        s.call("Maintenance/Alarm", alarm)
        s.call("Health/Check", m.HealthCheckRequest())
        s.begin("Health/Watch", m.HealthCheckRequest()).receive()
