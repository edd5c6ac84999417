"""Users, roles and tokens in the test kit: auth=, seeds, channels of users, expiry, faults."""

from __future__ import annotations

import asyncio
import doctest
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.core.auth.permissions import Permission
from fake_etcd.services import passwords
from fake_etcd.services.call import Call, HostCall
from fake_etcd.testing import FakeEtcd, auth_seed, faults, keys, on, permissions, tokens
from tests.testing.stubs import stub

AUTH: dict[str, Any] = {
    "root": "root's",
    "users": {
        "ann": {"password": "ann's", "roles": ["reader"]},
        "bob": "bob's",
        "cert": {"no_password": True, "roles": "reader"},
    },
    "roles": {"reader": {"read": {"prefix": "a/"}}, "nothing": {}},
}

TOKEN_IS_NONE = (grpc.StatusCode.UNAUTHENTICATED, "etcdserver: invalid auth token")
DENIED = (grpc.StatusCode.PERMISSION_DENIED, "etcdserver: permission denied")
NOBODY = (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: user name is empty")


@pytest.fixture
def etcd() -> Iterator[FakeEtcd]:
    with FakeEtcd(auth=AUTH) as etcd:
        etcd.clock.freeze()
        yield etcd


def read(channel: grpc.Channel, key: bytes = b"a/1", metadata: Any = None) -> Any:
    """What comes of a read: None, or code and text of the error."""
    try:
        stub(channel, "KV/Range")(m.RangeRequest(key=key), metadata=metadata)
    except grpc.RpcError as error:
        ended: Any = error
        return ended.code(), ended.details()
    return None


def log_in(etcd: FakeEtcd, name: str, password: str) -> str:
    request = m.AuthenticateRequest(name=name, password=password)
    return str(stub(etcd.channel(), "Auth/Authenticate")(request).token)


@pytest.mark.parametrize("module", [auth_seed, keys, permissions, tokens])
def test_the_examples_run(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


# What there is


def test_auth_is_on_from_the_beginning_with_its_users_and_roles(etcd: FakeEtcd) -> None:
    assert etcd.store.users() == {
        "ann": ["reader"],
        "bob": [],
        "cert": ["reader"],
        "root": ["root"],
    }
    assert etcd.store.roles() == {
        "nothing": {},
        "reader": {"read": [{"prefix": "a/"}]},
        "root": {"readwrite": [{"prefix": ""}]},
    }
    assert read(etcd.channel()) == NOBODY
    assert read(etcd.channel(), metadata=[("token", log_in(etcd, "ann", "ann's"))]) is None
    assert read(etcd.channel(), metadata=[("token", log_in(etcd, "bob", "bob's"))]) == DENIED
    with pytest.raises(grpc.RpcError, match="invalid user ID or password"):
        log_in(etcd, "ann", "bob's")


def test_it_is_so_again_after_a_reset_and_a_snapshot_keeps_it(etcd: FakeEtcd) -> None:
    root = etcd.channel(user="root")
    before = etcd.snapshot()
    stub(root, "Auth/UserDelete")(m.AuthUserDeleteRequest(name="ann"))
    token = etcd.token("bob")
    assert "ann" not in etcd.store.users()
    etcd.restore(before)
    assert "ann" in etcd.store.users()
    assert read(etcd.channel(), metadata=[("token", token)]) == TOKEN_IS_NONE
    with etcd.branch():
        stub(root, "Auth/AuthDisable")(m.AuthDisableRequest())
        assert read(etcd.channel()) is None
    assert read(etcd.channel()) == NOBODY
    stub(root, "Auth/AuthDisable")(m.AuthDisableRequest())
    etcd.reset()
    assert read(etcd.channel()) == NOBODY
    assert list(etcd.store.users()) == ["ann", "bob", "cert", "root"]
    assert log_in(etcd, "ann", "ann's")


def test_the_test_itself_is_let_past_and_no_client_is(etcd: FakeEtcd) -> None:
    etcd.seed({"a/1": {"value": "1", "ttl": 30}})
    assert etcd.store.dump() == {"a/1": "1"}
    assert etcd.store.delete("a/1")
    assert Call.is_hosts is False
    assert HostCall.is_hosts is True
    assert read(etcd.channel(), metadata=[("is_hosts", "1")]) == NOBODY


def test_of_two_etcds_with_the_same_seed_the_tokens_are_the_same() -> None:
    with FakeEtcd(auth=AUTH, random_seed=7) as one, FakeEtcd(auth=AUTH, random_seed=7) as two:
        assert one.token("ann") == two.token("ann") == log_in_again(one)
        assert one.token("ann") != two.token("bob")[:-1]


def log_in_again(etcd: FakeEtcd) -> str:
    etcd.reset()
    return etcd.token("ann")


def test_a_user_may_be_given_with_a_hash_and_a_role_with_all_kinds_of_keys() -> None:
    hash = passwords.hashed("old", 4, b"s" * 16).decode()
    roles = {
        "r": {
            "read": ["one", {"base64": "/w=="}, {"range": ["b", "d"]}],
            "write": {"from": "x"},
            "readwrite": [{"prefix": b"p\xff"}, {"prefix": ""}],
        }
    }
    with FakeEtcd(
        auth={"root": "pw", "users": {"u": {"hash": hash, "roles": ["r"]}}, "roles": roles}
    ) as etcd:
        assert log_in(etcd, "u", "old")
        role = etcd.node.auth.role("r")
        assert role is not None
        assert role.permissions == (
            Permission(2, b"\0", b"\0"),
            Permission(0, b"b", b"d"),
            Permission(0, b"one"),
            Permission(2, b"p\xff", b"q"),
            Permission(1, b"x", b"\0"),
            Permission(0, b"\xff"),
        )
        assert etcd.store.roles()["r"] == {
            "readwrite": [{"prefix": ""}, {"prefix": b"p\xff"}],
            "read": [{"range": ["b", "d"]}, "one", b"\xff"],
            "write": [{"from": "x"}],
        }


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 2]), st.binary(min_size=1, max_size=3), st.binary(max_size=3)
        ),
        unique_by=lambda it: it[1:],
    )
)
def test_what_is_written_of_permissions_is_read_as_the_same(
    some: list[tuple[int, bytes, bytes]],
) -> None:
    valid = [one for one in (Permission(*it) for it in some) if one.is_valid]
    again = permissions.read(permissions.written(valid), "role")
    assert set(again) == set(valid)


