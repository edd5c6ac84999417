"""JSON Web Tokens: what etcd writes into them, what it takes, and that they grow old.

Scenarios make tokens of their own as well, since they know the secret.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from ... import keys
from ...connection import Connection
from ...scenario import scenario
from ...session import Session
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
    disable,
    enable,
    every_call,
    get_role,
    get_user,
    grant,
    grant_lease,
    keep_alive,
    list_leases,
    list_users,
    one_person,
    op_put,
    op_range,
    revoke_lease,
    status,
    switch_on,
    time_to_live,
    watch,
    watch_once,
)

SECRET = "--auth-token=jwt,sign-method=HS256,priv-key={keys}/hmac"
HS256 = (SECRET,)

SOON = 4_000_000_000
"""The year 2096, in seconds: when tokens of a scenario's making end."""


def somebody(s: Session, word: str, claims: Mapping[str, object] | bytes) -> Session:
    """The caller with a token of the scenario's making, which is written as `token#word`."""
    return s.with_metadata(("token", s.name_token(keys.signed(claims), word)))


def current(s: Connection) -> int:
    return status(s).authRevision


def try_all(s: Session, tokens: Mapping[str, str]) -> None:
    """A call that needs a right, and one that needs root, with each of the tokens."""
    for word, token in tokens.items():
        caller = s.with_metadata(("token", s.name_token(token, word)))
        caller.put(key=b"a")
        list_users(caller)


def show_token(s: Session) -> None:
    """Switch authentication on, and show what is in root's token, and that it is taken."""
    root = switch_on(s)
    s.read_token(root.token)
    root.put(key=b"a")


@scenario(flags=HS256)
def a_signed_token_names_its_user_the_revision_and_its_end(s: Session) -> None:
    show_token(s)


@scenario(flags=("--auth-token=jwt,sign-method=HS512,priv-key={keys}/hmac,ttl=2h",))
def a_signed_token_may_be_signed_by_a_longer_hash(s: Session) -> None:
    show_token(s)


@scenario(flags=("--auth-token=jwt,sign-method=RS256,priv-key={keys}/rsa,pub-key={keys}/rsa.pub",))
def a_signed_token_may_be_signed_by_rsa(s: Session) -> None:
    show_token(s)
    forged = keys.signed({"username": "root", "revision": current(s), "exp": SOON})
    try_all(s, {"forged": forged})


@scenario(flags=("--auth-token=jwt,sign-method=PS384,priv-key={keys}/rsa",))
def a_signed_token_may_be_signed_by_rsa_with_padding(s: Session) -> None:
    show_token(s)


@scenario(flags=("--auth-token=jwt,sign-method=ES256,priv-key={keys}/ec-p256",))
def a_signed_token_may_be_signed_by_a_curve(s: Session) -> None:
    show_token(s)


@scenario(flags=("--auth-token=jwt,sign-method=ES512,priv-key={keys}/ec-p521",))
def a_signed_token_may_be_signed_by_a_larger_curve(s: Session) -> None:
    show_token(s)


@scenario(flags=("--auth-token=jwt,sign-method=EdDSA,priv-key={keys}/ed25519",))
def a_signed_token_may_be_signed_by_an_edwards_curve(s: Session) -> None:
    show_token(s)


@scenario(flags=("--auth-token=jwt,sign-method=RS256,pub-key={keys}/rsa.pub",))
def a_server_with_a_public_key_gives_no_tokens(s: Session) -> None:
    add_root(s)
    enable(s)
    authenticate(s, "root", "root's password")
    authenticate(s, "root", "wrong")
    authenticate(s, "nobody", "")


@scenario(flags=HS256)
def root_may_do_everything_with_a_new_token_after_each_change(s: Session) -> None:
    # Without a change, another token of the same second would be the same.
    root = switch_on(s)
    for name in ("alice", "bob"):
        root.put(key=b"a")
        add_user(root, name, name)
        root.put(key=b"a")
        root = as_root(s)


@scenario(flags=HS256)
def a_signed_token_from_before_a_change_is_old_for_keys(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"a"))
    alice.put(key=b"a")
    add_role(root, "r")
    for caller in (alice, root):
        caller.range(key=b"a")
        caller.range_stream(key=b"a")
        caller.put(key=b"a")
        caller.delete_range(key=b"a")
        caller.txn(success=[op_range(b"a")])
        caller.txn(success=[op_put(b"a")])
        caller.txn()
        caller.range(key=b"z")
        caller.put(key=b"z")
        caller.compact(revision=s.at(2))
        watch_once(caller, b"a")
    as_person(s, "alice").put(key=b"a")


