"""Status, and Alarm where there is none."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session


def _status(s: Session) -> None:
    s.call("Maintenance/Status", m.StatusRequest())


@scenario
def a_status_says_what_the_server_is(s: Session) -> None:
    _status(s)


@scenario
def a_status_has_the_revision_of_now_in_its_header(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    _status(s)
    s.delete_range(key=b"a")
    _status(s)


@scenario
def a_status_takes_any_message_that_is_one(s: Session) -> None:
    s.call("Maintenance/Status", b"\x0a\x01x")
    s.call("Maintenance/Status", b"\x0a")


@scenario
def without_alarms_none_is_listed_and_none_taken_away(s: Session) -> None:
    s.call("Maintenance/Alarm", m.AlarmRequest())
    for kind in (m.NONE, m.NOSPACE, m.CORRUPT):
        s.call("Maintenance/Alarm", m.AlarmRequest(alarm=kind))
        gone = m.AlarmRequest(action=m.AlarmRequest.DEACTIVATE, memberID=5, alarm=kind)
        s.call("Maintenance/Alarm", gone)
