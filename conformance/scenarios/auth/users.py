"""Users while authentication is off: adding, listing, changing, deleting, and their roles."""

from __future__ import annotations

import base64

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from .asking import (
    add_role,
    add_root,
    add_user,
    ask,
    authenticate,
    change_password,
    delete_role,
    delete_user,
    disable,
    enable,
    get_user,
    grant_role,
    list_users,
    revoke_role,
    status,
    switch_on,
)

LONGEST_NAME = "n" * 20_000
"""Real etcd takes names up to 32,768 bytes, and does not live through a longer one."""

HASH_OF_PW = b"$2a$04$abcdefghijklmnopqrstuuyvPXIbu7xe6/CED2DzX8z6Si09MlzlW"
"""What bcrypt makes of the password "pw"."""


@scenario
def a_user_that_was_added_is_listed_and_can_be_got(s: Session) -> None:
    list_users(s)
    get_user(s, "alice")
    add_user(s, "alice", "secret")
    list_users(s)
    get_user(s, "alice")


@scenario
def users_are_listed_in_the_order_of_their_names_bytes(s: Session) -> None:
    for name in ("b", "a", "B", "ab", "a b", "é", "\N{GREEK SMALL LETTER ALPHA}", "1", "~", "\0"):
        add_user(s, name, "secret")
    list_users(s)


@scenario
def a_user_is_added_once(s: Session) -> None:
    add_user(s, "alice", "secret")
    add_user(s, "alice", "secret")
    add_user(s, "alice", "other")
    add_user(s, "alice", no_password=True)
    add_user(s, "Alice", "secret")
    status(s)
    list_users(s)


@scenario
def a_user_without_a_name_is_refused(s: Session) -> None:
    add_user(s, "", "secret")
    add_user(s, "", no_password=True)
    ask(s, "UserAdd")
    status(s)


@scenario
def nobody_is_called_by_an_empty_name(s: Session) -> None:
    get_user(s, "")
    delete_user(s, "")
    change_password(s, "", "secret")
    grant_role(s, "", "")
    grant_role(s, "", "root")
    revoke_role(s, "", "")
    status(s)


@scenario
def a_name_may_be_long_and_of_any_characters(s: Session) -> None:
    for name in (LONGEST_NAME, "\n\t ", "../root", "a,b=c", "\N{PILE OF POO}", "r\0oot", " root"):
        add_user(s, name, "secret")
        get_user(s, name)
    list_users(s)


@scenario
def a_name_that_is_no_text_is_refused(s: Session) -> None:
    s.call("Auth/UserAdd", b"\n\x01\xff")
    s.call("Auth/UserGet", b"\n\x01\xff")
    s.call("Auth/UserDelete", b"\n\x02\xc3(")
    s.call("Auth/UserAdd", b"\n\x01a\x12\x01\xff")
    list_users(s)


@scenario
def a_deleted_user_is_gone_and_can_be_added_again_without_roles(s: Session) -> None:
    add_user(s, "alice", "secret")
    add_role(s, "r")
    grant_role(s, "alice", "r")
    delete_user(s, "alice")
    delete_user(s, "alice")
    get_user(s, "alice")
    list_users(s)
    add_user(s, "alice", "secret")
    get_user(s, "alice")
    status(s)


@scenario
def who_is_not_there_is_not_found(s: Session) -> None:
    get_user(s, "nobody")
    delete_user(s, "nobody")
    change_password(s, "nobody", "secret")
    change_password(s, "nobody", "")
    grant_role(s, "nobody", "root")
    grant_role(s, "nobody", "no role either")
    revoke_role(s, "nobody", "root")
    status(s)


@scenario
def a_password_is_never_answered(s: Session) -> None:
    add_user(s, "alice", "secret")
    get_user(s, "alice")
    change_password(s, "alice", "newer")
    get_user(s, "alice")


# Passwords


