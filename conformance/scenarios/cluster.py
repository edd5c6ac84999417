"""MemberList. Where a server is found differs, so these need one with addresses of its own."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ..scenario import scenario
from ..session import Session

_WHERE = ("--advertise-client-urls=http://a.example:1,http://b.example:2",)


@scenario(flags=_WHERE)
def a_member_list_with_and_without_agreement_is_the_same(s: Session) -> None:
    s.call("Cluster/MemberList", m.MemberListRequest())
    s.call("Cluster/MemberList", m.MemberListRequest(linearizable=True))


@scenario(flags=_WHERE)
def a_member_list_has_a_header_without_revision_whatever_was_written(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.call("Cluster/MemberList", m.MemberListRequest())


@scenario(flags=_WHERE)
def a_member_list_takes_any_message_that_is_one(s: Session) -> None:
    s.call("Cluster/MemberList", b"\x08\x02\x12\x01x")
    s.call("Cluster/MemberList", b"\x08")
