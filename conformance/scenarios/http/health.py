"""/health."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session


@scenario
def health_is_json_without_saying_so(s: Session) -> None:
    s.http("GET", "/health")
    s.http("GET", "/health", headers=[("Accept", "application/xml")])


@scenario
def health_of_a_member_alone_is_the_same(s: Session) -> None:
    for value in ("true", "false", "", "TRUE", "1"):
        s.http("GET", f"/health?serializable={value}")
    s.http("GET", "/health?serializable=true&serializable=false")


@scenario
def alarms_that_are_not_can_be_left_out(s: Session) -> None:
    for value in ("NOSPACE", "CORRUPT", "NONE", "nospace", "", "4"):
        s.http("GET", f"/health?exclude={value}")


@scenario
def health_is_only_below_its_own_name(s: Session) -> None:
    for path in ("/health/", "/healthz", "/health.json", "/HEALTH", "/v3/health"):
        s.http("GET", path)


@scenario
def health_changes_with_no_key(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.delete_range(key=b"a")
    s.compact(revision=s.at(3))
    s.http("GET", "/health")