@scenario(flags=HS256)
def a_signed_token_from_before_a_change_is_old_for_leases_with_keys(s: Session) -> None:
    root, alice = one_person(s, (READWRITE, b"a"))
    for id in (7, 8):
        grant_lease(root, id)
    alice.put(key=b"a", lease=7)
    add_role(root, "r")
    for caller in (alice, root):
        grant_lease(caller, 9)
        for id in (8, 7):
            time_to_live(caller, id)
            time_to_live(caller, id, keys=True)
            keep_alive(caller, id)
        list_leases(caller)
        revoke_lease(caller, 9)
    revoke_lease(alice, 7)
    revoke_lease(root, 7)


@scenario(flags=HS256)
def a_signed_token_of_roots_is_never_too_old_to_manage(s: Session) -> None:
    root, alice = one_person(s)
    for number in range(3):
        add_role(root, f"r{number}")
    list_users(root)
    get_user(alice, "alice")
    get_role(alice, "alice")
    disable(root)


@scenario(flags=HS256)
def a_signed_token_outlives_switching_off_and_on_but_for_its_revision(s: Session) -> None:
    root, alice = one_person(s, (READ, b"a"))
    disable(root)
    enable(s)
    list_users(root)
    get_user(alice, "alice")
    alice.range(key=b"a")
    root.range(key=b"a")


@scenario(flags=HS256)
def a_signed_token_outlives_its_user_and_password(s: Session) -> None:
    root, alice = one_person(s, (READ, b"a"))
    change_password(root, "alice", "new")
    get_user(alice, "alice")
    alice.range(key=b"a")
    delete_user(root, "alice")
    get_user(alice, "alice")
    alice.range(key=b"a")
    list_users(alice)
    add_user(root, "alice", "alice")
    get_user(alice, "alice")


@scenario(flags=HS256)
def a_signed_token_of_somebody_unknown_has_no_rights(s: Session) -> None:
    switch_on(s)
    nobody = somebody(s, "nobody", {"username": "nobody", "revision": current(s), "exp": SOON})
    every_call(nobody)
    get_user(nobody, "nobody")
    get_role(nobody, "nobody")


@scenario(flags=HS256)
def a_signed_token_without_a_name_is_like_none(s: Session) -> None:
    switch_on(s)
    nobody = somebody(s, "no-name", {"username": "", "revision": current(s), "exp": SOON})
    every_call(nobody)
    get_user(nobody, "")


@scenario(flags=HS256)
def a_signed_token_of_revision_0_is_like_none_for_keys(s: Session) -> None:
    add_person(s, "alice", (READWRITE, b"a"))
    switch_on(s)
    for name in ("alice", "root"):
        caller = somebody(s, name, {"username": name, "revision": 0, "exp": SOON})
        every_call(caller)


@scenario(flags=HS256)
def a_signed_token_of_a_revision_to_come_writes_but_does_not_read(s: Session) -> None:
    add_person(s, "alice", (READWRITE, b"a"))
    switch_on(s)
    claims = {"username": "alice", "revision": current(s) + 5, "exp": SOON}
    caller = somebody(s, "to-come", claims)
    caller.put(key=b"a")
    caller.range(key=b"a")
    caller.range(key=b"a", serializable=True)
    caller.range(key=b"z")
    caller.range_stream(key=b"a")
    caller.txn(success=[op_put(b"a")])
    caller.txn(success=[op_range(b"a")])
    caller.delete_range(key=b"a")
    watch_once(caller, b"a")
    grant_lease(caller, 7)
    time_to_live(caller, 7, keys=True)


@scenario(flags=HS256)
def a_signed_token_must_have_a_name_and_a_revision(s: Session) -> None:
    switch_on(s)
    revision = current(s)
    claims: dict[str, Mapping[str, object] | bytes] = {
        "good": {"username": "root", "revision": revision, "exp": SOON},
        "more": {"username": "root", "revision": revision, "exp": SOON, "x": [1], "sub": "y"},
        "no-username": {"revision": revision, "exp": SOON},
        "no-revision": {"username": "root", "exp": SOON},
        "username-number": {"username": 1, "revision": revision, "exp": SOON},
        "username-null": {"username": None, "revision": revision, "exp": SOON},
        "username-case": {"Username": "root", "revision": revision, "exp": SOON},
        "revision-text": {"username": "root", "revision": str(revision), "exp": SOON},
        "revision-true": {"username": "root", "revision": True, "exp": SOON},
        "revision-part": {"username": "root", "revision": revision + 0.9, "exp": SOON},
        "empty": {},
        "no-object": b"[]",
        "null": b"null",
        "no-json": b"{",
        "nothing": b"",
        "two-documents": b"{}{}",
        "doubled": b'{"username":"nobody","username":"root","revision":%d}' % revision,
    }
    try_all(s, {word: keys.signed(each) for word, each in claims.items()})


