"""Users and roles through both faces: whole answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from fake_etcd import clientv3
from fake_etcd.clientv3 import aio, blocking, context, rpctypes
from fake_etcd.clientv3.aio.loop import LoopIo
from fake_etcd.clientv3.context import Context
from fake_etcd.clientv3.core.io import Io, wait_under
from fake_etcd.clientv3.core.many import for_each
from fake_etcd.clientv3.responses import (
    AuthDisableResponse,
    AuthEnableResponse,
    AuthRoleAddResponse,
    AuthRoleDeleteResponse,
    AuthRoleGetResponse,
    AuthRoleGrantPermissionResponse,
    AuthRoleListResponse,
    AuthRoleRevokePermissionResponse,
    AuthStatusResponse,
    AuthUserAddResponse,
    AuthUserChangePasswordResponse,
    AuthUserDeleteResponse,
    AuthUserGetResponse,
    AuthUserGrantRoleResponse,
    AuthUserListResponse,
    AuthUserRevokeRoleResponse,
    Permission,
    PermissionType,
    ResponseHeader,
    Role,
    User,
)
from fake_etcd.testing import FakeEtcd, faults, on
from tests.clientv3.concurrently import other_tasks
from tests.clientv3.faces import Face

AUTH = {
    "root": "of root",
    "users": {
        "alice": {"password": "of alice", "roles": ["reader"]},
        "bob": {"password": "of bob", "roles": ["reader", "writer"]},
        "carol": {"no_password": True},
    },
    "roles": {
        "reader": {"read": {"prefix": "config/"}},
        "writer": {"readwrite": "state", "write": {"from": "x"}},
    },
}

EVERYTHING = Permission(PermissionType.READWRITE, b"", b"\0")
"""What etcd says of the role root, from 3.6 on; root may do everything in older ones too."""


def header(cli: Any) -> ResponseHeader:
    """The header of the answers now: users and roles have no part in the store's revision."""
    found: ResponseHeader = cli.get("nothing").header
    return found


def test_a_user_is_made_changed_and_deleted(cli: Any) -> None:
    now = header(cli)
    assert cli.user_add("alice", "a password") == AuthUserAddResponse(now)
    assert cli.user_add("bob", no_password=True) == AuthUserAddResponse(now)
    assert cli.user_list() == AuthUserListResponse(now, ("alice", "bob"))
    assert cli.user_get("alice") == AuthUserGetResponse(now)
    changed = cli.user_change_password("alice", "another")
    assert changed == AuthUserChangePasswordResponse(now)
    assert cli.user_delete("alice") == AuthUserDeleteResponse(now)
    assert cli.user_list() == AuthUserListResponse(now, ("bob",))


def test_what_is_wrong_with_a_user_is_said(cli: Any) -> None:
    cli.user_add("alice", "a password")
    with pytest.raises(rpctypes.ErrUserAlreadyExist):
        cli.user_add("alice", "a password")
    with pytest.raises(rpctypes.ErrUserEmpty):
        cli.user_add("", "a password")
    for given in ({}, {"password": "", "no_password": True}):
        with pytest.raises(ValueError, match=r"^a user is added with a password, or with no_pass"):
            cli.user_add("bob", **given)
    with pytest.raises(rpctypes.ErrRoleNotFound):
        cli.user_grant_role("alice", "nothing")
    with pytest.raises(rpctypes.ErrRoleNotGranted):
        cli.user_revoke_role("alice", "nothing")
    calls: tuple[Callable[[], Any], ...] = (
        lambda: cli.user_get("bob"),
        lambda: cli.user_delete("bob"),
        lambda: cli.user_change_password("bob", "a password"),
        lambda: cli.user_grant_role("bob", "nothing"),
        lambda: cli.user_revoke_role("bob", "nothing"),
    )
    for call in calls:
        with pytest.raises(rpctypes.ErrUserNotFound):
            call()