@scenario
def a_password_may_have_72_bytes(s: Session) -> None:
    for length in (71, 72, 73, 100):
        add_user(s, f"of {length}", "p" * length)
    add_user(s, "of 72 in 36", "é" * 36)
    add_user(s, "of 74 in 37", "é" * 37)
    add_user(s, "", "p" * 73)
    list_users(s)
    change_password(s, "of 71", "p" * 72)
    change_password(s, "of 71", "p" * 73)
    change_password(s, "nobody", "p" * 73)
    status(s)


@scenario
def a_password_that_is_too_long_is_refused_before_it_is_known_who_asks(s: Session) -> None:
    switch_on(s)
    nobody = s.with_metadata(("token", "not a token"))
    for caller in (s, nobody):
        add_user(caller, "alice", "p" * 73)
        change_password(caller, "alice", "p" * 73)
        add_user(caller, "alice", "p" * 72)
        add_user(caller, "alice", "p" * 73, no_password=True)


@scenario
def of_a_password_the_first_72_bytes_are_compared(s: Session) -> None:
    add_user(s, "of 72", "p" * 72)
    add_user(s, "of 71", "p" * 71)
    switch_on(s)
    authenticate(s, "of 72", "p" * 72)
    authenticate(s, "of 72", "p" * 73)
    authenticate(s, "of 72", "p" * 1000)
    authenticate(s, "of 72", "p" * 71)
    authenticate(s, "of 71", "p" * 71)
    authenticate(s, "of 71", "p" * 72)
    authenticate(s, "of 71", "p" * 71 + "\0" + "p")


@scenario
def a_password_may_have_any_characters(s: Session) -> None:
    passwords = ("\0", "a\0b", "é", " ", "\n", '"', "\N{PILE OF POO}")
    for number, password in enumerate(passwords):
        add_user(s, f"u{number}", password)
    switch_on(s)
    for number, password in enumerate(passwords):
        authenticate(s, f"u{number}", password)
    authenticate(s, "u0", "")
    authenticate(s, "u1", "a")
    authenticate(s, "u1", "a\0")
    authenticate(s, "u1", "a\0c")
    authenticate(s, "u2", "e\N{COMBINING ACUTE ACCENT}")


@scenario
def a_password_with_nul_at_its_end_is_compared_as_bcrypt_repeats_it(s: Session) -> None:
    # bcrypt reads the password with a 0 behind it over and over: "\0" is "" then, "a\0a" is "a".
    add_user(s, "a", "a")
    add_user(s, "nul", "\0")
    switch_on(s)
    for password in ("a", "a\0", "a\0a", "a\0a\0", "a\0b"):
        authenticate(s, "a", password)
    for password in ("", "\0", "\0\0", "\0\0\0"):
        authenticate(s, "nul", password)


@scenario
def a_user_may_be_added_with_an_empty_password(s: Session) -> None:
    add_user(s, "alice", "")
    ask(s, "UserAdd", name="bob")
    ask(s, "UserAdd", name="carol", options={})
    ask(s, "UserAdd", name="dave", options={"no_password": False})
    switch_on(s)
    for name in ("alice", "bob", "carol", "dave"):
        authenticate(s, name, "")
    authenticate(s, "alice", "\0")


@scenario
def a_changed_password_is_the_one_that_counts(s: Session) -> None:
    add_user(s, "alice", "old")
    add_role(s, "r")
    grant_role(s, "alice", "r")
    change_password(s, "alice", "new")
    get_user(s, "alice")
    switch_on(s)
    authenticate(s, "alice", "old")
    authenticate(s, "alice", "new")


@scenario
def a_password_that_is_changed_to_nothing_fits_nothing(s: Session) -> None:
    add_user(s, "alice", "old")
    change_password(s, "alice", "")
    status(s)
    switch_on(s)
    authenticate(s, "alice", "")
    authenticate(s, "alice", "old")


# Users without a password


@scenario
def a_user_without_a_password_cannot_authenticate(s: Session) -> None:
    add_user(s, "alice", no_password=True)
    add_user(s, "bob", "given all the same", no_password=True)
    get_user(s, "alice")
    switch_on(s)
    for name in ("alice", "bob"):
        authenticate(s, name, "")
        authenticate(s, name, "given all the same")