def test_what_is_done_to_a_fake_is_what_calls_would_have_done() -> None:
    hash = passwords.hashed("old", 4, b"s" * 16).decode()
    auth = {**AUTH, "users": {**AUTH["users"], "old": {"hash": hash}}}
    seed = auth_seed.parsed(auth)
    with FakeEtcd(auth=auth) as one, FakeEtcd() as other:
        channel = other.channel()
        for step in seed.steps({}):
            stub(channel, f"Auth/{step.method}")(step.request)
        for each in (one, other):
            assert log_in(each, "ann", "ann's")
            assert log_in(each, "old", "old")
        assert one.node.auth.revision == other.node.auth.revision
        assert (one.store.users(), one.store.roles()) == (other.store.users(), other.store.roles())
        flags = [
            [(user.name, user.no_password) for user in each.node.auth._users.values()]
            for each in (one, other)
        ]
        assert flags[0] == flags[1]


def test_roles_and_users_may_be_there_with_auth_off() -> None:
    with FakeEtcd(auth={"enabled": False, "users": {"ann": "pw"}, "roles": {"r": {}}}) as etcd:
        assert read(etcd.channel()) is None
        assert (etcd.store.users(), etcd.store.roles()) == ({"ann": []}, {"r": {}})
        with pytest.raises(errors.AUTH_NOT_ENABLED):
            etcd.token("ann")


def test_a_seed_has_users_beside_keys(tmp_path: Path) -> None:
    path = tmp_path / "seed.json"
    path.write_text(json.dumps({"a/1": "1", "auth": AUTH}))
    with FakeEtcd() as etcd:
        etcd.seed(path)
        assert etcd.store.dump() == {"a/1": "1"}
        assert read(etcd.channel(user="ann")) is None
        etcd.seed({"auth": {"users": {"zoe": {"password": "pw", "roles": ["reader"]}}}})
        assert read(etcd.channel(user="zoe")) is None
        etcd.reset()
        assert etcd.store.users() == {}