def test_a_role_is_made_changed_and_deleted(cli: Any) -> None:
    now = header(cli)
    assert cli.role_add("writer") == AuthRoleAddResponse(now)
    assert cli.role_add("reader") == AuthRoleAddResponse(now)
    assert cli.role_list() == AuthRoleListResponse(now, ("reader", "writer"))
    granted = AuthRoleGrantPermissionResponse(now)
    assert cli.role_grant_permission("reader", "a", "", PermissionType.READ) == granted
    assert cli.role_grant_permission("reader", b"b", b"\0", "Write") == granted
    assert cli.role_grant_permission("reader", "c", "d", "readwrite") == granted
    assert cli.role_grant_permission("reader", "c", "d", "read") == granted
    read, write = PermissionType.READ, PermissionType.WRITE
    all_of_it = (
        Permission(read, b"a"),
        Permission(write, b"b", b"\0"),
        Permission(read, b"c", b"d"),
    )
    assert cli.role_get("reader") == AuthRoleGetResponse(now, all_of_it)
    revoked = AuthRoleRevokePermissionResponse(now)
    assert cli.role_revoke_permission("reader", "a") == revoked
    assert cli.role_revoke_permission("reader", "b", "\0") == revoked
    assert cli.role_get("reader") == AuthRoleGetResponse(now, all_of_it[2:])
    assert cli.role_delete("reader") == AuthRoleDeleteResponse(now)
    assert cli.role_list() == AuthRoleListResponse(now, ("writer",))


def test_what_is_wrong_with_a_role_is_said(cli: Any) -> None:
    cli.role_add("reader")
    with pytest.raises(rpctypes.ErrRoleAlreadyExist):
        cli.role_add("reader")
    with pytest.raises(rpctypes.ErrRoleEmpty):
        cli.role_add("")
    with pytest.raises(rpctypes.ErrPermissionNotGranted):
        cli.role_revoke_permission("reader", "a")
    with pytest.raises(ValueError, match=r"^invalid permission type: all$"):
        cli.role_grant_permission("reader", "a", "", "all")
    with pytest.raises(TypeError, match=r"^key is bytes or str, not int$"):
        cli.role_grant_permission("reader", 1, "", "read")
    calls: tuple[Callable[[], Any], ...] = (
        lambda: cli.role_get("nothing"),
        lambda: cli.role_delete("nothing"),
        lambda: cli.role_grant_permission("nothing", "a", "", "read"),
        lambda: cli.role_revoke_permission("nothing", "a"),
    )
    for call in calls:
        with pytest.raises(rpctypes.ErrRoleNotFound):
            call()


def test_the_names_of_permissions() -> None:
    named = [clientv3.str_to_permission_type(name) for name in ("read", "WRITE", "ReadWrite")]
    assert named == list(PermissionType)
    with pytest.raises(ValueError, match=r"^invalid permission type: $"):
        clientv3.str_to_permission_type("")


def test_a_user_has_roles(cli: Any) -> None:
    now = header(cli)
    cli.user_add("alice", "a password")
    for role in ("writer", "reader"):
        cli.role_add(role)
        assert cli.user_grant_role("alice", role) == AuthUserGrantRoleResponse(now)
    assert cli.user_get("alice") == AuthUserGetResponse(now, ("reader", "writer"))
    assert cli.user_revoke_role("alice", "writer") == AuthUserRevokeRoleResponse(now)
    cli.role_delete("reader")
    assert cli.user_get("alice") == AuthUserGetResponse(now)


