"""What pages say of alarms."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session

PATHS = ("/health", "/health?serializable=true", "/livez?verbose", "/readyz?verbose")


def alarm(s: Session, action: int, kind: int) -> None:
    request = m.AlarmRequest(action=action, alarm=kind, memberID=5)
    s.call("Maintenance/Alarm", request)


def look(s: Session) -> None:
    for path in PATHS:
        s.http("GET", path)


@scenario
def a_lack_of_space_is_bad_for_health_alone(s: Session) -> None:
    alarm(s, m.AlarmRequest.ACTIVATE, m.NOSPACE)
    look(s)
    alarm(s, m.AlarmRequest.DEACTIVATE, m.NOSPACE)
    look(s)


@scenario
def corruption_is_bad_for_health_and_readiness(s: Session) -> None:
    alarm(s, m.AlarmRequest.ACTIVATE, m.CORRUPT)
    look(s)
    s.http("GET", "/readyz")
    s.http("GET", "/readyz/data_corruption")
    s.http("GET", "/readyz/non_learner?verbose")
    s.http("GET", "/readyz?exclude=data_corruption")
    s.http("GET", "/livez/serializable_read")


@scenario
def an_alarm_can_be_left_out(s: Session) -> None:
    alarm(s, m.AlarmRequest.ACTIVATE, m.NOSPACE)
    for value in (
        "NOSPACE",
        "nospace",
        "CORRUPT",
        "1",
        "NOSPACE&exclude=CORRUPT",
        "NOSPACE,CORRUPT",
    ):
        s.http("GET", f"/health?exclude={value}")
    s.http("HEAD", "/health")


@scenario
def one_alarm_of_two_can_be_left_out(s: Session) -> None:
    alarm(s, m.AlarmRequest.ACTIVATE, m.NOSPACE)
    alarm(s, m.AlarmRequest.ACTIVATE, m.CORRUPT)
    for value in ("NOSPACE", "CORRUPT", "NOSPACE&exclude=CORRUPT"):
        s.http("GET", f"/health?exclude={value}")


@scenario
def an_alarm_that_nobody_knows_is_one(s: Session) -> None:
    alarm(s, m.AlarmRequest.ACTIVATE, 7)
    look(s)
    for value in ("7", "UNKNOWN"):
        s.http("GET", f"/health?exclude={value}")
