"""Any changes of users and roles in any order, against naive ones, and undo."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fake_etcd.api import errors
from fake_etcd.core.auth.permissions import READ, READWRITE, WRITE, Permission
from fake_etcd.core.auth.store import User
from fake_etcd.core.auth.tokens import AuthInfo
from fake_etcd.core.journal import Snapshot
from fake_etcd.core.node import Node
from tests.core.auth.naive_auth import NaiveAuth, Refused, any_permission, key_names, range_ends
from tests.core.counting import bytecodes

users = st.sampled_from(["root", "u", "v", ""])
roles = st.sampled_from(["root", "r", "s", ""])
passwords = st.sampled_from([b"", b"$2a$04$x", b"y"])


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.node = Node()
        self.auth = self.node.auth
        self.naive = NaiveAuth()
        self.snapshots: list[tuple[Snapshot, NaiveAuth]] = []
        self.all_tokens: set[str] = set()

    @initialize(enabled=st.booleans())
    def start(self, enabled: bool) -> None:
        if enabled:
            for auth in (self.naive, self.auth):
                auth.user_add("root", b"", no_password=False)
                auth.user_grant_role("root", "root")
                auth.auth_enable()
                for role in ("s", "r"):
                    auth.role_add(role)
                auth.user_add("u", b"", no_password=False)

    def both(self, expected: Refused | None, act: Callable[[], object]) -> None:
        assert _outcome(act) == expected

    @rule()
    def enable(self) -> None:
        self.both(self.naive.auth_enable(), self.auth.auth_enable)

    @rule()
    def disable(self) -> None:
        self.naive.auth_disable()
        self.both(None, self.auth.auth_disable)

    @rule(name=users, password=passwords, no_password=st.booleans())
    def user_add(self, name: str, password: bytes, no_password: bool) -> None:
        self.both(
            self.naive.user_add(name, password, no_password),
            lambda: self.auth.user_add(name, password, no_password=no_password),
        )

    @rule(name=users)
    def user_delete(self, name: str) -> None:
        self.both(self.naive.user_delete(name), lambda: self.auth.user_delete(name))

    @rule(name=users, password=passwords)
    def user_change_password(self, name: str, password: bytes) -> None:
        self.both(
            self.naive.user_change_password(name, password),
            lambda: self.auth.user_change_password(name, password),
        )

    @rule(name=users, role=roles)
    def user_grant_role(self, name: str, role: str) -> None:
        self.both(
            self.naive.user_grant_role(name, role), lambda: self.auth.user_grant_role(name, role)
        )

    @rule(name=users, role=roles)
    def user_revoke_role(self, name: str, role: str) -> None:
        self.both(
            self.naive.user_revoke_role(name, role), lambda: self.auth.user_revoke_role(name, role)
        )

    @rule(name=roles)
    def role_add(self, name: str) -> None:
        self.both(self.naive.role_add(name), lambda: self.auth.role_add(name))

    @rule(name=roles)
    def role_delete(self, name: str) -> None:
        self.both(self.naive.role_delete(name), lambda: self.auth.role_delete(name))

    # Beyond 12, permissions of one key are in an order that the naive ones do not know.
    @precondition(lambda self: all(len(it) < 12 for it in self.naive.roles.values()))
    @rule(name=roles, permission=any_permission)
    def role_grant_permission(self, name: str, permission: Permission) -> None:
        self.both(
            self.naive.role_grant_permission(name, permission),
            lambda: self.auth.role_grant_permission(name, permission),
        )

    @rule(name=roles, key=key_names, range_end=range_ends)
    def role_revoke_permission(self, name: str, key: bytes, range_end: bytes) -> None:
        self.both(
            self.naive.role_revoke_permission(name, key, range_end),
            lambda: self.auth.role_revoke_permission(name, key, range_end),
        )

    # Callers

    @rule(caller=st.none() | users, late=st.integers(0, 1), key=key_names, range_end=range_ends)
    def somebody_asks(self, caller: str | None, late: int, key: bytes, range_end: bytes) -> None:
        if range_end in (b"", b"\0") or key <= range_end:  # of others see test_interval_tree
            self.ask(caller, late, key, range_end)

    def ask(self, caller: str | None, late: int, key: bytes, range_end: bytes) -> None:
        revision = self.naive.revision - late
        info = None if caller is None else AuthInfo(caller, revision)
        reading, writing = (READ, READWRITE), (WRITE, READWRITE)
        self.both(
            self.naive.may(caller, revision, reading, key, range_end),
            lambda: self.auth.check_range_permitted(info, key, range_end),
        )
        self.both(
            self.naive.may(caller, revision, writing, key, range_end),
            lambda: self.auth.check_delete_range_permitted(info, key, range_end),
        )
        self.both(
            self.naive.may(caller, revision, writing, key, b""),
            lambda: self.auth.check_put_permitted(info, key),
        )
        expected = self.naive.is_admin(caller)
        self.both(expected, lambda: self.auth.check_admin_permitted(info))
        assert self.auth.is_admin(info) is (expected is None)

    @precondition(lambda self: self.naive.enabled and len(self.naive.tokens) < 5)
    @rule(name=users)
    def assign(self, name: str) -> None:
        token = self.node.tokens.assign(name, self.auth.revision)
        self.naive.tokens[token] = name
        self.all_tokens.add(token)

    # Undo

    @precondition(lambda self: len(self.snapshots) < 3)
    @rule()
    def snapshot(self) -> None:
        self.snapshots.append((self.node.journal.snapshot(), copy.deepcopy(self.naive)))

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.snapshots) - 1))
        snapshot, naive = self.snapshots[place]
        self.node.journal.restore(snapshot)
        self.naive = copy.deepcopy(naive)
        del self.snapshots[place + 1 :]

    # What there is

    @invariant()
    def all_is_alike(self) -> None:
        auth, naive = self.auth, self.naive
        assert (auth.enabled, auth.revision) == (naive.enabled, naive.revision)
        assert auth.user_list() == sorted(naive.users)
        assert auth.role_list() == sorted(naive.roles)
        for name, expected in naive.users.items():
            user = auth.user(name)
            assert user is not None
            assert (user.name, user.password, user.no_password, list(user.roles)) == (
                name,
                expected.password,
                expected.no_password,
                expected.roles,
            )
        for name, permissions in naive.roles.items():
            role = auth.role(name)
            assert role is not None
            assert (role.name, list(role.permissions)) == (
                name,
                permissions[:12] + permissions[12:],
            )

    @invariant()
    def tokens_are_their_users(self) -> None:
        for token in self.all_tokens:
            name = self.naive.tokens.get(token)
            expected = None if name is None else AuthInfo(name, self.naive.revision)
            assert self.node.tokens.info(token, self.auth.revision) == expected

    @invariant()
    def all_users_may_what_they_may(self) -> None:
        for name in self.naive.users:
            self.ask(name, 0, b"a", b"")
            self.ask(name, 0, b"b", b"d")


def _outcome(act: Callable[[], object]) -> Refused | None:
    try:
        act()
    except errors.EtcdError as error:
        return Refused(type(error).__name__)
    return None


TestStore = Machine.TestCase
TestStore.settings = settings(stateful_step_count=60)


def test_a_user_is_shown_without_its_password() -> None:
    assert repr(User("u", b"$2a$10$secret", roles=("r", "s"))) == "<user 'u' with r, s>"
    assert repr(User("u", b"$2a$10$secret")) == "<user 'u' with no role>"


@pytest.mark.parametrize("count", [2, 200])
def test_a_check_costs_the_same_with_many_users(count: int) -> None:
    auth = Node().auth
    auth.role_add("r")
    for number in range(100):
        auth.role_grant_permission("r", Permission(READ, b"%d" % number))
    for name in ("root", *map(str, range(count))):
        auth.user_add(name, b"")
        auth.user_grant_role(name, "root" if name == "root" else "r")
    auth.auth_enable()
    info = AuthInfo("1", auth.revision)
    auth.check_range_permitted(info, b"7", b"")
    costs = bytecodes(lambda: auth.check_range_permitted(info, b"7", b""))
    assert costs < 150


def test_what_was_permitted_is_not_remembered_over_an_undo() -> None:
    node = Node()
    auth = node.auth
    for name, role in (("root", "root"), ("u", "r")):
        auth.role_add(role)
        auth.user_add(name, b"")
        auth.user_grant_role(name, role)
    auth.auth_enable()
    before = node.journal.snapshot()
    auth.role_grant_permission("r", Permission(READ, b"a"))
    auth.check_range_permitted(AuthInfo("u", auth.revision), b"a", b"")
    node.journal.restore(before)
    with pytest.raises(errors.PERMISSION_DENIED):
        auth.check_range_permitted(AuthInfo("u", auth.revision), b"a", b"")
