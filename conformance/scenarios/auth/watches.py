"""Who may watch: it is asked when a watch is created, and not again."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from .asking import (
    READ,
    WRITE,
    add_person,
    as_person,
    delete_role,
    delete_user,
    disable,
    enable,
    one_person,
    revoke,
    switch_on,
    watch,
    watch_once,
)
from .reads import RANGES


@scenario
def a_watch_needs_a_permission_to_read(s: Session) -> None:
    add_person(s, "reader", (READ, b"a"))
    add_person(s, "writer", (WRITE, b"a"))
    add_person(s, "none")
    root = switch_on(s)
    for caller in (root, *(as_person(s, name) for name in ("reader", "writer", "none"))):
        watch_once(caller, b"a")


@scenario
def a_watch_of_a_range_needs_all_of_it(s: Session) -> None:
    _, alice = one_person(s, (READ, b"b", b"d"))
    stream = alice.open("Watch/Watch")
    for key, range_end in RANGES:
        watch(stream, key, range_end)


@scenario
def a_watch_from_a_key_needs_a_permission_from_it(s: Session) -> None:
    _, alice = one_person(s, (READ, b"b", b"\0"))
    stream = alice.open("Watch/Watch")
    for key, range_end in RANGES:
        watch(stream, key, range_end)


@scenario
def a_watch_of_one_key_needs_a_permission_of_that_key_alone(s: Session) -> None:
    _, alice = one_person(s, (READ, b"b"))
    stream = alice.open("Watch/Watch")
    for key, range_end in RANGES:
        watch(stream, key, range_end)


@scenario
def a_watch_without_a_key_is_of_the_first_key_there_can_be(s: Session) -> None:
    add_person(s, "first", (READ, b"\0"))
    add_person(s, "all", (READ, b"\0", b"\0"))
    add_person(s, "some", (READ, b"a", b"\0"))
    switch_on(s)
    for name in ("first", "all", "some"):
        stream = as_person(s, name).open("Watch/Watch")
        watch(stream, b"")
        watch(stream, b"", b"\0")
        watch(stream, b"", b"a")
        watch(stream, b"", b"\0\0")
        stream.cancel()


@scenario
def a_watch_of_nobody_is_canceled_with_the_reason(s: Session) -> None:
    one_person(s)
    for caller in (
        s,
        s.with_metadata(("token", "not a token")),
        s.with_metadata(("authorization", "")),
    ):
        stream = caller.open("Watch/Watch")
        watch(stream, b"a")
        watch(stream, b"a", b"\0")
        watch(stream, b"a", watch_id=5)
        stream.cancel()


@scenario
def a_stream_goes_on_after_a_watch_that_was_refused(s: Session) -> None:
    root, alice = one_person(s, (READ, b"a"))
    stream = alice.open("Watch/Watch")
    watch(stream, b"z", watch_id=7)
    watch(stream, b"a", watch_id=7)
    root.put(key=b"z", value=b"1")
    root.put(key=b"a", value=b"1")
    stream.receive()


@scenario
def a_refused_watch_takes_no_id(s: Session) -> None:
    _, alice = one_person(s, (READ, b"a"))
    stream = alice.open("Watch/Watch")
    for key in (b"a", b"z", b"a", b"z", b"a"):
        watch(stream, key)


@scenario
def what_is_wrong_with_a_watch_is_told_in_its_turn(s: Session) -> None:
    root, alice = one_person(s, (READ, b"a"))
    for _ in range(3):
        root.put(key=b"a")
    root.compact(revision=s.at(3))
    for caller in (s, s.with_metadata(("token", "not a token")), alice):
        stream = caller.open("Watch/Watch")
        watch(stream, b"z", start_revision=-1)
        watch(stream, b"z", b"a")
        watch(stream, b"z", b"z")
        watch(stream, b"z", start_revision=s.at(2))
        stream.cancel()
    stream = alice.open("Watch/Watch")
    watch(stream, b"a", watch_id=3)
    watch(stream, b"a", watch_id=3)
    watch(stream, b"z", watch_id=3)
    watch(stream, b"a", b"a")


@scenario
def a_watch_goes_on_whatever_becomes_of_who_watches(s: Session) -> None:
    root, alice = one_person(s, (READ, b"a"))
    stream = alice.open("Watch/Watch")
    watch(stream, b"a", prev_kv=True)

    def told() -> None:
        root.put(key=b"a")
        stream.receive()

    told()
    revoke(root, "alice", b"a")
    told()
    watch(stream, b"a")
    delete_role(root, "alice")
    told()
    delete_user(root, "alice")
    told()
    watch(stream, b"a")
    disable(root)
    s.put(key=b"a")
    stream.receive()
    watch(stream, b"z")


@scenario
def a_watch_from_before_it_was_switched_on_goes_on(s: Session) -> None:
    stream = s.open("Watch/Watch")
    watch(stream, b"a")
    root = switch_on(s)
    root.put(key=b"a")
    stream.receive()
    watch(stream, b"a")


@scenario
def a_stream_opened_with_a_token_needs_it_for_each_watch(s: Session) -> None:
    root, alice = one_person(s, (READ, b"a"))
    stream = alice.open("Watch/Watch")
    watch(stream, b"a")
    disable(root)
    watch(stream, b"z")
    enable(s)
    watch(stream, b"a")


@scenario
def canceling_and_progress_need_no_permission(s: Session) -> None:
    root, alice = one_person(s, (READ, b"a"))
    stream = alice.open("Watch/Watch")
    watch(stream, b"a")
    revoke(root, "alice", b"a")
    stream.send(m.WatchRequest(progress_request=m.WatchProgressRequest()))
    stream.receive()
    stream.send(m.WatchRequest(cancel_request=m.WatchCancelRequest(watch_id=0)))
    stream.receive()


@scenario
def the_past_is_told_to_who_may_read_now(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.put(key=b"a", value=b"2")
    _, alice = one_person(s, (READ, b"a"))
    stream = alice.open("Watch/Watch")
    watch(stream, b"a", start_revision=s.at(2), prev_kv=True)
    stream.receive()
    watch(stream, b"z", start_revision=s.at(2))
