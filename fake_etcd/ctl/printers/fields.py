"""`-w fields`: each field on a line of its own. etcd: printer_fields.go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from fake_etcd.clientv3 import responses as r
from fake_etcd.ctl.gotext import quote, truth
from fake_etcd.ctl.printers.base import EndpointHash, EndpointHealth, EndpointStatus, Printer


class _HasHeader(Protocol):
    @property
    def header(self) -> r.ResponseHeader: ...


class Fields(Printer):
    """Name and value with a colon between."""

    name = "fields"

    def _line(self, name: str, value: object) -> None:
        shown = truth(value) if isinstance(value, bool) else value
        self.terminal.say(f'"{name}" : {shown}')

    def _id(self, name: str, number: int, *, padded: bool = False) -> None:
        if not self.is_hex:
            self._line(name, number)
        else:
            self._line(name, f"{number:016x}" if padded else f"{number:x}")

    def _header(self, answer: _HasHeader) -> None:
        header = answer.header
        self._id("ClusterID", header.cluster_id)
        self._id("MemberID", header.member_id)
        if header.revision > 0:
            self._line("Revision", header.revision)
        self._line("RaftTerm", header.raft_term)

    def _kv(self, kv: r.KeyValue, prefix: str = "") -> None:
        self._line(f"{prefix}Key", quote(kv.key))
        self._line(f"{prefix}CreateRevision", kv.create_revision)
        self._line(f"{prefix}ModRevision", kv.mod_revision)
        self._line(f"{prefix}Version", kv.version)
        self._line(f"{prefix}Value", quote(kv.value))
        self._id(f"{prefix}Lease", kv.lease, padded=True)

    def get(self, answer: r.GetResponse) -> None:
        self._header(answer)
        for kv in answer.kvs:
            self._kv(kv)
        self._line("More", answer.more)
        self._line("Count", answer.count)

    def put(self, answer: r.PutResponse) -> None:
        self._header(answer)
        if answer.prev_kv is not None:
            self._kv(answer.prev_kv, "Prev")

    def delete(self, answer: r.DeleteResponse) -> None:
        self._header(answer)
        self._line("Deleted", answer.deleted)
        for kv in answer.prev_kvs:
            self._kv(kv, "Prev")

    def txn(self, answer: r.TxnResponse) -> None:
        self._header(answer)
        self._line("Succeeded", answer.succeeded)
        for each in answer.responses:
            if isinstance(each, r.DeleteResponse):
                self.delete(each)
            elif isinstance(each, r.PutResponse):
                self.put(each)
            elif isinstance(each, r.GetResponse):
                self.get(each)

    def watch(self, answer: r.WatchResponse) -> None:
        self._header(answer)
        for event in answer.events:
            self._line("Type", event.type.name)
            if event.prev_kv is not None:
                self._kv(event.prev_kv, "Prev")
            self._kv(event.kv)

    def grant(self, answer: r.LeaseGrantResponse) -> None:
        self._lease(answer)

    def keep_alive(self, answer: r.LeaseKeepAliveResponse) -> None:
        self._lease(answer)

    def _lease(
        self,
        answer: r.LeaseGrantResponse | r.LeaseKeepAliveResponse | r.LeaseTimeToLiveResponse,
    ) -> None:
        self._header(answer)
        self._id("ID", answer.id, padded=True)
        self._line("TTL", answer.ttl)

    def revoke(self, lease: int, answer: r.LeaseRevokeResponse) -> None:
        self._header(answer)

    def time_to_live(self, answer: r.LeaseTimeToLiveResponse, keys: bool) -> None:
        self._lease(answer)
        self._line("GrantedTTL", answer.granted_ttl)
        for key in answer.keys:
            self._line("Key", quote(key))

    def leases(self, answer: r.LeaseLeasesResponse) -> None:
        self._header(answer)
        for each in answer.leases:
            self._id("ID", each.id, padded=True)

    def member_list(self, answer: r.MemberListResponse) -> None:
        self._header(answer)
        for member in answer.members:
            self._id("ID", member.id)
            self._line("Name", quote(member.name))
            self._quoted("PeerURL", member.peer_urls)
            self._quoted("ClientURL", member.client_urls)
            self._line("IsLearner", member.is_learner)
            self.terminal.say("")

    def _quoted(self, name: str, values: Iterable[str]) -> None:
        for value in values:
            self._line(name, quote(value))

    def endpoint_health(self, found: Sequence[EndpointHealth]) -> None:
        for each in found:
            self._line("Endpoint", quote(each.endpoint))
            self._line("Health", each.is_healthy)
            self._line("Took", each.took)
            self._line("Error", each.error)
            self.terminal.say("")

    def endpoint_status(self, found: Sequence[EndpointStatus]) -> None:
        for each in found:
            status = each.response
            downgrade = status.downgrade_info or r.DowngradeInfo()
            self._header(status)
            self._line("Version", quote(status.version))
            self._line("StorageVersion", quote(status.storage_version))
            self._line("DBSize", status.db_size)
            self._line("DBSizeInUse", status.db_size_in_use)
            self._line("DBSizeQuota", status.db_size_quota)
            self._line("Leader", status.leader)
            self._line("IsLearner", status.is_learner)
            self._line("RaftIndex", status.raft_index)
            self._line("RaftAppliedIndex", status.raft_applied_index)
            self._line("Errors", f"[{' '.join(status.errors)}]")
            self._line("Endpoint", quote(each.endpoint))
            self._line("DowngradeTargetVersion", quote(downgrade.target_version))
            self._line("DowngradeEnabled", downgrade.enabled)
            self.terminal.say("")

    def endpoint_hash(self, found: Sequence[EndpointHash]) -> None:
        for each in found:
            self._header(each.response)
            self._line("Endpoint", quote(each.endpoint))
            self._line("Hash", each.response.hash)
            self._line("HashRevision", each.response.hash_revision)
            self.terminal.say("")

    def alarm(self, answer: r.AlarmResponse) -> None:
        self._header(answer)
        for each in answer.alarms:
            self._id("MemberID", each.member_id)
            self._line("AlarmType", each.alarm.name)
            self.terminal.say("")

    def role_add(self, role: str, answer: r.AuthRoleAddResponse) -> None:
        self._header(answer)

    def role_get(self, role: str, answer: r.AuthRoleGetResponse) -> None:
        self._header(answer)
        self._permissions(answer.perm)

    def _permissions(self, permissions: Iterable[r.Permission]) -> None:
        for each in permissions:
            # etcdctl has two spaces in this line.
            self._line("PermType", f" {each.perm_type.name}")
            self._line("Key", quote(each.key))
            self._line("RangeEnd", quote(each.range_end))

    def role_delete(self, role: str, answer: r.AuthRoleDeleteResponse) -> None:
        self._header(answer)

    def role_list(self, answer: r.AuthRoleListResponse) -> None:
        self._header(answer)
        self.terminal.say("".join(('"Roles" :', *(f" {quote(role)}" for role in answer.roles))))

    def role_grant(self, role: str, answer: r.AuthRoleGrantPermissionResponse) -> None:
        self._header(answer)

    def role_revoke(
        self, role: str, key: bytes, end: bytes, answer: r.AuthRoleRevokePermissionResponse
    ) -> None:
        self._header(answer)

    def user_add(self, user: str, answer: r.AuthUserAddResponse) -> None:
        self._header(answer)

    def user_password(self, answer: r.AuthUserChangePasswordResponse) -> None:
        self._header(answer)

    def user_grant(self, user: str, role: str, answer: r.AuthUserGrantRoleResponse) -> None:
        self._header(answer)

    def user_revoke(self, user: str, role: str, answer: r.AuthUserRevokeRoleResponse) -> None:
        self._header(answer)

    def user_delete(self, user: str, answer: r.AuthUserDeleteResponse) -> None:
        self._header(answer)

    def all_users(self, users: Sequence[r.User]) -> None:
        for user in users:
            self._line("User", quote(user.name))
            self._quoted("Role", user.roles)
            self.terminal.say("")

    def all_roles(self, roles: Sequence[r.Role]) -> None:
        for role in roles:
            self._line("Role", quote(role.name))
            self._permissions(role.permissions)
            self.terminal.say("")
