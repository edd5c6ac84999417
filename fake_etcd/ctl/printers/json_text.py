"""`-w json`: answers as Go's encoding/json has them. etcd: printer_json.go.

What the client has types of its own for (leases, watches) is laid out as those are; the rest is
as its message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fake_etcd.clientv3 import responses as r
from fake_etcd.ctl.printers.base import EndpointHash, EndpointHealth, EndpointStatus, Printer
from fake_etcd.ctl.printers.messages import dumped, json_of, message_of

_Changed = (
    r.MemberAddResponse
    | r.MemberRemoveResponse
    | r.MemberUpdateResponse
    | r.MemberPromoteResponse
    | r.MemberListResponse
)


class Json(Printer):
    """One line for each answer."""

    name = "json"

    def answer(self, answer: object) -> None:
        self._print(_json(answer))

    def _print(self, value: Any) -> None:
        self.terminal.say(dumped(value))

    def watch(self, answer: r.WatchResponse) -> None:
        self._print(
            {
                "Header": _json(answer.header),
                "Events": [_json(event) for event in answer.events] or None,
                "CompactRevision": answer.compact_revision,
                "Canceled": answer.canceled,
                "Created": answer.created,
                "CancelReason": answer.cancel_reason,
            }
        )

    def grant(self, answer: r.LeaseGrantResponse) -> None:
        rest = {"ID": answer.id, "TTL": answer.ttl, "Error": answer.error}
        self._print({**_json(answer.header), **rest})

    def keep_alive(self, answer: r.LeaseKeepAliveResponse) -> None:
        self._print({**_json(answer.header), "ID": answer.id, "TTL": answer.ttl})

    def time_to_live(self, answer: r.LeaseTimeToLiveResponse, keys: bool) -> None:
        rest = {
            "id": answer.id,
            "ttl": answer.ttl,
            "granted-ttl": answer.granted_ttl,
            "keys": list(answer.keys) or None,
        }
        self._print({**_json(answer.header), **rest})

    def leases(self, answer: r.LeaseLeasesResponse) -> None:
        leases = [{"id": each.id} for each in answer.leases]
        self._print({**_json(answer.header), "leases": leases})

    def member_add(self, answer: r.MemberAddResponse) -> None:
        self._members(answer, {"member": answer.member})

    def member_remove(self, member: int, answer: r.MemberRemoveResponse) -> None:
        self._members(answer)

    def member_update(self, member: int, answer: r.MemberUpdateResponse) -> None:
        self._members(answer)

    def member_promote(self, member: int, answer: r.MemberPromoteResponse) -> None:
        self._members(answer)

    def member_list(self, answer: r.MemberListResponse) -> None:
        self._members(answer)

    def _members(self, answer: _Changed, one: dict[str, r.Member] | None = None) -> None:
        """With --hex the ids are strings in hexadecimal, and stand there even if they are 0."""
        if not self.is_hex:
            self.answer(answer)
            return
        header = _json(answer.header)
        ids = {name: f"{header.get(name, 0):x}" for name in ("cluster_id", "member_id")}
        self._print(
            {
                "header": {**ids, **{key: it for key, it in header.items() if key not in ids}},
                **{name: _with_hex_id(member) for name, member in (one or {}).items()},
                "members": [_with_hex_id(member) for member in answer.members],
            }
        )

    def endpoint_health(self, found: Sequence[EndpointHealth]) -> None:
        self._print([_health(each) for each in found] or None)

    def endpoint_status(self, found: Sequence[EndpointStatus]) -> None:
        listed = [{"Endpoint": each.endpoint, "Status": _json(each.response)} for each in found]
        self._print(listed or None)

    def endpoint_hash(self, found: Sequence[EndpointHash]) -> None:
        listed = [{"Endpoint": each.endpoint, "HashKV": _json(each.response)} for each in found]
        self._print(listed or None)

    def all_users(self, users: Sequence[r.User]) -> None:
        self._print([{"user": user.name, "roles": list(user.roles)} for user in users])

    def all_roles(self, roles: Sequence[r.Role]) -> None:
        self._print(
            [
                {"role": role.name, "perm": [_json(each) for each in role.permissions]}
                for role in roles
            ]
        )


def _json(record: object) -> dict[str, Any]:
    return json_of(message_of(record))


def _with_hex_id(member: r.Member) -> dict[str, Any]:
    return {"ID": f"{member.id:x}", **{k: v for k, v in _json(member).items() if k != "ID"}}


def _health(found: EndpointHealth) -> dict[str, Any]:
    error = {"error": found.error} if found.error else {}
    return {
        "endpoint": found.endpoint,
        "health": found.is_healthy,
        "took": found.took,
        **error,
    }
