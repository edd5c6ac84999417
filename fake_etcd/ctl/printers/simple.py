"""`-w simple`: what people read. etcd: printer_simple.go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fake_etcd.clientv3 import responses as r
from fake_etcd.clientv3.keys import prefix_range_end
from fake_etcd.ctl.gotext import truth
from fake_etcd.ctl.printers import tables
from fake_etcd.ctl.printers.base import EndpointHash, EndpointHealth, EndpointStatus, Printer

_OPEN_END = b"\x00"


class Simple(Printer):
    """Keys and values on lines of their own; words for the rest."""

    name = "simple"

    def _kv(self, kv: r.KeyValue) -> None:
        shown = (_hex(kv.key), _hex(kv.value)) if self.is_hex else (kv.key, kv.value)
        self.terminal.say(*(shown[1:] if self.value_only else shown))

    def get(self, answer: r.GetResponse) -> None:
        for kv in answer.kvs:
            self._kv(kv)

    def put(self, answer: r.PutResponse) -> None:
        self.terminal.say("OK")
        if answer.prev_kv is not None:
            self._kv(answer.prev_kv)

    def delete(self, answer: r.DeleteResponse) -> None:
        self.terminal.say(str(answer.deleted))
        for kv in answer.prev_kvs:
            self._kv(kv)

    def txn(self, answer: r.TxnResponse) -> None:
        self.terminal.say("SUCCESS" if answer.succeeded else "FAILURE")
        for each in answer.responses:
            self.terminal.say("")
            if isinstance(each, r.DeleteResponse):
                self.delete(each)
            elif isinstance(each, r.PutResponse):
                self.put(each)
            elif isinstance(each, r.GetResponse):
                self.get(each)

    def watch(self, answer: r.WatchResponse) -> None:
        for event in answer.events:
            self.terminal.say(event.type.name)
            if event.prev_kv is not None:
                self._kv(event.prev_kv)
            self._kv(event.kv)

    def grant(self, answer: r.LeaseGrantResponse) -> None:
        self.terminal.say(f"lease {_id(answer.id)} granted with TTL({answer.ttl}s)")

    def revoke(self, lease: int, answer: r.LeaseRevokeResponse) -> None:
        self.terminal.say(f"lease {_id(lease)} revoked")

    def keep_alive(self, answer: r.LeaseKeepAliveResponse) -> None:
        self.terminal.say(f"lease {_id(answer.id)} keepalived with TTL({answer.ttl})")

    def time_to_live(self, answer: r.LeaseTimeToLiveResponse, keys: bool) -> None:
        if answer.granted_ttl == 0 and answer.ttl == -1:
            self.terminal.say(f"lease {_id(answer.id)} already expired")
            return
        told = (
            f"lease {_id(answer.id)} granted with TTL({answer.granted_ttl}s),"
            f" remaining({answer.ttl}s)"
        ).encode()
        if keys:
            told += b", attached keys([" + b" ".join(answer.keys) + b"])"
        self.terminal.say(told)

    def leases(self, answer: r.LeaseLeasesResponse) -> None:
        self.terminal.say(f"found {len(answer.leases)} leases")
        self.terminal.say(*(_id(each.id) for each in answer.leases))

    def alarm(self, answer: r.AlarmResponse) -> None:
        for each in answer.alarms:
            parts = [f"memberID:{each.member_id}"] if each.member_id else []
            parts += [f"alarm:{each.alarm.name}"] if each.alarm else []
            self.terminal.say(" ".join(parts))

    def member_add(self, answer: r.MemberAddResponse) -> None:
        role = " as learner " if answer.member.is_learner else " "
        self.terminal.say(
            f"Member {answer.member.id:16x} added{role}to cluster {answer.header.cluster_id:16x}"
        )

    def member_remove(self, member: int, answer: r.MemberRemoveResponse) -> None:
        self._changed(member, "removed from", answer.header)

    def member_update(self, member: int, answer: r.MemberUpdateResponse) -> None:
        self._changed(member, "updated in", answer.header)

    def member_promote(self, member: int, answer: r.MemberPromoteResponse) -> None:
        self._changed(member, "promoted in", answer.header)

    def _changed(self, member: int, how: str, header: r.ResponseHeader) -> None:
        self.terminal.say(f"Member {member:16x} {how} cluster {header.cluster_id:16x}")

    def member_list(self, answer: r.MemberListResponse) -> None:
        self._rows(tables.members(answer))

    def endpoint_health(self, found: Sequence[EndpointHealth]) -> None:
        for each in found:
            if each.error:
                self.terminal.complain(
                    f"{each.endpoint} is unhealthy: failed to commit proposal: {each.error}"
                )
            else:
                self.terminal.say(
                    f"{each.endpoint} is healthy: successfully committed proposal:"
                    f" took = {each.took}"
                )

    def endpoint_status(self, found: Sequence[EndpointStatus]) -> None:
        self._rows(tables.status(found))

    def endpoint_hash(self, found: Sequence[EndpointHash]) -> None:
        self._rows(tables.hashes(found))

    def _rows(self, table: tables.Rows) -> None:
        self.terminal.say(*(", ".join(row) for row in table.rows))

    def move_leader(self, leader: int, target: int, answer: r.MoveLeaderResponse) -> None:
        self.terminal.say(f"Leadership transferred from {leader:x} to {target:x}")

    def downgrade(self, action: str, answer: r.DowngradeResponse) -> None:
        self.terminal.say(f"Downgrade {action} success, cluster version {answer.version}")

    def role_add(self, role: str, answer: r.AuthRoleAddResponse) -> None:
        self.terminal.say(f"Role {role} created")

    def role_get(self, role: str, answer: r.AuthRoleGetResponse) -> None:
        self._role(r.Role(role, answer.perm))

    def _role(self, role: r.Role) -> None:
        self.terminal.say(f"Role {role.name}")
        if role.name == "root" and not role.permissions:
            everything = b"\t[, <open ended>"
            self.terminal.say("KV Read:", everything, "KV Write:", everything)
            return
        self.terminal.say("KV Read:", *_permitted(role, r.PermissionType.READ))
        self.terminal.say("KV Write:", *_permitted(role, r.PermissionType.WRITE))

    def role_list(self, answer: r.AuthRoleListResponse) -> None:
        self.terminal.say(*answer.roles)

    def role_delete(self, role: str, answer: r.AuthRoleDeleteResponse) -> None:
        self.terminal.say(f"Role {role} deleted")

    def role_grant(self, role: str, answer: r.AuthRoleGrantPermissionResponse) -> None:
        self.terminal.say(f"Role {role} updated")

    def role_revoke(
        self, role: str, key: bytes, end: bytes, answer: r.AuthRoleRevokePermissionResponse
    ) -> None:
        if not end:
            what = b"key " + key
        elif end == _OPEN_END:
            what = b"range [" + key + b", <open ended>"
        else:
            what = b"range [" + key + b", " + end + b")"
        self.terminal.say(b"Permission of " + what + f" is revoked from role {role}".encode())

    def user_add(self, user: str, answer: r.AuthUserAddResponse) -> None:
        self.terminal.say(f"User {user} created")

    def user_get(self, user: str, answer: r.AuthUserGetResponse) -> None:
        self.terminal.say(f"User: {user}", "".join(("Roles:", *(f" {it}" for it in answer.roles))))

    def user_list(self, answer: r.AuthUserListResponse) -> None:
        self.terminal.say(*answer.users)

    def user_password(self, answer: r.AuthUserChangePasswordResponse) -> None:
        self.terminal.say("Password updated")

    def user_grant(self, user: str, role: str, answer: r.AuthUserGrantRoleResponse) -> None:
        self.terminal.say(f"Role {role} is granted to user {user}")

    def user_revoke(self, user: str, role: str, answer: r.AuthUserRevokeRoleResponse) -> None:
        self.terminal.say(f"Role {role} is revoked from user {user}")

    def user_delete(self, user: str, answer: r.AuthUserDeleteResponse) -> None:
        self.terminal.say(f"User {user} deleted")

    def auth_status(self, answer: r.AuthStatusResponse) -> None:
        self.terminal.say(
            f"Authentication Status: {truth(answer.enabled)}",
            f"AuthRevision: {answer.auth_revision}",
        )

    def all_users(self, users: Sequence[r.User]) -> None:
        for user in users:
            self.user_get(user.name, r.AuthUserGetResponse(r.ResponseHeader(), user.roles))

    def all_roles(self, roles: Sequence[r.Role]) -> None:
        for role in roles:
            self._role(role)


def _permitted(role: r.Role, wanted: r.PermissionType) -> Iterator[bytes]:
    for each in role.permissions:
        if each.perm_type not in (wanted, r.PermissionType.READWRITE):
            continue
        if not each.range_end:
            yield b"\t" + each.key
            continue
        end = b"<open ended>" if each.range_end == _OPEN_END else each.range_end + b")"
        line = b"\t[" + each.key + b", " + end
        if each.key and prefix_range_end(each.key) == each.range_end:
            line += b" (prefix " + each.key + b")"
        yield line


def _hex(data: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in data)


def _id(number: int) -> str:
    """A lease's id as `%016x` has it: a negative one has its sign."""
    return f"{number:016x}"