@scenario
def a_user_without_a_password_gets_none_by_a_change(s: Session) -> None:
    add_user(s, "alice", no_password=True)
    change_password(s, "alice", "secret")
    change_password(s, "alice", "")
    change_password(s, "alice", "p" * 73)
    ask(s, "UserChangePassword", name="alice", hashedPassword="no base64!")
    status(s)
    switch_on(s)
    authenticate(s, "alice", "secret")


@scenario
def roles_are_granted_to_a_user_without_a_password_as_to_any(s: Session) -> None:
    add_user(s, "alice", no_password=True)
    add_role(s, "r")
    grant_role(s, "alice", "r")
    get_user(s, "alice")
    revoke_role(s, "alice", "r")
    get_user(s, "alice")
    delete_user(s, "alice")


# Passwords that come hashed


def hashed(text: bytes) -> str:
    return base64.b64encode(text).decode()


@scenario
def a_hash_that_comes_with_a_new_user_is_ignored(s: Session) -> None:
    mine = hashed(HASH_OF_PW)
    ask(s, "UserAdd", name="alice", hashedPassword=mine)
    ask(s, "UserAdd", name="bob", password="secret", hashedPassword=mine)
    ask(s, "UserAdd", name="carol", password="secret", hashedPassword="no base64!")
    ask(s, "UserAdd", name="dave", hashedPassword=mine, options={"no_password": True})
    switch_on(s)
    for name in ("alice", "bob", "carol", "dave"):
        for password in ("pw", "secret", ""):
            authenticate(s, name, password)


@scenario
def a_hash_that_comes_with_a_change_is_taken_where_no_password_does(s: Session) -> None:
    mine = hashed(HASH_OF_PW)
    for name in ("alice", "bob"):
        add_user(s, name, "old")
    ask(s, "UserChangePassword", name="alice", hashedPassword=mine)
    ask(s, "UserChangePassword", name="bob", password="new", hashedPassword=mine)
    switch_on(s)
    for name in ("alice", "bob"):
        for password in ("pw", "new", "old"):
            authenticate(s, name, password)


@scenario
def a_hash_that_is_no_base64_is_refused(s: Session) -> None:
    add_user(s, "alice", "old")
    usual = hashed(HASH_OF_PW)
    for text in ("!", "a", "YWJj YWJj", "YWJjZA", "YWI=x", usual[:-1], "-_-_"):
        ask(s, "UserChangePassword", name="alice", hashedPassword=text)
    ask(s, "UserChangePassword", name="nobody", hashedPassword="!")
    status(s)
    switch_on(s)
    authenticate(s, "alice", "old")


@scenario
def a_hash_may_have_line_breaks_in_its_base64(s: Session) -> None:
    add_user(s, "alice", "old")
    text = hashed(HASH_OF_PW)
    ask(s, "UserChangePassword", name="alice", hashedPassword=f"{text[:10]}\r\n{text[10:]}\n")
    switch_on(s)
    authenticate(s, "alice", "pw")


@scenario
def a_hash_that_is_none_of_bcrypts_fits_nothing(s: Session) -> None:
    hash = HASH_OF_PW
    kinds = {
        "text": b"pw",
        "short": hash[:-1],
        "other digest": hash[:-1] + b"X",
        "no dollar": b"#" + hash[1:],
        "version 3": b"$3" + hash[2:],
        "cost 3": hash.replace(b"$04$", b"$03$"),
        "cost 32": hash.replace(b"$04$", b"$32$"),
        "negative cost": hash.replace(b"$04$", b"$-4$"),
        "space before the cost": hash.replace(b"$04$", b"$ 4$"),
        "cost of letters": hash.replace(b"$04$", b"$0x$"),
        "salt outside the alphabet": hash.replace(b"abc", b"a!c"),
    }
    for name, text in kinds.items():
        add_user(s, name, "old")
        ask(s, "UserChangePassword", name=name, hashedPassword=hashed(text))
    switch_on(s)
    for name in kinds:
        authenticate(s, name, "pw")


