"""Authenticating, and tokens: where they are looked for, their looks, how long they last."""

from __future__ import annotations

import time

from ...connection import Connection
from ...scenario import scenario
from ...session import Session
from ...targets import ROOT_PASSWORD
from .asking import (
    READ,
    READWRITE,
    add_person,
    add_role,
    add_root,
    add_user,
    as_person,
    as_root,
    authenticate,
    change_password,
    delete_role,
    delete_user,
    enable,
    every_kv_call,
    every_lease_call,
    every_management_call,
    get_user,
    grant,
    grant_role,
    list_users,
    one_person,
    revoke,
    revoke_role,
    status,
    switch_on,
    watch_once,
)


@scenario
def who_authenticates_must_be_known_and_know_the_password(s: Session) -> None:
    add_person(s, "alice")
    switch_on(s)
    for name, password in (
        ("alice", "alice"),
        ("alice", "wrong"),
        ("alice", ""),
        ("alice", "Alice"),
        ("Alice", "alice"),
        ("nobody", "alice"),
        ("", ""),
        ("", "alice"),
        ("root", "alice"),
    ):
        authenticate(s, name, password)
    s.call("Auth/Authenticate", b"\n\x01\xff")


@scenario
def whoever_authenticates_may_have_any_token_or_none(s: Session) -> None:
    root, alice = one_person(s)
    for caller in (root, alice, s.with_metadata(("token", "not a token"))):
        authenticate(caller, "alice", "alice")
        authenticate(caller, "alice", "wrong")


@scenario
def each_authentication_gives_a_token_of_its_own_and_all_are_good(s: Session) -> None:
    add_person(s, "alice", (READ, b"a"))
    switch_on(s)
    people = [as_person(s, "alice") for _ in range(3)]
    for alice in people:
        alice.range(key=b"a")


@scenario
def a_token_looks_like_letters_and_an_index(s: Session) -> None:
    switch_on(s)
    token = authenticate(s, "root", ROOT_PASSWORD)
    letters, _, index = token.partition(".")
    assert len(letters) == 16, "what real etcd gives"
    assert letters.isascii()
    assert letters.isalpha()
    assert int(index) > 0


@scenario
def without_a_token_there_is_no_user(s: Session) -> None:
    one_person(s)
    every_kv_call(s)
    every_lease_call(s)
    watch_once(s, b"a")
    every_management_call(s)


@scenario
def with_a_token_that_is_none_nothing_is_done(s: Session) -> None:
    one_person(s)
    nobody = s.with_metadata(("token", "not a token"))
    every_kv_call(nobody)
    every_lease_call(nobody)
    watch_once(nobody, b"a")
    every_management_call(nobody)


@scenario
def a_token_may_be_in_either_of_two_headers(s: Session) -> None:
    root = switch_on(s)
    for metadata in (
        ("token", root.token),
        ("authorization", root.token),
        ("authorization", f"Bearer {root.token}"),
        ("token", f"Bearer {root.token}"),
    ):
        s.with_metadata(metadata).put(key=b"a")


@scenario
def of_two_headers_token_is_the_one_that_counts(s: Session) -> None:
    root, alice = one_person(s, (READ, b"a"))
    for first, second in (
        (("token", root.token), ("authorization", "not a token")),
        (("token", "not a token"), ("authorization", root.token)),
        (("authorization", f"Bearer {root.token}"), ("token", "")),
        (("authorization", alice.token), ("token", root.token)),
        (("authorization", root.token), ("token", alice.token)),
    ):
        s.with_metadata(first, second).put(key=b"a")


@scenario
def of_several_values_the_first_is_the_one_that_counts(s: Session) -> None:
    root, alice = one_person(s, (READ, b"a"))
    for name in ("token", "authorization"):
        for first, second in (
            (root.token, alice.token),
            (alice.token, root.token),
            (root.token, "not a token"),
            ("not a token", root.token),
            ("", root.token),
        ):
            s.with_metadata((name, first), (name, second)).put(key=b"a")


@scenario
def bearer_is_spelt_in_one_way(s: Session) -> None:
    root = switch_on(s)
    for prefix in (
        "Bearer ",
        "bearer ",
        "BEARER ",
        "Bearer",
        "Bearer  ",
        "Bearer Bearer ",
        "Bearer:",
        "Basic ",
        "Token ",
    ):
        for name in ("token", "authorization"):
            s.with_metadata((name, prefix + root.token)).put(key=b"a")


@scenario
def nothing_is_no_token(s: Session) -> None:
    switch_on(s)
    for name in ("token", "authorization"):
        for value in ("", "Bearer ", "Bearer", ".", "..", "0", ".0", "x."):
            s.with_metadata((name, value)).put(key=b"a")


@scenario
def a_header_of_another_name_is_not_looked_at(s: Session) -> None:
    root = switch_on(s)
    for name in ("tokens", "x-token", "auth-token", "username"):
        s.with_metadata((name, root.token)).put(key=b"a")
    s.with_metadata(("token-bin", root.token.encode())).put(key=b"a")
    s.with_metadata(("username", "root"), ("password", ROOT_PASSWORD)).put(key=b"a")