def test_auth_is_switched_on_and_off(cli: Any, new_client: Callable[..., Any]) -> None:
    with pytest.raises(rpctypes.ErrRootUserNotExist):
        cli.auth_enable()
    cli.user_add("root", "of root")
    with pytest.raises(rpctypes.ErrRootRoleNotExist):
        cli.auth_enable()
    with pytest.raises(rpctypes.ErrAuthNotEnabled):
        cli.authenticate("root", "of root")
    cli.role_add("root")
    cli.user_grant_role("root", "root")
    now = header(cli)
    before = cli.auth_status()
    assert before == AuthStatusResponse(now, False, before.auth_revision)
    assert cli.auth_enable() == AuthEnableResponse(now)
    with pytest.raises(rpctypes.ErrUserEmpty):
        cli.user_list()
    with pytest.raises(rpctypes.ErrAuthFailed):
        cli.authenticate("root", "another")
    login = cli.authenticate("root", "of root")
    assert (login.header, bool(login.token)) == (now, True)
    bearer = new_client(token=login.token)
    assert bearer.user_list() == AuthUserListResponse(now, ("root",))
    root = new_client(username="root", password="of root")
    status = AuthStatusResponse(now, True, before.auth_revision)
    assert root.auth_status() == status
    with pytest.raises(rpctypes.ErrInvalidAuthMgmt):
        root.user_delete("root")
    assert root.auth_disable() == AuthDisableResponse(now)
    assert cli.user_list() == AuthUserListResponse(now, ("root",))


@pytest.mark.fake_etcd(auth=AUTH)
def test_everybody_may_look_at_himself(new_client: Callable[..., Any]) -> None:
    alice = new_client(username="alice", password="of alice")
    now = header(new_client(username="root", password="of root"))
    assert alice.user_get("alice") == AuthUserGetResponse(now, ("reader",))
    read = Permission(PermissionType.READ, b"config/", b"config0")
    assert alice.role_get("reader") == AuthRoleGetResponse(now, (read,))
    for call in (
        lambda: alice.user_get("bob"),
        lambda: alice.role_get("writer"),
        alice.user_list,
        alice.user_list_all,
        alice.role_list_all,
    ):
        with pytest.raises(rpctypes.ErrPermissionDenied):
            call()


@pytest.mark.fake_etcd(auth=AUTH)
@pytest.mark.parametrize("concurrency", [1, 3, 100])
def test_all_users_and_roles_with_their_details(
    new_client: Callable[..., Any], fake_etcd: FakeEtcd, concurrency: int
) -> None:
    root = new_client(username="root", password="of root")
    assert root.user_list_all(concurrency=concurrency) == [
        User("alice", ("reader",)),
        User("bob", ("reader", "writer")),
        User("carol"),
        User("root", ("root",)),
    ]
    is_old = root.status(fake_etcd.endpoint).version.startswith("3.5")
    state = Permission(PermissionType.READWRITE, b"state")
    assert root.role_list_all(concurrency=concurrency) == [
        Role("reader", (Permission(PermissionType.READ, b"config/", b"config0"),)),
        Role("root", () if is_old else (EVERYTHING,)),
        Role("writer", (state, Permission(PermissionType.WRITE, b"x", b"\0"))),
    ]


def test_where_there_are_none_the_lists_are_empty(cli: Any) -> None:
    assert (cli.user_list_all(), cli.role_list_all()) == ([], [])


def test_nothing_is_done_none_at_a_time(cli: Any) -> None:
    with pytest.raises(ValueError, match=r"^concurrency is 1 or more, not 0$"):
        cli.user_list_all(concurrency=0)


def test_whoever_is_deleted_meanwhile_is_left_out(cli: Any, fake_etcd: FakeEtcd) -> None:
    for name in ("alice", "bob", "carol"):
        cli.user_add(name, no_password=True)
        cli.role_add(name)
    gone = fake_etcd.faults.add(on.UserGet, faults.refuse("user name not found"), skip=1, times=1)
    assert cli.user_list_all(concurrency=1) == [User("alice"), User("carol")]
    also = fake_etcd.faults.add(on.RoleGet, faults.refuse("role name not found"), times=1)
    assert cli.role_list_all(concurrency=1) == [Role("bob"), Role("carol")]
    assert (gone.acted, also.acted) == (1, 1)


