"""Alarms that somebody raises, what each forbids, and how they go."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...connection import Connection
from ...scenario import scenario
from ...session import Session
from ..auth.asking import READWRITE, add_person, as_person, switch_on

NOSPACE, CORRUPT = m.NOSPACE, m.CORRUPT
GET, ACTIVATE, DEACTIVATE = (
    m.AlarmRequest.AlarmAction.Value(name) for name in ("GET", "ACTIVATE", "DEACTIVATE")
)


def alarm(s: Connection, action: int, kind: int = m.NONE, member: int = 0) -> None:
    request = m.AlarmRequest(action=action, alarm=kind, memberID=member)
    s.call("Maintenance/Alarm", request)


def status(s: Session) -> None:
    s.call("Maintenance/Status", m.StatusRequest())


def put_op(key: bytes = b"a") -> m.RequestOp:
    return m.RequestOp(request_put=m.PutRequest(key=key))


def range_op(key: bytes = b"a") -> m.RequestOp:
    return m.RequestOp(request_range=m.RangeRequest(key=key))


def delete_op(key: bytes = b"a") -> m.RequestOp:
    return m.RequestOp(request_delete_range=m.DeleteRangeRequest(key=key))


def within(*operations: m.RequestOp) -> m.RequestOp:
    return m.RequestOp(request_txn=m.TxnRequest(success=operations))


# Raising and taking away


@scenario
def an_alarm_is_listed_until_it_is_taken_away(s: Session) -> None:
    for kind in (NOSPACE, CORRUPT):
        alarm(s, ACTIVATE, kind, 5)
        for asked in (m.NONE, NOSPACE, CORRUPT):
            alarm(s, GET, asked)
        alarm(s, DEACTIVATE, kind, 5)
        alarm(s, GET)


@scenario
def an_alarm_of_any_member_is_raised_and_each_of_them_once(s: Session) -> None:
    for member in (5, 0, 5, 2**64 - 1):
        alarm(s, ACTIVATE, NOSPACE, member)
    alarm(s, GET)
    for member in (5, 0, 2**64 - 1):
        alarm(s, DEACTIVATE, NOSPACE, member)
    alarm(s, GET)


@scenario
def only_the_very_alarm_is_taken_away(s: Session) -> None:
    alarm(s, ACTIVATE, NOSPACE, 5)
    alarm(s, DEACTIVATE, NOSPACE, 6)
    alarm(s, DEACTIVATE, CORRUPT, 5)
    alarm(s, DEACTIVATE, m.NONE, 5)
    alarm(s, GET)
    alarm(s, DEACTIVATE, NOSPACE, 5)
    alarm(s, DEACTIVATE, NOSPACE, 5)


@scenario
def no_alarm_cannot_be_raised(s: Session) -> None:
    alarm(s, ACTIVATE)
    alarm(s, ACTIVATE, m.NONE, 5)
    alarm(s, GET)


@scenario
def an_alarm_of_a_kind_that_nobody_knows_is_raised_and_forbids_nothing(s: Session) -> None:
    alarm(s, ACTIVATE, 7, 5)
    alarm(s, GET)
    alarm(s, GET, 7)
    s.put(key=b"a")
    status(s)
    alarm(s, DEACTIVATE, 7, 5)
    alarm(s, GET)


@scenario
def a_status_tells_of_an_alarm(s: Session) -> None:
    for kind in (NOSPACE, CORRUPT):
        alarm(s, ACTIVATE, kind, 5)
        status(s)
        alarm(s, DEACTIVATE, kind, 5)
        status(s)
    alarm(s, ACTIVATE, NOSPACE)
    status(s)
    alarm(s, DEACTIVATE, NOSPACE)


@scenario
def alarms_make_no_revision(s: Session) -> None:
    s.put(key=b"a")
    alarm(s, ACTIVATE, NOSPACE, 5)
    alarm(s, GET)
    alarm(s, DEACTIVATE, NOSPACE, 5)
    s.put(key=b"a")


# What they forbid


def _try_everything(s: Session) -> None:
    s.put(key=b"a")
    s.put(key=b"new")
    s.put()
    s.put(key=b"a", lease=99)
    s.put(key=b"new", ignore_value=True)
    s.range(key=b"a")
    s.range(key=b"a", serializable=True)
    s.call("Lease/LeaseGrant", m.LeaseGrantRequest(ID=8, TTL=60))
    s.call("Lease/LeaseGrant", m.LeaseGrantRequest(ID=7, TTL=60))
    s.call("Lease/LeaseGrant", m.LeaseGrantRequest(ID=9, TTL=2**62))
    s.call("Lease/LeaseTimeToLive", m.LeaseTimeToLiveRequest(ID=7, keys=True))
    s.call("Lease/LeaseLeases", m.LeaseLeasesRequest())
    s.txn()
    s.txn(success=[range_op()])
    s.txn(success=[put_op()])
    s.txn(success=[range_op()], failure=[put_op()])
    s.txn(success=[within(range_op())])
    s.txn(success=[within(put_op())])
    s.txn(success=[within(within(put_op()))], failure=[range_op()])
    s.txn(success=[m.RequestOp(request_range=m.RangeRequest(key=b"a", revision=s.at(99)))])
    s.txn(success=[delete_op(b"b")])
    s.txn(success=[put_op(b"")])
    s.delete_range(key=b"c")
    s.delete_range(key=b"nothing")
    s.compact(revision=s.at(3))
    s.compact(revision=s.at(99))
    s.call("Lease/LeaseRevoke", m.LeaseRevokeRequest(ID=99))
    s.call("Lease/LeaseRevoke", m.LeaseRevokeRequest(ID=7))
    s.range(key=b"\0", range_end=b"\0")


def _prepare(s: Session) -> None:
    s.call("Lease/LeaseGrant", m.LeaseGrantRequest(ID=7, TTL=60))
    for key in (b"a", b"b", b"c"):
        s.put(key=key, value=b"1")
    s.put(key=b"leased", lease=7)


@scenario
def without_space_nothing_can_be_put_or_granted_and_all_else_be_done(s: Session) -> None:
    _prepare(s)
    alarm(s, ACTIVATE, NOSPACE, 5)
    _try_everything(s)
    alarm(s, DEACTIVATE, NOSPACE, 5)
    s.put(key=b"a")


@scenario
def where_the_data_is_corrupt_nothing_can_be_changed_and_all_be_read(s: Session) -> None:
    _prepare(s)
    alarm(s, ACTIVATE, CORRUPT, 5)
    _try_everything(s)
    alarm(s, DEACTIVATE, CORRUPT, 5)
    s.put(key=b"a")


@scenario
def of_both_alarms_the_graver_one_is_told(s: Session) -> None:
    _prepare(s)
    alarm(s, ACTIVATE, NOSPACE, 5)
    alarm(s, ACTIVATE, CORRUPT, 6)
    s.put(key=b"a")
    s.delete_range(key=b"a")
    alarm(s, DEACTIVATE, CORRUPT, 6)
    s.put(key=b"a")
    s.delete_range(key=b"a")
    alarm(s, DEACTIVATE, NOSPACE, 5)
    s.put(key=b"a")


@scenario
def a_lease_is_kept_alive_whatever_alarm_there_is(s: Session) -> None:
    _prepare(s)
    stream = s.open("Lease/LeaseKeepAlive")
    for kind in (NOSPACE, CORRUPT):
        alarm(s, ACTIVATE, kind, 5)
        stream.send(m.LeaseKeepAliveRequest(ID=7))
        stream.receive()
        alarm(s, DEACTIVATE, kind, 5)
    stream.half_close()
    stream.close()


@scenario
def a_request_that_is_wrong_in_itself_is_told_so_before_an_alarm_is(s: Session) -> None:
    alarm(s, ACTIVATE, NOSPACE, 5)
    s.put()
    s.put(key=b"a", value=b"1", ignore_value=True)
    s.txn(success=[put_op(b"")])
    s.txn(success=[put_op(), put_op()])
    alarm(s, DEACTIVATE, NOSPACE, 5)


# Alarms, and users


def _try_in_the_name_of(caller: Connection) -> None:
    for key in (b"a", b"b"):
        caller.put(key=key)
        caller.txn(success=[put_op(key)])
        caller.delete_range(key=key)
    caller.put(key=b"a", lease=7)
    caller.call("Lease/LeaseGrant", m.LeaseGrantRequest(ID=8, TTL=60))
    caller.call("Lease/LeaseRevoke", m.LeaseRevokeRequest(ID=7))
    caller.compact(revision=99)


@scenario
def an_alarm_is_told_before_what_a_user_may_not_do_and_behind_who_it_is(s: Session) -> None:
    s.call("Lease/LeaseGrant", m.LeaseGrantRequest(ID=7, TTL=60))
    s.put(key=b"b", lease=7)
    add_person(s, "u", (READWRITE, b"a"))
    switch_on(s)
    root, user = as_person(s, "root"), as_person(s, "u")
    for kind in (NOSPACE, CORRUPT):
        alarm(root, ACTIVATE, kind, 5)
        for caller in (user, s, s.with_metadata(("token", "nobody.1"))):
            _try_in_the_name_of(caller)
        alarm(root, DEACTIVATE, kind, 5)


@scenario(flags=("--quota-backend-bytes=1000", "--bcrypt-cost=4"))
def whoever_finds_no_room_raises_the_alarm_unless_by_a_bad_token(s: Session) -> None:
    add_person(s, "u", (READWRITE, b"a"))
    switch_on(s)
    root, user = as_person(s, "root"), as_person(s, "u")
    stranger = s.with_metadata(("token", "nobody.1"))
    for caller in (stranger, user, s):
        caller.put(key=b"b")
        alarm(root, GET)
        caller.call("Lease/LeaseGrant", m.LeaseGrantRequest(ID=8, TTL=60))
        alarm(root, GET)
        status = root.call("Maintenance/Status", m.StatusRequest())
        assert isinstance(status, m.StatusResponse)
        alarm(root, DEACTIVATE, NOSPACE, status.leader)
