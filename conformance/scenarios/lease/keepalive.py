"""LeaseKeepAlive: a stream of renewals."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from .asking import grant, keep_alive, renew, revoke, time_to_live

KEEP_ALIVE = "Lease/LeaseKeepAlive"


@scenario
def a_renewal_tells_what_was_granted(s: Session) -> None:
    for id, ttl in ((7, 60), (-7, 0), (8, 9_000_000_000)):
        grant(s, id, ttl)
    keep_alive(s, 7, -7, 8, 7)
    time_to_live(s, 7)


@scenario
def a_renewal_of_what_is_not_there_is_answered_without_a_ttl(s: Session) -> None:
    grant(s, 7)
    keep_alive(s, 9, 0, -9, 7)


@scenario
def a_lease_with_an_id_of_the_servers_is_renewed(s: Session) -> None:
    keep_alive(s, grant(s), grant(s))


@scenario
def answers_come_in_the_order_of_requests(s: Session) -> None:
    for id in (1, 2, 3):
        grant(s, id, 60 + id)
    stream = s.open(KEEP_ALIVE)
    ids = (3, 1, 9, 2, 2, 8, 3)
    for id in ids:
        stream.send(m.LeaseKeepAliveRequest(ID=id))
    stream.half_close()
    for _ in (*ids, "the end"):
        stream.receive()


@scenario
def a_stream_that_asks_nothing_ends_well(s: Session) -> None:
    stream = s.open(KEEP_ALIVE)
    stream.half_close()
    stream.receive()


@scenario
def a_stream_goes_on_after_its_lease_was_revoked(s: Session) -> None:
    grant(s, 7)
    stream = s.open(KEEP_ALIVE)
    renew(stream, 7)
    revoke(s, 7)
    renew(stream, 7)
    grant(s, 7, 100)
    renew(stream, 7)
    stream.half_close()
    stream.receive()


@scenario
def a_renewal_has_the_newest_revision(s: Session) -> None:
    grant(s, 7)
    stream = s.open(KEEP_ALIVE)
    renew(stream, 7)
    s.put(key=b"a", lease=7)
    renew(stream, 7)
    revoke(s, 7)
    renew(stream, 7)
    stream.half_close()
    stream.receive()


@scenario
def streams_share_leases(s: Session) -> None:
    grant(s, 7)
    streams = [s.open(KEEP_ALIVE), s.connect().open(KEEP_ALIVE), s.open(KEEP_ALIVE)]
    for stream in streams * 2:
        renew(stream, 7)
    for stream in streams:
        stream.half_close()
        stream.receive()


@scenario
def a_stream_that_is_canceled_leaves_the_lease(s: Session) -> None:
    grant(s, 7)
    stream = s.open(KEEP_ALIVE)
    renew(stream, 7)
    stream.cancel()
    stream.receive()
    keep_alive(s, 7)
    time_to_live(s, 7)


@scenario
def what_is_not_a_request_ends_the_stream(s: Session) -> None:
    grant(s, 7)
    stream = s.open(KEEP_ALIVE)
    renew(stream, 7)
    stream.send(b"\xff")
    stream.receive()
    keep_alive(s, 7)


@scenario
def what_a_request_does_not_know_is_passed_over(s: Session) -> None:
    grant(s, 7)
    stream = s.open(KEEP_ALIVE)
    stream.send(b"\x08\x07\x4a\x01v")
    stream.receive()
    stream.send(b"")
    stream.receive()
    stream.half_close()
    stream.receive()
