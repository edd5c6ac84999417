"""Who the client is: tokens that are got, renewed, and asked for by one call at a time."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fake_etcd import clientv3
from fake_etcd.api import errors as table
from fake_etcd.clientv3 import Config, aio, context, rpctypes
from fake_etcd.testing import FakeEtcd
from tests.clientv3.faces import Face
from tests.clientv3.servers import Member, abort, until

AUTH = {
    "root": "the root password",
    "users": {"alice": {"password": "hers", "roles": ["clerk"]}},
    "roles": {"clerk": {"readwrite": {"prefix": "stock/"}}},
}
with_auth = pytest.mark.fake_etcd(auth=AUTH)
ALICE: dict[str, Any] = {"username": "alice", "password": "hers"}


def logins(fake_etcd: FakeEtcd) -> int:
    return len(fake_etcd.history.calls("Authenticate"))


@with_auth
def test_a_token_is_got_at_the_start_and_used(
    new_client: Callable[..., Any], fake_etcd: FakeEtcd
) -> None:
    cli = new_client(**ALICE)
    assert logins(fake_etcd) == 1
    cli.put("stock/apples", "40")
    with pytest.raises(rpctypes.ErrPermissionDenied):
        cli.put("other", "1")
    assert logins(fake_etcd) == 1


@with_auth
def test_nobody_is_refused_what_needs_a_user(new_client: Callable[..., Any]) -> None:
    with pytest.raises(rpctypes.ErrUserEmpty, match=r"^etcdserver: user name is empty$"):
        new_client().get("stock/apples")


@with_auth
def test_a_wrong_password_is_told_at_the_start_and_nothing_stays_open(
    new_client: Callable[..., Any], fake_etcd: FakeEtcd, recwarn: pytest.WarningsRecorder
) -> None:
    before = threading.active_count()
    with pytest.raises(rpctypes.ErrAuthFailed):
        new_client(username="alice", password="not hers")
    assert [str(each.message) for each in recwarn] == []
    assert threading.active_count() <= before + 1  # gRPC's own, for all channels


def test_a_user_needs_no_token_until_auth_is_enabled(
    new_client: Callable[..., Any], fake_etcd: FakeEtcd
) -> None:
    admin = new_client()
    for name, password in (("root", "the root password"), ("alice", "hers")):
        admin.user_add(name, password)
        admin.user_grant_role(name, "root")
    cli = new_client(**ALICE)
    cli.put("k", "1")
    admin.auth_enable()
    cli.put("k", "2")
    with pytest.raises(rpctypes.ErrUserEmpty):
        admin.put("k", "3")
    assert cli.get("k").kvs[0].value == b"2"


@with_auth
def test_a_token_that_ended_is_renewed_and_the_call_made_again(
    new_client: Callable[..., Any], fake_etcd: FakeEtcd
) -> None:
    cli = new_client(**ALICE)
    fake_etcd.tokens.expire("alice")
    revision = cli.put("stock/apples", "40").header.revision
    assert (logins(fake_etcd), revision) == (2, fake_etcd.store.revision)
    assert [call.status and call.status.code.name for call in fake_etcd.history.calls("Put")] == [
        "UNAUTHENTICATED",
        "OK",
    ]


@with_auth
def test_a_token_of_the_users_own_is_never_renewed(
    new_client: Callable[..., Any], fake_etcd: FakeEtcd
) -> None:
    cli = new_client(token=fake_etcd.token("alice"))
    cli.put("stock/apples", "40")
    fake_etcd.tokens.expire("alice")
    with pytest.raises(rpctypes.ErrInvalidAuthToken):
        cli.put("stock/apples", "41")
    assert logins(fake_etcd) == 0


class Tokens:
    """A member that takes the newest of its tokens alone."""

    def __init__(self) -> None:
        self.stale = 0
        self.logging_in = Counter[str]()
        self._lock = threading.Lock()
        self.member = Member(1, self._act)

    def _act(self, rpc: str, context: Any) -> None:
        if rpc == "Auth/Authenticate":
            with self._lock:
                self.logging_in["now"] += 1
                self.logging_in["most"] = max(self.logging_in["most"], self.logging_in["now"])
            threading.Event().wait(0.05)  # longer than it takes the others to come
            with self._lock:
                self.logging_in["now"] -= 1
            return
        token = dict(context.invocation_metadata()).get("token", "")
        if int(str(token).removeprefix("token ") or 0) <= self.stale:
            row = table.INVALID_AUTH_TOKEN
            abort(context, row.code, row.message)


@pytest.fixture
def tokens() -> Iterator[Tokens]:
    tokens = Tokens()
    yield tokens
    tokens.member.close()


def test_many_threads_with_a_stale_token_log_in_once(tokens: Tokens) -> None:
    config = Config(endpoints=[tokens.member.endpoint], **ALICE)
    with clientv3.Client(config) as cli, ThreadPoolExecutor(16) as pool:
        tokens.stale = 1
        answers = [pool.submit(cli.put, "k", "v", timeout=20.0) for _ in range(16)]
        assert {answer.result().header.member_id for answer in answers} == {1}
    assert (tokens.member.calls["Auth/Authenticate"], tokens.logging_in["most"]) == (2, 1)


def test_many_tasks_with_a_stale_token_log_in_once(tokens: Tokens) -> None:
    async def work() -> None:
        async with aio.Client(Config(endpoints=[tokens.member.endpoint], **ALICE)) as cli:
            tokens.stale = 1
            await asyncio.gather(*(cli.put("k", "v", timeout=20.0) for _ in range(64)))

    asyncio.run(work())
    assert (tokens.member.calls["Auth/Authenticate"], tokens.logging_in["most"]) == (2, 1)


def test_who_waits_for_a_login_that_is_canceled_logs_in(face: Face, tokens: Tokens) -> None:
    cli = face.client(Config(endpoints=[tokens.member.endpoint], **ALICE))
    tokens.stale = 1
    ctx, cancel = context.with_cancel(context.background())
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cli.put, "k", "v", ctx=ctx)
        until(lambda: tokens.member.calls["Auth/Authenticate"] == 2)
        second = pool.submit(cli.put, "k", "v", timeout=20.0)
        until(lambda: tokens.member.calls["KV/Put"] == 2)
        cancel()
        assert isinstance(first.exception(), context.Canceled)
        assert second.result().header.member_id == 1
    cli.close()