@pytest.mark.parametrize("concurrency", [1, 2])
def test_what_goes_wrong_with_one_is_raised(
    cli: Any, fake_etcd: FakeEtcd, concurrency: int
) -> None:
    for number in range(5):
        cli.user_add(f"user{number}", no_password=True)
    fake_etcd.faults.add(on.UserGet, faults.refuse("permission denied"), skip=2, times=1)
    with pytest.raises(rpctypes.ErrPermissionDenied):
        cli.user_list_all(concurrency=concurrency)
    if concurrency == 1:
        asked = [call.request.name for call in fake_etcd.history.calls("UserGet")]
        assert asked == ["user0", "user1", "user2"]


@pytest.mark.fake_etcd(auth=AUTH)
def test_a_token_that_ends_between_the_calls_is_renewed(
    new_client: Callable[..., Any], fake_etcd: FakeEtcd
) -> None:
    root = new_client(username="root", password="of root")
    lost = fake_etcd.faults.add(on.UserGet, faults.expire_tokens(), times=2)
    assert [user.name for user in root.user_list_all()] == ["alice", "bob", "carol", "root"]
    assert lost.acted == 2


class Meeting:
    """Work for groups: nobody goes on before a whole group is there.

    Args:
        io: the face's.
        size: of a group.
    """

    def __init__(self, io: Io, size: int) -> None:
        self._io = io
        self._size = size
        self._lock = threading.Lock()
        self._waiting: list[Any] = []
        self._inside = 0
        self.most = 0

    async def meet(self, thing: int, ctx: Context) -> int:
        waiter = self._io.waiter()
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
            self._waiting.append(waiter)
            group = self._waiting if len(self._waiting) == self._size else []
            if group:
                self._waiting = []
        for each in group:
            each.wake()
        assert await wait_under(ctx, waiter, 10.0)
        with self._lock:
            self._inside -= 1
        return -thing


def test_so_many_are_done_at_once_and_no_more(face: Face) -> None:
    async def work() -> tuple[list[int], int]:
        io: Io = LoopIo(None) if face.is_asyncio else blocking.ThreadIo(None)
        meeting = Meeting(io, 3)
        done = await for_each(io, context.background(), range(9), meeting.meet, 3)
        return done, meeting.most

    assert face.run(work()) == ([-thing for thing in range(9)], 3)


@pytest.mark.parametrize("is_helper", [True, False])
def test_a_failure_ends_those_that_are_under_way(face: Face, is_helper: bool) -> None:
    def name() -> str:
        task = asyncio.current_task() if face.is_asyncio else None
        return threading.current_thread().name if task is None else task.get_name()

    async def fail_at_one(thing: int, ctx: Context) -> None:
        if name().startswith("clientv3: helper") is is_helper:
            raise clientv3.Error("that one")
        io: Io = LoopIo(None) if face.is_asyncio else blocking.ThreadIo(None)
        assert await wait_under(ctx, io.waiter(), 10.0), "nobody said that it is over"

    async def work() -> None:
        io: Io = LoopIo(None) if face.is_asyncio else blocking.ThreadIo(None)
        await for_each(io, context.background(), range(5), fail_at_one, 2)

    with pytest.raises(clientv3.Error, match=r"^that one$"):
        face.run(work())


def test_a_task_that_is_canceled_leaves_no_others(fake_etcd: FakeEtcd) -> None:
    fake_etcd.faults.add(on.UserGet, faults.delay(60))

    async def work() -> set[str]:
        async with aio.Client(clientv3.Config(endpoints=fake_etcd.endpoints)) as cli:
            for number in range(5):
                await cli.user_add(f"user{number}", no_password=True)
            before = other_tasks()
            listing = asyncio.create_task(cli.user_list_all(concurrency=3))
            while len(fake_etcd.history.calls("UserGet")) < 3:
                await asyncio.sleep(0.001)
            listing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await listing
            return {repr(task) for task in other_tasks() - before}

    assert asyncio.run(work()) == set()
