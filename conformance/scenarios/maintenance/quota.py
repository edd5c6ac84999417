"""The space quota: what does not fit, the alarm that comes of it, and how a server gets well.

Sizes are chosen so that it does not matter how a database is laid out in its pages.
"""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from .alarms import DEACTIVATE, GET, NOSPACE, alarm, delete_op, put_op, range_op, status, within

_NO_ROOM = ("--quota-backend-bytes=1000",)
_ONE_MEGABYTE = ("--quota-backend-bytes=1000000",)
_NO_QUOTA = ("--quota-backend-bytes=-1",)

_LARGE = b"v" * 900_000


def _member(s: Session) -> int:
    answer = s.call("Maintenance/Status", m.StatusRequest())
    assert isinstance(answer, m.StatusResponse)
    return answer.leader


@scenario(flags=_NO_ROOM)
def where_there_is_no_room_the_first_put_raises_the_alarm(s: Session) -> None:
    status(s)
    s.put(key=b"a")
    alarm(s, GET)
    status(s)
    s.put(key=b"a")
    alarm(s, GET, NOSPACE)


@scenario(flags=_NO_ROOM)
def a_put_that_does_not_fit_is_told_so_before_anything_that_is_wrong_with_it(s: Session) -> None:
    s.put()
    s.put(key=b"a", value=b"1", ignore_value=True)
    s.put(key=b"a", lease=99)
    alarm(s, GET)


@scenario(flags=_NO_ROOM)
def a_lease_does_not_fit_either(s: Session) -> None:
    s.call("Lease/LeaseGrant", m.LeaseGrantRequest(TTL=60))
    alarm(s, GET)


@scenario(flags=_NO_ROOM)
def a_transaction_costs_what_its_dearer_branch_puts(s: Session) -> None:
    s.txn(success=[range_op()])
    s.txn(success=[delete_op()], failure=[range_op()])
    s.txn(success=[within(delete_op())])
    alarm(s, GET)
    s.txn(success=[range_op()], failure=[put_op()])
    alarm(s, GET)


@scenario(flags=_NO_ROOM)
def a_transaction_inside_another_costs_as_well(s: Session) -> None:
    s.txn(success=[within(within(put_op()))])
    alarm(s, GET)
    s.txn(success=[put_op(b"")])


@scenario(flags=_NO_ROOM)
def an_alarm_that_is_taken_away_comes_back_with_the_next_put(s: Session) -> None:
    s.put(key=b"a")
    alarm(s, DEACTIVATE, NOSPACE, _member(s))
    alarm(s, GET)
    s.put(key=b"a")
    alarm(s, GET)


@scenario(flags=_NO_ROOM)
def without_room_reads_deletions_compactions_and_users_are_as_ever(s: Session) -> None:
    s.put(key=b"a")
    s.range(key=b"a")
    s.delete_range(key=b"a")
    s.compact(revision=99)
    s.call("Lease/LeaseLeases", m.LeaseLeasesRequest())
    s.call("Auth/UserAdd", m.AuthUserAddRequest(name="u", password="p"))
    s.call("Auth/UserDelete", m.AuthUserDeleteRequest(name="u"))


@scenario(flags=_ONE_MEGABYTE)
def a_value_that_is_too_large_for_what_is_left_is_refused(s: Session) -> None:
    s.put(key=b"large", value=b"v" * 1_000_000)
    alarm(s, GET)
    s.range(key=b"large")
    s.put(key=b"small")


@scenario(flags=_ONE_MEGABYTE)
def compaction_defragmentation_and_disarming_make_room_again(s: Session) -> None:
    s.put(key=b"a", value=_LARGE)
    # Until it has committed, which it does ten times a second, etcd does not count what was put.
    s.call("Maintenance/Defragment", m.DefragmentRequest())
    s.put(key=b"a", value=_LARGE)
    s.put(key=b"a")
    member = _member(s)
    s.delete_range(key=b"a")
    s.compact(revision=s.at(3), physical=True)
    s.call("Maintenance/Defragment", m.DefragmentRequest())
    s.put(key=b"a")
    alarm(s, DEACTIVATE, NOSPACE, member)
    s.put(key=b"a", value=_LARGE)
    alarm(s, GET)


@scenario(flags=_ONE_MEGABYTE)
def without_defragmentation_there_is_no_more_room_than_before(s: Session) -> None:
    s.put(key=b"a", value=_LARGE)
    s.delete_range(key=b"a")
    s.compact(revision=s.at(3), physical=True)
    s.put(key=b"a", value=_LARGE)
    alarm(s, GET)


@scenario(flags=_NO_QUOTA)
def without_a_quota_everything_fits(s: Session) -> None:
    status(s)
    s.put(key=b"a", value=_LARGE)
    alarm(s, GET)