@scenario
def a_hash_may_be_of_another_version_of_bcrypt_or_not_quite_in_form(s: Session) -> None:
    hash = HASH_OF_PW
    kinds = {
        "2b": b"$2b" + hash[3:],
        "2y": b"$2y" + hash[3:],
        "2z": b"$2z" + hash[3:],
        "1a": b"$1a" + hash[3:],
        "2": b"$2$" + hash[4:],
        "tail": hash + b"tail",
        "sign before the cost": hash.replace(b"$04$", b"$+4$"),
        "no dollar before the salt": hash.replace(b"$04$", b"$04x"),
    }
    for name, text in kinds.items():
        add_user(s, name, "old")
        ask(s, "UserChangePassword", name=name, hashedPassword=hashed(text))
    switch_on(s)
    for name in kinds:
        authenticate(s, name, "pw")


# Roles of users


@scenario
def the_roles_of_a_user_are_in_the_order_of_their_names(s: Session) -> None:
    add_user(s, "alice", "secret")
    for name in ("b", "a", "c", "B", "ab", "é"):
        add_role(s, name)
        grant_role(s, "alice", name)
    grant_role(s, "alice", "root")
    get_user(s, "alice")
    revoke_role(s, "alice", "b")
    get_user(s, "alice")
    grant_role(s, "alice", "b")
    get_user(s, "alice")


@scenario
def a_role_that_a_user_has_is_granted_again_without_a_revision(s: Session) -> None:
    add_user(s, "alice", "secret")
    add_role(s, "r")
    grant_role(s, "alice", "r")
    status(s)
    grant_role(s, "alice", "r")
    status(s)
    get_user(s, "alice")


@scenario
def a_role_that_is_not_there_cannot_be_granted_but_for_root(s: Session) -> None:
    add_user(s, "alice", "secret")
    for role in ("r", "", "Root", "root "):
        grant_role(s, "alice", role)
    status(s)
    grant_role(s, "alice", "root")
    get_user(s, "alice")
    ask(s, "RoleList")
    ask(s, "RoleGet", role="root")
    status(s)


@scenario
def a_role_that_a_user_does_not_have_cannot_be_revoked(s: Session) -> None:
    add_user(s, "alice", "secret")
    add_role(s, "r")
    for role in ("r", "no such role", "", "root"):
        revoke_role(s, "alice", role)
    status(s)
    grant_role(s, "alice", "r")
    revoke_role(s, "alice", "r")
    revoke_role(s, "alice", "r")
    get_user(s, "alice")


@scenario
def a_deleted_role_is_taken_from_everyone(s: Session) -> None:
    for name in ("r", "s"):
        add_role(s, name)
    for name in ("alice", "bob", "carol"):
        add_user(s, name, "secret")
        grant_role(s, name, "s")
    for name in ("alice", "bob"):
        grant_role(s, name, "r")
    status(s)
    delete_role(s, "r")
    status(s)
    for name in ("alice", "bob", "carol"):
        get_user(s, name)


@scenario
def while_authentication_is_off_root_is_a_user_like_another(s: Session) -> None:
    add_root(s)
    revoke_role(s, "root", "root")
    get_user(s, "root")
    grant_role(s, "root", "root")
    delete_user(s, "root")
    list_users(s)
    add_root(s)
    enable(s)
    root = s.log_in("root", "root's password")
    disable(root)
    delete_user(s, "root")
    enable(s)
    list_users(s)


@scenario
def many_users_and_roles_are_listed_at_once(s: Session) -> None:
    for number in range(30):
        ask(s, "UserAdd", name=f"user {number}", options={"no_password": True})
        add_role(s, f"role {number}")
    list_users(s)
    s.call("Auth/RoleList", m.AuthRoleListRequest())
    status(s)
