"""Who may put, delete and compact."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from .asking import (
    READ,
    READWRITE,
    WRITE,
    add_person,
    as_person,
    ask,
    grant_lease,
    one_person,
    op_put,
    switch_on,
    time_to_live,
)


@scenario
def a_put_needs_a_permission_to_write_its_key(s: Session) -> None:
    add_person(s, "reader", (READ, b"a", b"c"))
    add_person(s, "writer", (WRITE, b"a", b"c"))
    add_person(s, "both", (READWRITE, b"a", b"c"))
    add_person(s, "none")
    switch_on(s)
    for name in ("reader", "writer", "both", "none"):
        caller = as_person(s, name)
        for key in (b"a", b"b", b"bzz", b"c", b"\0"):
            caller.put(key=key, value=name.encode())


@scenario
def a_put_that_shows_the_old_value_needs_a_permission_to_read(s: Session) -> None:
    add_person(s, "writer", (WRITE, b"a"))
    add_person(s, "both", (READWRITE, b"a"))
    add_person(s, "apart", (WRITE, b"a"), (READ, b"a", b"b"))
    root = switch_on(s)
    for name in ("writer", "both", "apart"):
        caller = as_person(s, name)
        caller.put(key=b"a", value=b"1", prev_kv=True)
    root.range(key=b"a")


@scenario
def a_put_that_keeps_the_old_value_needs_no_permission_to_read(s: Session) -> None:
    root, writer = one_person(s, (WRITE, b"a"))
    root.put(key=b"a", value=b"secret")
    writer.put(key=b"a", ignore_value=True)
    writer.put(key=b"a", value=b"new", ignore_lease=True)
    writer.put(key=b"missing", ignore_value=True)
    root.range(key=b"a")


@scenario
def a_put_may_not_attach_to_a_lease_with_keys_of_others(s: Session) -> None:
    root, alice = one_person(s, (WRITE, b"a", b"c"))
    for id in (7, 8, 9):
        grant_lease(root, id)
    root.put(key=b"z", lease=7)
    root.put(key=b"b", lease=8)
    for id in (7, 8, 9, 10):
        alice.put(key=b"a", lease=id)
    root.put(key=b"z", lease=9)
    alice.put(key=b"a", lease=9)
    alice.put(key=b"a", ignore_lease=True)
    alice.put(key=b"z", lease=9)
    time_to_live(root, 9, keys=True)


@scenario
def a_put_to_a_lease_counts_only_permissions_to_write(s: Session) -> None:
    root, alice = one_person(s, (WRITE, b"a"), (READ, b"z"))
    grant_lease(root, 7)
    root.put(key=b"z", lease=7)
    alice.put(key=b"a", lease=7)
    alice.put(key=b"a", lease=7, prev_kv=True)


@scenario
def what_is_wrong_with_a_put_is_told_in_its_turn(s: Session) -> None:
    _, alice = one_person(s)
    nobody = s.with_metadata(("token", "not a token"))
    for caller in (s, nobody, alice):
        caller.put()
        caller.put(key=b"a", value=b"1", ignore_value=True)
        caller.put(key=b"a", lease=7, ignore_lease=True)
        caller.put(key=b"a", ignore_value=True)
        caller.put(key=b"a", lease=7)
        caller.put(key=b"a", lease=7, prev_kv=True)


@scenario
def a_deletion_needs_a_permission_to_write_all_of_its_range(s: Session) -> None:
    root, alice = one_person(s, (WRITE, b"b", b"d"))
    for key in (b"a", b"b", b"c", b"d"):
        root.put(key=key)
    for key, range_end in (
        (b"a", b""),
        (b"a", b"c"),
        (b"b", b"\0"),
        (b"\0", b"\0"),
        (b"c", b"e"),
        (b"d", b""),
        (b"c", b"b"),
        (b"e", b"a"),
        (b"b", b""),
        (b"b", b"d"),
        (b"b", b"d"),
    ):
        alice.delete_range(key=key, range_end=range_end)
    root.range(key=b"\0", range_end=b"\0", keys_only=True)


@scenario
def a_deletion_that_shows_what_was_there_needs_a_permission_to_read(s: Session) -> None:
    add_person(s, "writer", (WRITE, b"a", b"c"))
    add_person(s, "reader", (READ, b"a", b"c"))
    add_person(s, "half", (WRITE, b"a", b"c"), (READ, b"a", b"b"))
    add_person(s, "both", (READWRITE, b"a", b"c"))
    root = switch_on(s)
    for key in (b"a", b"b"):
        root.put(key=key, value=b"1")
    for name in ("writer", "reader", "half", "both"):
        caller = as_person(s, name)
        caller.delete_range(key=b"a", range_end=b"c", prev_kv=True)
    root.range(key=b"a", range_end=b"c")


@scenario
def what_is_wrong_with_a_deletion_is_told_before_who_may_write(s: Session) -> None:
    _, alice = one_person(s)
    nobody = s.with_metadata(("token", "not a token"))
    for caller in (s, nobody, alice):
        caller.delete_range()
        caller.delete_range(key=b"nothing is there")


@scenario
def only_root_may_compact(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"\0", b"\0"))
    nobody = s.with_metadata(("token", "not a token"))
    for _ in range(3):
        root.put(key=b"a")
    for caller in (s, nobody, alice):
        caller.compact(revision=s.at(3))
        caller.compact(revision=s.at(99))
        caller.compact(revision=s.at(3), physical=True)
    root.compact(revision=s.at(3))
    alice.compact(revision=s.at(3))
    root.compact(revision=s.at(3))


@scenario
def a_refused_write_makes_no_revision(s: Session) -> None:
    root, alice = one_person(s)
    for caller in (s, alice):
        caller.put(key=b"a")
        caller.delete_range(key=b"\0", range_end=b"\0")
        caller.txn(success=[op_put(b"a")])
    root.range(key=b"a")


# Requests that are too large: whoever asks is counted in


def large(size: int) -> m.PutRequest:
    return m.PutRequest(key=b"a", value=b"v" * size)


@scenario(flags=("--max-request-bytes=1000",))
def the_limit_of_a_request_counts_the_name_of_who_asks(s: Session) -> None:
    name = "a" * 100
    add_person(s, name, (WRITE, b"a"))
    root = switch_on(s)
    alice = as_person(s, name)
    for size in range(830, 1_000, 5):
        root.put(large(size))
        alice.put(large(size))


@scenario(flags=("--max-request-bytes=1000",))
def the_limit_of_a_request_is_exact_to_the_byte(s: Session) -> None:
    root, alice = one_person(s, (WRITE, b"a"))
    for size in range(960, 985):
        alice.put(large(size))
        root.put(large(size))


@scenario(flags=("--max-request-bytes=1000",))
def a_request_that_is_too_large_is_refused_before_it_is_known_who_may(s: Session) -> None:
    _, alice = one_person(s)
    for caller in (s, s.with_metadata(("token", "not a token")), alice):
        caller.put(large(2_000))
        caller.txn(success=[op_put(b"a", b"v" * 2_000)])
        caller.put(key=b"", value=b"v" * 2_000)


@scenario(flags=("--max-request-bytes=1000",))
def requests_about_users_and_roles_are_limited_too(s: Session) -> None:
    root, alice = one_person(s)
    for caller in (s, alice, root):
        for method, field in (
            ("UserAdd", "name"),
            ("UserGet", "name"),
            ("UserDelete", "name"),
            ("RoleAdd", "name"),
            ("RoleGet", "role"),
            ("RoleDelete", "role"),
        ):
            request: dict[str, object] = {field: "n" * 2_000}
            ask(caller, method, **request)
    root.call("Auth/Authenticate", m.AuthenticateRequest(name="n" * 2_000, password="p"))
    root.call("Auth/Authenticate", m.AuthenticateRequest(name="alice", password="p" * 2_000))
    root.call("Auth/UserAdd", m.AuthUserAddRequest(name="long", password="p" * 2_000))


@scenario(flags=("--max-request-bytes=1000",))
def the_limit_counts_the_hash_and_not_the_password(s: Session) -> None:
    # 84 bytes of base64 and what frames them, whatever the password; none without one.
    for size in range(880, 1_000, 5):
        s.call("Auth/UserAdd", m.AuthUserAddRequest(name="n" * size, password="p"))
    for size in range(940, 1_000, 5):
        options = {"no_password": True}
        s.call("Auth/UserAdd", m.AuthUserAddRequest(name="m" * size, options=options))  # type: ignore[arg-type]