def test_a_key_may_be_called_auth() -> None:
    with FakeEtcd() as etcd:
        etcd.seed({"auth": "x"})
        assert etcd.store.dump() == {"auth": "x"}
        etcd.seed({"auth": {"base64": "eQ=="}})
        etcd.store.load({"b": "1"})
        assert etcd.store.dump() == {"auth": "y", "b": "1"}
        etcd.seed({"auth": {"value": "z", "ttl": 10}})
        assert etcd.store.get("auth") == b"z"


SECRET = "geheim"
"""No error may say it."""

USER = (
    '; a user is a password, or a mapping of "password", "hash" or "no_password": true, and "roles"'
)
KEYS = (
    '; keys are a text (one key), {"prefix": TEXT}, {"range": [FROM, TO]}, {"from": TEXT}, or a '
    "list of these"
)

WRONG: list[tuple[Any, str]] = [
    (
        {},
        'auth: "root" is missing, and etcd enables auth only with one: give its password, or '
        '"enabled": False',
    ),
    (
        {"rot": SECRET},
        'auth: there is no \'rot\' here; there are "root", "enabled", "users", "roles"',
    ),
    ({"root": 1234}, f"auth: user 'root': a number{USER}"),
    ({"root": ""}, "auth: user 'root': the password is empty; \"no_password\": true means none"),
    ({"root": SECRET * 13}, "auth: user 'root': bcrypt: password length exceeds 72 bytes"),
    ({"root": {"password": 5}}, "auth: user 'root': the password is a number; write it in quotes"),
    (
        {"root": {"password": SECRET, "hash": SECRET}},
        f'auth: user \'root\': "password", "hash"{USER}',
    ),
    ({"root": {"roles": []}}, f"auth: user 'root': no password{USER}"),
    (
        {"root": {"hash": SECRET}},
        'auth: user \'root\': "hash" is none of bcrypt\'s, "$2a$", a cost and 53 more',
    ),
    ({"root": {"no_password": False}}, "auth: user 'root': \"no_password\" is true or not there"),
    (
        {"root": {"password": SECRET, "role": "r"}},
        "auth: user 'root': there is no 'role' here; there are \"password\", \"hash\", "
        '"no_password", "roles"',
    ),
    ({"root": SECRET, "enabled": "yes"}, 'auth: "enabled" is a text; it is true or false'),
    ({"root": SECRET, "users": [SECRET]}, 'auth: "users" is a list; it is a mapping from names'),
    (
        {"root": SECRET, "users": {5: SECRET}},
        'auth: a name in "users" is a number; write it in quotes',
    ),
    (
        {"root": SECRET, "users": {"root": SECRET}},
        'auth: "root" stands beside "users", not among them',
    ),
    (
        {"root": SECRET, "users": {"u": {"password": SECRET, "roles": [5]}}},
        "auth: user 'u': \"roles\" is a name or a list of names, not a number",
    ),
    (
        {"root": SECRET, "users": {"u": {"password": SECRET, "roles": ["r"]}}},
        "auth: user 'u' gets role 'r': etcdserver: role name not found",
    ),
    (
        {"root": SECRET, "roles": {"r": "read"}},
        "auth: role 'r': a text, where read, write, readwrite and their keys are wanted",
    ),
    (
        {"root": SECRET, "roles": {"r": {"reads": "a"}}},
        "auth: role 'r': 'reads' is none of read, write, readwrite",
    ),
    (
        {"root": SECRET, "roles": {"r": {"read": [""]}}},
        'auth: role \'r\': read: etcd has no empty key; {"prefix": ""} is all keys',
    ),
    (
        {"root": SECRET, "roles": {"r": {"read": {"prefix": "a", "from": "b"}}}},
        f"auth: role 'r': read: a mapping of 'prefix', 'from'{KEYS}",
    ),
    (
        {"root": SECRET, "roles": {"r": {"read": {"prefix": 5}}}},
        "auth: role 'r': read: prefix: a number; it is text in quotes, or {\"base64\": TEXT}",
    ),
    (
        {"root": SECRET, "roles": {"r": {"read": {"range": ["b"]}}}},
        "auth: role 'r': read: range: a list; it is a list of two keys",
    ),
    (
        {"root": SECRET, "roles": {"r": {"read": {"range": ["b", "b"]}}}},
        "auth: role 'r': read: range: it ends before it begins; {\"from\": KEY} has no end",
    ),
    (
        {"root": SECRET, "roles": {"r": {"read": "a", "write": "a"}}},
        "auth: role 'r': write: a is said twice; say readwrite",
    ),
]