@scenario
def a_token_is_good_only_as_it_was_given(s: Session) -> None:
    root = switch_on(s)
    letters, _, index = root.token.partition(".")
    variants = {
        "letters": letters,
        "letters-dot": f"{letters}.",
        "index-0": f"{letters}.0",
        "index-0-before": f"{letters}.0{index}",
        "index-plus": f"{letters}.+{index}",
        "index-minus": f"{letters}.-{index}",
        "index-hex": f"{letters}.0x1",
        "index-of-letters": f"{letters}.x",
        "index-2-to-the-64": f"{letters}.18446744073709551616",
        "two-dots": f"{letters}.{index}.{index}",
        "dot-behind": f"{letters}.{index}.",
        "other-letters": f"{letters[::-1]}.{index}",
        "other-case": f"{letters.swapcase()}.{index}",
        "shorter": f"{letters[1:]}.{index}",
        "longer": f"a{letters}.{index}",
        "index-alone": f".{index}",
    }
    for word, token in variants.items():
        s.with_metadata(("token", s.name_token(token, word))).put(key=b"a")
    root.put(key=b"a")


@scenario
def tokens_may_be_of_any_length(s: Session) -> None:
    switch_on(s)
    for token in ("x" * 5_000, "x" * 5_000 + ".1", "x." + "1" * 5_000, "x." + "0" * 5_000 + "1"):
        s.with_metadata(("token", token)).put(key=b"a")


@scenario
def a_token_goes_with_the_user_who_is_deleted(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"a"))
    other = as_person(s, "alice")
    alice.put(key=b"a")
    delete_user(root, "alice")
    alice.put(key=b"a")
    other.range(key=b"a")
    authenticate(s, "alice", "alice")
    add_user(root, "alice", "alice")
    alice.put(key=b"a")
    as_person(s, "alice").put(key=b"a")


@scenario
def a_token_goes_with_the_password(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"a"))
    other = as_person(s, "alice")
    change_password(root, "alice", "alice")
    alice.put(key=b"a")
    other.put(key=b"a")
    as_person(s, "alice").put(key=b"a")
    root.put(key=b"a")


@scenario
def root_who_changes_their_password_is_asked_for_it_again(s: Session) -> None:
    root = switch_on(s)
    change_password(root, "root", "another")
    list_users(root)
    authenticate(s, "root", ROOT_PASSWORD)
    change_password(s.log_in("root", "another"), "root", ROOT_PASSWORD)
    list_users(as_root(s))


@scenario
def a_token_outlives_any_change_of_roles_and_of_other_people(s: Session) -> None:
    root, alice = one_person(s, (READ, b"a"))

    def tried() -> None:
        alice.range(key=b"a")
        alice.put(key=b"a")

    add_user(root, "bob", "bob")
    tried()
    grant(root, "alice", READWRITE, b"a")
    tried()
    revoke(root, "alice", b"a")
    tried()
    add_role(root, "r")
    grant(root, "r", READ, b"a")
    grant_role(root, "alice", "r")
    tried()
    revoke_role(root, "alice", "r")
    tried()
    grant_role(root, "alice", "r")
    delete_role(root, "r")
    tried()
    delete_role(root, "alice")
    get_user(root, "alice")
    tried()
    change_password(root, "bob", "other")
    delete_user(root, "bob")
    tried()


@scenario
def a_token_is_good_on_every_connection(s: Session) -> None:
    root = switch_on(s)
    s.connect().with_metadata(("token", root.token)).put(key=b"a")
    s.connect().put(key=b"a")


@scenario
def a_token_is_not_kept_by_the_connection(s: Session) -> None:
    root = switch_on(s)
    root.put(key=b"a")
    s.put(key=b"a")


@scenario
def a_token_may_be_written_by_hand(s: Session) -> None:
    root = switch_on(s)
    # Over HTTP/2 a header's name has small letters (RFC 9113, 8.2.1).
    message = b"\0\0\0\0\3\n\1a"
    for header in (("token", root.token), ("authorization", f"Bearer {root.token}")):
        s.grpc_by_hand("KV/Range", message, headers=(header,))
    s.grpc_by_hand("KV/Range", message)


# Time. These scenarios wait, for much longer or much shorter than it takes.


@scenario(flags=("--auth-token-ttl=3",))
def a_token_ends_when_it_was_not_used_for_its_time(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"a"))
    time.sleep(6)
    alice.put(key=b"a")
    root.put(key=b"a")
    watch_once(alice, b"a")
    as_person(s, "alice").put(key=b"a")


@scenario(flags=("--auth-token-ttl=4",))
def a_token_that_is_used_begins_its_time_again(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"a"))
    # At 2, 4 and 6 seconds; the last time would be too late, were it not for those before.
    for _ in range(3):
        time.sleep(2)
        alice.put(key=b"a")
    root.put(key=b"a")


@scenario(flags=("--auth-token-ttl=4",))
def a_refused_call_is_a_use_of_a_token_as_well(s: Session) -> None:
    _, alice = one_person(s)
    for _ in range(3):
        time.sleep(2)
        alice.put(key=b"a")


@scenario
def many_people_may_ask_at_once_on_one_connection(s: Session) -> None:
    names = [f"p{number}" for number in range(5)]
    for number, name in enumerate(names):
        add_person(s, name, (READWRITE, b"%d" % number))
    switch_on(s)
    people: list[Connection] = [as_person(s, name) for name in names]
    for key in (b"0", b"3"):
        for person in people:
            person.put(key=key)
    status(s)


@scenario(flags=("--auth-token=",))
def a_server_without_tokens_authenticates_nobody(s: Session) -> None:
    add_root(s)
    enable(s)
    authenticate(s, "root", ROOT_PASSWORD)
    authenticate(s, "root", "wrong")
    s.put(key=b"a")
    s.with_metadata(("token", "x.1")).put(key=b"a")
    s.with_metadata(("token", "")).put(key=b"a")