@scenario(flags=HS256)
def a_signed_token_may_have_times(s: Session) -> None:
    switch_on(s)
    who = {"username": "root", "revision": current(s)}
    now = int(time.time())
    times: dict[str, dict[str, object]] = {
        "none": {},
        "ended": {"exp": now - 60},
        "ended-long-ago": {"exp": 1},
        "end-0": {"exp": 0},
        "end-part": {"exp": now + 60.5},
        "end-text": {"exp": str(now + 60)},
        "end-null": {"exp": None},
        "end-huge": {"exp": 1e30},
        "not-yet": {"exp": SOON, "nbf": now + 600},
        "already": {"exp": SOON, "nbf": now - 600},
        "begin-text": {"exp": SOON, "nbf": "x"},
        "made-later": {"exp": SOON, "iat": now + 600},
        "made-text": {"exp": SOON, "iat": "x"},
        "audience": {"exp": SOON, "aud": "somebody else"},
        "issuer": {"exp": SOON, "iss": 5},
    }
    try_all(s, {word: keys.signed({**who, **each}) for word, each in times.items()})


@scenario(flags=HS256)
def a_signed_token_must_be_signed_as_the_server_signs(s: Session) -> None:
    switch_on(s)
    claims = {"username": "root", "revision": current(s), "exp": SOON}
    good = keys.signed(claims)
    head, body, signature = good.split(".")
    tokens = {
        "good": good,
        "other-secret": keys.signed(claims, secret=b"another"),
        "no-secret": keys.signed(claims, secret=b""),
        "hs384": keys.signed(claims, header={"alg": "HS384", "typ": "JWT"}, digest="sha384"),
        "hs512": keys.signed(claims, header={"alg": "HS512", "typ": "JWT"}, digest="sha512"),
        "other-digest": keys.signed(claims, digest="sha512"),
        "none": keys.signed(claims, header={"alg": "none", "typ": "JWT"}),
        "none-unsigned": keys.signed(claims, header={"alg": "none"}).rpartition(".")[0] + ".",
        "rs256": keys.signed(claims, header={"alg": "RS256", "typ": "JWT"}),
        "no-alg": keys.signed(claims, header={"typ": "JWT"}),
        "alg-case": keys.signed(claims, header={"alg": "hs256"}),
        "alg-number": keys.signed(claims, header={"alg": 256}),
        "no-typ": keys.signed(claims, header={"alg": "HS256"}),
        "other-typ": keys.signed(claims, header={"alg": "HS256", "typ": "at+jwt"}),
        "typ-number": keys.signed(claims, header={"alg": "HS256", "typ": 1}),
        "more-head": keys.signed(claims, header={"alg": "HS256", "kid": "x", "crit": ["x"]}),
        "head-no-json": keys.signed(claims, header=b"{"),
        "head-list": keys.signed(claims, header=b"[]"),
        "unsigned": f"{head}.{body}.",
        "two-parts": f"{head}.{body}",
        "four-parts": f"{good}.{signature}",
        "padded": f"{good}=",
        "padded-head": f"{head}=.{body}.{signature}",
        "cut": good[:-1],
        "longer": f"{good}A",
        "space-before": f" {good}",
        "bearer": f"Bearer {good}",
        "body-changed": f"{head}.{body[:-1]}.{signature}",
        "no-base64": f"{head}.{body}.!{signature[1:]}",
        "upper": good.upper(),
    }
    try_all(s, tokens)


@scenario(flags=HS256)
def a_signed_token_may_be_in_either_of_two_headers(s: Session) -> None:
    root = switch_on(s)
    for metadata in (
        ("authorization", root.token),
        ("authorization", f"Bearer {root.token}"),
        ("token", f"Bearer {root.token}"),
        ("token", "x.1"),
        ("token", ""),
    ):
        s.with_metadata(metadata).put(key=b"a")


@scenario(flags=HS256)
def a_watch_is_refused_by_an_old_token_and_goes_on_with_one(s: Session) -> None:
    root, alice = one_person(s, (READ, b"a"))
    stream = alice.open("Watch/Watch")
    watch(stream, b"a")
    grant(root, "alice", READ, b"b")
    watch(stream, b"a")
    watch(stream, b"z")
    as_root(s).put(key=b"a")
    stream.receive()


@scenario(flags=HS256)
def what_is_old_is_told_before_what_is_not_allowed(s: Session) -> None:
    root, alice = one_person(s, (READ, b"a"))
    delete_role(root, "alice")
    alice.range(key=b"a")
    alice.put(key=b"a")
    get_role(alice, "alice")
    list_users(alice)
    alice.compact(revision=99)


@scenario(flags=("--auth-token=jwt,sign-method=HS256,priv-key={keys}/hmac,ttl=2s",))
def a_signed_token_ends_however_much_it_is_used(s: Session) -> None:
    root = switch_on(s)
    s.read_token(root.token)
    time.sleep(4)
    root.put(key=b"a")
    as_root(s).put(key=b"a")


@scenario(flags=(SECRET, "--auth-token-ttl=1"))
def the_time_of_simple_tokens_is_not_that_of_signed_ones(s: Session) -> None:
    root = switch_on(s)
    time.sleep(4)
    root.put(key=b"a")