@pytest.mark.parametrize(("auth", "message"), WRONG)
def test_what_is_not_understood_is_refused_by_place_and_without_the_secret(
    auth: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$") as caught:
        FakeEtcd(auth=auth)
    assert SECRET not in str(caught.value)


def test_a_file_that_is_wrong_is_named_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "auth.yaml"
    for content, problem in [
        (
            f"root: !{SECRET}",
            "no YAML: line 1, column 7: could not determine a constructor for the tag '...'",
        ),
        (f"root: '{SECRET}", "no YAML: line 1, column 14: found unexpected end of stream"),
        (f"- {SECRET}", 'a list, where "root", "enabled", "users", "roles" are wanted'),
        ("root: 5", f"user 'root': a number{USER}"),
    ]:
        path.write_text(content)
        with pytest.raises(ValueError, match=f"^{re.escape(f'{path}: {problem}')}$"):
            FakeEtcd(auth=path)
    with pytest.raises(TypeError) as wrong:
        FakeEtcd(auth=[SECRET])  # type: ignore[arg-type]
    assert str(wrong.value) == "auth=***: it has to be a mapping, or the path of a file"


# Tokens


def test_a_channel_of_a_user_has_a_token_with_each_call(etcd: FakeEtcd) -> None:
    ann = etcd.channel(user="ann")
    assert read(ann) is None
    assert read(ann, b"b") == DENIED
    assert read(ann, metadata=[("token", etcd.token("bob"))]) == DENIED  # the call's own is first
    answers = stub(ann, "Watch/Watch")(
        iter([m.WatchRequest(create_request=m.WatchCreateRequest(key=b"a/1"))])
    )
    assert next(answers).created
    answers.cancel()
    assert read(etcd.channel()) == NOBODY


def test_a_channel_of_asyncio_has_one_too(etcd: FakeEtcd) -> None:
    async def ask() -> tuple[Any, Any]:
        async with etcd.aio_channel(user="ann") as ann:
            call = stub(ann, "KV/Range")
            good = await call(m.RangeRequest(key=b"a/1"))
            with pytest.raises(grpc.RpcError) as caught:
                await call(m.RangeRequest(key=b"b"))
            return good.count, caught.value

    count, error = asyncio.run(ask())
    assert (count, error.details()) == (0, DENIED[1])


def test_who_has_no_token_is_told_why(etcd: FakeEtcd) -> None:
    with pytest.raises(ValueError, match="no user 'eve'; there are 'ann', 'bob', 'cert', 'root'"):
        etcd.token("eve")
    with pytest.raises(ValueError, match="user 'cert' has no password, and so no token"):
        etcd.channel(user="cert")


def test_a_token_of_bytes_is_one_of_text(etcd: FakeEtcd) -> None:
    token = etcd.token("ann").encode()
    assert read(etcd.channel(), metadata=[("token", token)]) is None


def test_tokens_end_by_the_clock_when_they_are_not_used(etcd: FakeEtcd) -> None:
    ann = etcd.channel(user="ann")
    for _ in range(3):
        etcd.clock.advance(299)
        assert read(ann) is None
    etcd.clock.advance(302)
    assert read(ann) == TOKEN_IS_NONE


def test_tokens_can_be_ended_all_or_one_users(etcd: FakeEtcd) -> None:
    ann, bob = etcd.channel(user="ann"), etcd.channel(user="bob")
    etcd.tokens.expire("ann")
    assert read(ann) == TOKEN_IS_NONE
    assert read(bob) == DENIED
    ann = etcd.channel(user="ann")
    assert read(ann) is None
    etcd.tokens.expire()
    assert [read(ann), read(bob)] == [TOKEN_IS_NONE, TOKEN_IS_NONE]
    assert read(etcd.channel(user="ann")) is None


# Faults


def test_a_rule_can_be_about_a_users_calls(etcd: FakeEtcd) -> None:
    ann, bob = etcd.channel(user="ann"), etcd.channel(user="bob")
    rule = etcd.faults.add(on.Range(user="ann"), faults.refuse(errors.AUTH_OLD_REVISION))
    assert read(ann) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "etcdserver: revision of auth store is old",
    )
    assert read(bob) == DENIED
    assert read(etcd.channel()) == NOBODY
    assert read(etcd.channel(), metadata=[("token", "none")]) == TOKEN_IS_NONE
    assert rule.acted == 1
    assert str(rule.on) == "Range(user='ann')"


