"""What every printer can be told, and what it does about that which it has no form for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fake_etcd.clientv3 import responses as r
from fake_etcd.ctl.terminal import Exit, Status, Terminal


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """How an endpoint is: `took` is a duration as Go writes it, `error` is empty if all is well."""

    endpoint: str
    is_healthy: bool
    took: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """What an endpoint says of itself."""

    endpoint: str
    response: r.StatusResponse


@dataclass(frozen=True, slots=True)
class EndpointHash:
    """The sum of an endpoint's keys."""

    endpoint: str
    response: r.HashKVResponse


class Printer:
    """Prints answers; a method for each kind.

    Args:
        is_hex: keys, values and ids in hexadecimal.
        terminal: where it prints.
    """

    name = ""
    value_only = False
    """Whether keys are left out, where the format can do that."""

    def __init__(self, is_hex: bool, terminal: Terminal) -> None:
        self.is_hex = is_hex
        self.terminal = terminal

    def answer(self, answer: object) -> None:
        """What is done with an answer that has no form of its own here."""
        self.refuse()

    def refuse(self) -> None:
        """End the command: the format has no form for its answer."""
        raise Exit(Status.BAD_FEATURE, f"{self.name} not supported as output format")

    def get(self, answer: r.GetResponse) -> None:
        self.answer(answer)

    def put(self, answer: r.PutResponse) -> None:
        self.answer(answer)

    def delete(self, answer: r.DeleteResponse) -> None:
        self.answer(answer)

    def txn(self, answer: r.TxnResponse) -> None:
        self.answer(answer)

    def watch(self, answer: r.WatchResponse) -> None:
        self.answer(answer)

    def grant(self, answer: r.LeaseGrantResponse) -> None:
        self.answer(answer)

    def revoke(self, lease: int, answer: r.LeaseRevokeResponse) -> None:
        self.answer(answer)

    def keep_alive(self, answer: r.LeaseKeepAliveResponse) -> None:
        self.answer(answer)

    def time_to_live(self, answer: r.LeaseTimeToLiveResponse, keys: bool) -> None:
        self.answer(answer)

    def leases(self, answer: r.LeaseLeasesResponse) -> None:
        self.answer(answer)

    def member_add(self, answer: r.MemberAddResponse) -> None:
        self.answer(answer)

    def member_remove(self, member: int, answer: r.MemberRemoveResponse) -> None:
        self.answer(answer)

    def member_update(self, member: int, answer: r.MemberUpdateResponse) -> None:
        self.answer(answer)

    def member_promote(self, member: int, answer: r.MemberPromoteResponse) -> None:
        self.answer(answer)

    def member_list(self, answer: r.MemberListResponse) -> None:
        self.answer(answer)

    def endpoint_health(self, found: Sequence[EndpointHealth]) -> None:
        self.refuse()

    def endpoint_status(self, found: Sequence[EndpointStatus]) -> None:
        self.refuse()

    def endpoint_hash(self, found: Sequence[EndpointHash]) -> None:
        self.refuse()

    def move_leader(self, leader: int, target: int, answer: r.MoveLeaderResponse) -> None:
        self.answer(answer)

    def downgrade(self, action: str, answer: r.DowngradeResponse) -> None:
        self.answer(answer)

    def alarm(self, answer: r.AlarmResponse) -> None:
        self.answer(answer)

    def role_add(self, role: str, answer: r.AuthRoleAddResponse) -> None:
        self.answer(answer)

    def role_get(self, role: str, answer: r.AuthRoleGetResponse) -> None:
        self.answer(answer)

    def role_delete(self, role: str, answer: r.AuthRoleDeleteResponse) -> None:
        self.answer(answer)

    def role_list(self, answer: r.AuthRoleListResponse) -> None:
        self.answer(answer)

    def role_grant(self, role: str, answer: r.AuthRoleGrantPermissionResponse) -> None:
        self.answer(answer)

    def role_revoke(
        self, role: str, key: bytes, end: bytes, answer: r.AuthRoleRevokePermissionResponse
    ) -> None:
        self.answer(answer)

    def user_add(self, user: str, answer: r.AuthUserAddResponse) -> None:
        self.answer(answer)

    def user_get(self, user: str, answer: r.AuthUserGetResponse) -> None:
        self.answer(answer)

    def user_list(self, answer: r.AuthUserListResponse) -> None:
        self.answer(answer)

    def user_password(self, answer: r.AuthUserChangePasswordResponse) -> None:
        self.answer(answer)

    def user_grant(self, user: str, role: str, answer: r.AuthUserGrantRoleResponse) -> None:
        self.answer(answer)

    def user_revoke(self, user: str, role: str, answer: r.AuthUserRevokeRoleResponse) -> None:
        self.answer(answer)

    def user_delete(self, user: str, answer: r.AuthUserDeleteResponse) -> None:
        self.answer(answer)

    def auth_status(self, answer: r.AuthStatusResponse) -> None:
        self.answer(answer)

    def all_users(self, users: Sequence[r.User]) -> None:
        """Users with their roles, which etcdctl has no command for."""
        self.refuse()

    def all_roles(self, roles: Sequence[r.Role]) -> None:
        """Roles with what they permit, likewise."""
        self.refuse()