def test_a_user_who_logs_in_is_known_by_the_request(etcd: FakeEtcd) -> None:
    etcd.faults.add(on.Authenticate(user="ann"), faults.refuse("PERMISSION_DENIED"))
    assert log_in(etcd, "bob", "bob's")
    with pytest.raises(grpc.RpcError, match="permission denied"):
        log_in(etcd, "ann", "ann's")


def test_to_be_looked_at_by_a_rule_renews_no_token(etcd: FakeEtcd) -> None:
    ann = etcd.channel(user="ann")
    rule = etcd.faults.add(on.any(user="ann"), faults.refuse("no leader"))
    etcd.clock.advance(200)
    assert read(ann) is not None
    etcd.faults.remove(rule)
    etcd.clock.advance(102)
    assert read(ann) == TOKEN_IS_NONE


def test_watch_streams_of_a_user_are_cut(etcd: FakeEtcd) -> None:
    create = m.WatchRequest(create_request=m.WatchCreateRequest(key=b"a/1"))
    ann, root = (
        stub(etcd.channel(user=user), "Watch/Watch")(iter([create])) for user in ("ann", "root")
    )
    assert next(ann).created
    assert next(root).created
    etcd.faults.add(on.Watch(user="ann"), faults.cut())
    with pytest.raises(grpc.RpcError):
        next(ann)
    etcd.store.put("a/1", "1")
    assert next(root).events[0].kv.value == b"1"
    root.cancel()


def test_tokens_end_just_before_a_call(etcd: FakeEtcd) -> None:
    ann, bob = etcd.channel(user="ann"), etcd.channel(user="bob")
    rule = etcd.faults.add(on.Range(key="a/2"), faults.expire_tokens("ann"), times=1)
    assert [read(ann), read(bob, b"a/2"), read(ann)] == [None, DENIED, TOKEN_IS_NONE]
    assert str(rule.effect) == "expire the tokens of 'ann'"
    etcd.faults.now(faults.expire_tokens())
    assert read(bob) == TOKEN_IS_NONE


# Hashing aside


def test_others_are_served_while_a_password_is_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    is_hashing, others_are_done = threading.Event(), threading.Event()
    matches = passwords.matches

    def slow(password: str, hash: bytes) -> bool:
        is_hashing.set()
        assert others_are_done.wait(10), "others waited for it"
        return matches(password, hash)

    monkeypatch.setattr(passwords, "matches", slow)
    request = m.AuthenticateRequest(name="ann", password="ann's")
    with FakeEtcd(auth=AUTH) as etcd:
        etcd.work_aside()
        token = etcd.token("ann")
        with grpc.insecure_channel(etcd.endpoint) as channel:
            answer = stub(channel, "Auth/Authenticate").future(request, timeout=20)
            assert is_hashing.wait(10)
            assert read(channel, metadata=[("token", token)]) is None
            assert not answer.done()
            others_are_done.set()
            assert answer.result().token
        is_hashing.clear()
        others_are_done.clear()
        # Whose call was ended meanwhile gets nothing more.
        pending = stub(etcd.channel(), "Auth/Authenticate").future(request)
        assert is_hashing.wait(10)
        etcd.reset()
        others_are_done.set()
        assert pending.code() is grpc.StatusCode.UNAVAILABLE
    assert not [it for it in threading.enumerate() if it.name.startswith("fake_etcd-aside")]


def test_with_a_clock_that_stands_still_it_is_a_step_like_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = []
    matches = passwords.matches

    def watched(password: str, hash: bytes) -> bool:
        threads.append(threading.current_thread())
        return matches(password, hash)

    monkeypatch.setattr(passwords, "matches", watched)
    with FakeEtcd(auth=AUTH) as etcd:
        etcd.work_aside()
        etcd.clock.freeze()
        assert log_in(etcd, "ann", "ann's")
        etcd.clock.real()
        assert log_in(etcd, "ann", "ann's")
    assert threads[0] is threading.current_thread()
    assert threads[1] is not threading.current_thread()
