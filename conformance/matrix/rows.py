"""The rows: every shape of every RPC, each of keys inside and outside of what callers may touch.

A row says what is asked, and what mends the world where it was done, so that every cell is tried
on the same world. The keys are those of `world.KEYS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from google.protobuf.message import Message

from fake_etcd.api import messages as m

from .callers import NO_ROLE, PASSWORD, ROOT, Caller, Span
from .world import (
    EXTRA_ROLE,
    LEASES,
    NO_PASSWORD,
    SPARE,
    SPARE_PERMISSION,
    Mending,
    mending_of_keys,
    spare_role,
    spare_user,
)

Build = Callable[[Caller, int], Message]
"""Makes a request for a caller, of a store whose newest revision is given."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Args:
        method: "KV/Put".
        shape: what is special about the request; empty where nothing is.
        target: what it is about.
        request: makes it.
        mending: what an operator does behind it where it was done.
        ends_tokens: whether tokens end by it where it was done.
    """

    method: str
    shape: str
    target: str
    request: Build
    mending: Mending = ()
    ends_tokens: bool = False

    @property
    def id(self) -> str:
        """ "KV/Put prev_kv of b"."""
        words = (self.method, self.shape, self.target and f"of {self.target}")
        return " ".join(word for word in words if word)


def _row(
    method: str,
    shape: str,
    target: str,
    request: Message | Build,
    mending: Mending = (),
    *,
    ends_tokens: bool = False,
) -> Row:
    if isinstance(request, Message):
        same = request
        return Row(method, shape, target, lambda _, __: same, mending, ends_tokens)
    return Row(method, shape, target, request, mending, ends_tokens)


_POINTS: Mapping[str, Span] = {"b": Span(b"b"), "b4": Span(b"b4"), "d": Span(b"d")}
"""In every permission, in all but the one of a key, and in none but the one that has no end."""

_RANGES: Mapping[str, Span] = {
    "[b, b4)": Span(b"b", b"b4"),
    "[b, c)": Span(b"b", b"c"),
    "[a, d)": Span(b"a", b"d"),
    "[b, ∞)": Span(b"b", b"\0"),
    "all keys": Span(b"\0", b"\0"),
}
_SPANS = {**_POINTS, **_RANGES}
_IN_AND_OUT = {name: _SPANS[name] for name in ("b", "d", "[b, b4)", "[a, d)")}


def _range(span: Span, **options: bool | int) -> m.RangeRequest:
    return m.RangeRequest(key=span.key, range_end=span.range_end, **options)  # type: ignore[arg-type]  # protobuf checks


def _kv_rows() -> Iterator[Row]:
    for target, span in _SPANS.items():
        yield _row("KV/Range", "", target, _range(span))
    for option in ("serializable", "count_only", "keys_only"):
        for target, span in _IN_AND_OUT.items():
            yield _row("KV/Range", option, target, _range(span, **{option: True}))
    for target, span in _POINTS.items():

        def at_revision(_: Caller, revision: int, span: Span = span) -> Message:
            return _range(span, revision=revision)

        yield _row("KV/Range", "revision", target, at_revision)
    for target, span in _SPANS.items():
        yield _row("KV/RangeStream", "", target, _range(span))
    for shape, put, targets in _puts():
        for target in targets:
            request = m.PutRequest(key=_POINTS[target].key)
            request.MergeFrom(put)
            yield _row("KV/Put", shape, target, request, mending_of_keys())
    for prev_kv in (False, True):
        for target, span in _SPANS.items():
            delete = m.DeleteRangeRequest(key=span.key, range_end=span.range_end, prev_kv=prev_kv)
            shape = "prev_kv" if prev_kv else ""
            yield _row("KV/DeleteRange", shape, target, delete, mending_of_keys())
    for physical in (False, True):

        def compact(_: Caller, revision: int, physical: bool = physical) -> Message:
            return m.CompactionRequest(revision=revision, physical=physical)

        # Mended, so that there is a new revision for the next one.
        yield _row(
            "KV/Compact", "physical" if physical else "", "all keys", compact, mending_of_keys()
        )


def _puts() -> Iterator[tuple[str, m.PutRequest, tuple[str, ...]]]:
    points = tuple(_POINTS)
    yield "", m.PutRequest(), points
    yield "prev_kv", m.PutRequest(prev_kv=True), points
    yield "ignore_value", m.PutRequest(ignore_value=True), points
    yield "ignore_lease", m.PutRequest(ignore_lease=True), points
    for name, lease in LEASES.items():
        yield f"with a lease {name},", m.PutRequest(lease=lease.id), ("b", "d")


def _txn_rows() -> Iterator[Row]:
    yield _row("KV/Txn", "", "nothing", m.TxnRequest())
    for target, span in _IN_AND_OUT.items():
        compare = m.Compare(key=span.key, range_end=span.range_end, target=m.Compare.VERSION)
        inside = m.TxnRequest(compare=[compare])
        nested = [m.RequestOp(request_txn=inside)]
        yield _row("KV/Txn", "compare", target, inside)
        yield _row("KV/Txn", "nested compare", target, m.TxnRequest(success=nested))
        yield _row("KV/Txn", "nested compare not reached", target, m.TxnRequest(failure=nested))
    for shape, target, operation in _operations():
        mending = () if shape == "range" else mending_of_keys()
        for place, txn in _places(operation):
            yield _row("KV/Txn", f"{shape} {place},", target, txn, mending)


def _places(operation: m.RequestOp) -> Iterator[tuple[str, m.TxnRequest]]:
    """Transactions with one operation: without a compare the branch taken is `success`."""
    inside = m.RequestOp(request_txn=m.TxnRequest(success=[operation]))
    inside_not_taken = m.RequestOp(request_txn=m.TxnRequest(failure=[operation]))
    yield "taken", m.TxnRequest(success=[operation])
    yield "not taken", m.TxnRequest(failure=[operation])
    yield "nested, taken", m.TxnRequest(success=[inside])
    yield "nested, not taken", m.TxnRequest(success=[inside_not_taken])
    yield "nested in what is not taken", m.TxnRequest(failure=[inside])


def _operations() -> Iterator[tuple[str, str, m.RequestOp]]:
    for target, span in _IN_AND_OUT.items():
        yield "range", target, m.RequestOp(request_range=_range(span))
    for target in ("b", "d"):
        key = _POINTS[target].key
        for shape, put in (
            ("put", m.PutRequest(key=key)),
            ("put with prev_kv", m.PutRequest(key=key, prev_kv=True)),
        ):
            yield shape, target, m.RequestOp(request_put=put)
    for name in ("of b", "of d"):
        put = m.PutRequest(key=b"b", lease=LEASES[name].id)
        yield f"put with a lease {name}", "b", m.RequestOp(request_put=put)
    for prev_kv in (False, True):
        for target, span in _IN_AND_OUT.items():
            delete = m.DeleteRangeRequest(key=span.key, range_end=span.range_end, prev_kv=prev_kv)
            shape = "delete with prev_kv" if prev_kv else "delete"
            yield shape, target, m.RequestOp(request_delete_range=delete)


def _watch_rows() -> Iterator[Row]:
    for target, span in {**_SPANS, "no key": Span(b""), "no key, [, ∞)": Span(b"", b"\0")}.items():
        for prev_kv in (False, True):
            create = m.WatchCreateRequest(key=span.key, range_end=span.range_end, prev_kv=prev_kv)
            request = m.WatchRequest(create_request=create)
            yield _row("Watch/Watch", "prev_kv" if prev_kv else "", target, request)


_UNKNOWN_LEASE = 99


def _lease_rows() -> Iterator[Row]:
    new = 77
    undo = (("Lease/LeaseRevoke", m.LeaseRevokeRequest(ID=new)),)
    yield _row("Lease/LeaseGrant", "", "a new lease", m.LeaseGrantRequest(ID=new, TTL=100), undo)
    there = m.LeaseGrantRequest(ID=LEASES["of b"].id, TTL=100)
    yield _row("Lease/LeaseGrant", "", "a lease that is there", there)
    leases = {f"a lease {name}": lease.id for name, lease in LEASES.items()}
    leases["a lease that is not there"] = _UNKNOWN_LEASE
    for target, id in leases.items():
        again: Mending = (
            ("Lease/LeaseGrant", m.LeaseGrantRequest(ID=id, TTL=1_000)),
            *mending_of_keys(),
        )
        yield _row("Lease/LeaseRevoke", "", target, m.LeaseRevokeRequest(ID=id), again)
    for target, id in leases.items():
        yield _row("Lease/LeaseKeepAlive", "", target, m.LeaseKeepAliveRequest(ID=id))
    for shape, keys in (("", False), ("keys", True)):
        for target, id in leases.items():
            asked = m.LeaseTimeToLiveRequest(ID=id, keys=keys)
            yield _row("Lease/LeaseTimeToLive", shape, target, asked)
    yield _row("Lease/LeaseLeases", "", "all leases", m.LeaseLeasesRequest())


def _auth_rows() -> Iterator[Row]:
    yield _row("Auth/AuthEnable", "", "", m.AuthEnableRequest())
    enable: Mending = (("Auth/AuthEnable", m.AuthEnableRequest()),)
    yield _row("Auth/AuthDisable", "", "", m.AuthDisableRequest(), enable, ends_tokens=True)
    yield _row("Auth/AuthStatus", "", "", m.AuthStatusRequest())
    for shape, name, password in (
        ("", NO_ROLE, PASSWORD),
        ("wrong password,", NO_ROLE, "wrong"),
        ("no password,", NO_ROLE, ""),
        ("", "a user who is not there", PASSWORD),
        ("", NO_PASSWORD, PASSWORD),
        ("no password,", NO_PASSWORD, ""),
    ):
        request = m.AuthenticateRequest(name=name, password=password)
        yield _row("Auth/Authenticate", shape, name, request)
    yield from _user_rows()
    yield from _role_rows()


_NOBODY = "a user who is not there"
_NO_SUCH_ROLE = "a role that is not there"


def _user_rows() -> Iterator[Row]:
    new = "a new user"
    undo: Mending = (("Auth/UserDelete", m.AuthUserDeleteRequest(name=new)),)
    add = m.AuthUserAddRequest(name=new, password=PASSWORD)
    yield _row("Auth/UserAdd", "", new, add, undo)
    add = m.AuthUserAddRequest(name=new, options=m.UserAddOptions(no_password=True))
    yield _row("Auth/UserAdd", "no_password", new, add, undo)
    add = m.AuthUserAddRequest(name=SPARE, password=PASSWORD)
    yield _row("Auth/UserAdd", "", "a user who is there", add)
    yield _row("Auth/UserAdd", "", "no name", m.AuthUserAddRequest(password=PASSWORD))

    yield _row("Auth/UserGet", "", "oneself", lambda who, _: m.AuthUserGetRequest(name=who.user))
    for name in (SPARE, ROOT, _NOBODY):
        yield _row("Auth/UserGet", "", name, m.AuthUserGetRequest(name=name))
    yield _row("Auth/UserList", "", "all users", m.AuthUserListRequest())

    delete = m.AuthUserDeleteRequest(name=SPARE)
    yield _row("Auth/UserDelete", "", SPARE, delete, spare_user())
    for name in (ROOT, _NOBODY):
        yield _row("Auth/UserDelete", "", name, m.AuthUserDeleteRequest(name=name))

    def change(name: str) -> m.AuthUserChangePasswordRequest:
        return m.AuthUserChangePasswordRequest(name=name, password=PASSWORD)

    yield _row("Auth/UserChangePassword", "", SPARE, change(SPARE))
    yield _row("Auth/UserChangePassword", "", _NOBODY, change(_NOBODY))
    yield _row(
        "Auth/UserChangePassword", "", "oneself", lambda who, _: change(who.user), ends_tokens=True
    )

    def grant(name: str, role: str) -> m.AuthUserGrantRoleRequest:
        return m.AuthUserGrantRoleRequest(user=name, role=role)

    def revoke(name: str, role: str) -> m.AuthUserRevokeRoleRequest:
        return m.AuthUserRevokeRoleRequest(name=name, role=role)

    for shape, name, role, undo in (
        ("", SPARE, EXTRA_ROLE, (("Auth/UserRevokeRole", revoke(SPARE, EXTRA_ROLE)),)),
        ("which is there already,", SPARE, SPARE, ()),
        ("which is not there,", SPARE, _NO_SUCH_ROLE, ()),
        ("", _NOBODY, SPARE, ()),
    ):
        yield _row("Auth/UserGrantRole", shape, name, grant(name, role), undo)
    yield _row(
        "Auth/UserGrantRole", "which is root,", "oneself", lambda who, _: grant(who.user, ROOT)
    )
    for shape, name, role, undo in (
        ("", SPARE, SPARE, (("Auth/UserGrantRole", grant(SPARE, SPARE)),)),
        ("which is not granted,", SPARE, EXTRA_ROLE, ()),
        ("which is root,", ROOT, ROOT, ()),
        ("", _NOBODY, SPARE, ()),
    ):
        yield _row("Auth/UserRevokeRole", shape, name, revoke(name, role), undo)


def _role_rows() -> Iterator[Row]:
    new = "a new role"
    undo: Mending = (("Auth/RoleDelete", m.AuthRoleDeleteRequest(role=new)),)
    yield _row("Auth/RoleAdd", "", new, m.AuthRoleAddRequest(name=new), undo)
    yield _row("Auth/RoleAdd", "", "a role that is there", m.AuthRoleAddRequest(name=SPARE))
    yield _row("Auth/RoleAdd", "", "no name", m.AuthRoleAddRequest())

    own = _row("Auth/RoleGet", "", "one's own", lambda who, _: m.AuthRoleGetRequest(role=who.role))
    yield own
    for name in (SPARE, ROOT, _NO_SUCH_ROLE):
        yield _row("Auth/RoleGet", "", name, m.AuthRoleGetRequest(role=name))
    yield _row("Auth/RoleList", "", "all roles", m.AuthRoleListRequest())

    delete = m.AuthRoleDeleteRequest(role=SPARE)
    yield _row("Auth/RoleDelete", "", SPARE, delete, spare_role())
    for name in (ROOT, _NO_SUCH_ROLE):
        yield _row("Auth/RoleDelete", "", name, m.AuthRoleDeleteRequest(role=name))

    def grant(role: str, permission: m.Permission | None) -> m.AuthRoleGrantPermissionRequest:
        return m.AuthRoleGrantPermissionRequest(name=role, perm=permission)

    def revoke(role: str, key: bytes, end: bytes = b"") -> m.AuthRoleRevokePermissionRequest:
        return m.AuthRoleRevokePermissionRequest(role=role, key=key, range_end=end)

    everything = m.Permission(permType=m.Permission.READWRITE, key=b"\0", range_end=b"\0")
    inverted = m.Permission(permType=m.Permission.READ, key=b"b", range_end=b"a")
    taken: Mending = (("Auth/RoleRevokePermission", revoke(SPARE, b"\0", b"\0")),)
    given: Mending = (("Auth/RoleGrantPermission", grant(SPARE, SPARE_PERMISSION)),)
    for shape, role, permission, mending in (
        ("", SPARE, everything, taken),
        ("inverted,", SPARE, inverted, ()),
        ("not given,", SPARE, None, ()),
        ("", _NO_SUCH_ROLE, everything, ()),
    ):
        yield _row("Auth/RoleGrantPermission", shape, role, grant(role, permission), mending)
    for shape, role, key, mending in (
        ("", SPARE, SPARE_PERMISSION.key, given),
        ("not granted,", SPARE, b"not granted", ()),
        ("", _NO_SUCH_ROLE, b"b", ()),
    ):
        yield _row("Auth/RoleRevokePermission", shape, role, revoke(role, key), mending)


_CANCEL = m.DowngradeRequest.CANCEL


def _cluster_rows() -> Iterator[Row]:
    for shape, linearizable in (("", False), ("linearizable", True)):
        asked = m.MemberListRequest(linearizable=linearizable)
        yield _row("Cluster/MemberList", shape, "all members", asked)
    yield _row("Maintenance/Status", "", "", m.StatusRequest())
    yield _row("Maintenance/Alarm", "", "all alarms", m.AlarmRequest())
    yield _row("Maintenance/Snapshot", "", "all there is", m.SnapshotRequest())
    none = m.AlarmRequest(action=m.AlarmRequest.DEACTIVATE, alarm=m.NOSPACE)
    yield _row("Maintenance/Alarm", "deactivate", "an alarm that is not", none)
    raised = m.AlarmRequest(action=m.AlarmRequest.ACTIVATE, alarm=m.CORRUPT)
    gone = m.AlarmRequest(action=m.AlarmRequest.DEACTIVATE, alarm=m.CORRUPT)
    yield _row("Maintenance/Alarm", "activate", "", raised, (("Maintenance/Alarm", gone),))
    yield _row("Maintenance/Defragment", "", "", m.DefragmentRequest())
    yield _row("Maintenance/Hash", "", "", m.HashRequest())
    yield _row("Maintenance/HashKV", "", "", m.HashKVRequest())
    yield _row("Maintenance/MoveLeader", "", "nobody", m.MoveLeaderRequest())
    for shape, version in (("", "3.6"), ("no version,", "x")):
        yield _row("Maintenance/Downgrade", shape, "validate", m.DowngradeRequest(version=version))
    yield _row("Maintenance/Downgrade", "", "cancel", m.DowngradeRequest(action=_CANCEL))


def _member_rows() -> Iterator[Row]:
    """Of nobody, and of a URL that somebody has: nothing ever comes of them."""
    own = ["http://localhost:2380"]
    for shape, urls in (("", own), ("no URL,", ["x"])):
        asked = m.MemberAddRequest(peerURLs=urls, isLearner=True)
        yield _row("Cluster/MemberAdd", shape, "who is there", asked)
    yield _row("Cluster/MemberRemove", "", "nobody", m.MemberRemoveRequest(ID=5))
    yield _row("Cluster/MemberUpdate", "", "nobody", m.MemberUpdateRequest(ID=5, peerURLs=own))
    yield _row("Cluster/MemberPromote", "", "nobody", m.MemberPromoteRequest(ID=5))


def _concurrency_rows() -> Iterator[Row]:
    """Names below which there is a key, and names below which there is none."""
    lease = LEASES["without keys"].id
    for target in ("b", "d"):
        name = _POINTS[target].key
        mine = name + b"/new/%x" % lease
        undo: Mending = (
            ("KV/DeleteRange", m.DeleteRangeRequest(key=mine)),
            *mending_of_keys(),
        )
        new = name + b"/new"
        asked = m.CampaignRequest(name=new, lease=lease)
        yield _row("Election/Campaign", "", f"{target}/new", asked, undo)
        leader = m.LeaderKey(name=new, key=mine, lease=lease)
        proclaimed = m.ProclaimRequest(leader=leader, value=b"value")
        yield _row("Election/Proclaim", "", f"{target}/new", proclaimed, undo)
        yield _row("Election/Resign", "", f"{target}/new", m.ResignRequest(leader=leader))
        for below, who in ((name, f"{target}"), (new, f"{target}/new")):
            yield _row("Election/Leader", "", who, m.LeaderRequest(name=below))
        yield _row("Election/Observe", "", f"{target}", m.LeaderRequest(name=name))
        locked = m.LockRequest(name=new, lease=lease)
        yield _row("Lock/Lock", "", f"{target}/new", locked, undo)
        yield _row("Lock/Unlock", "", target, m.UnlockRequest(key=name), mending_of_keys())


def _health_rows() -> Iterator[Row]:
    for shape, name in (("", ""), ("of a service by name", "etcd")):
        for method in ("Health/Check", "Health/Watch"):
            yield _row(method, shape, "", m.HealthCheckRequest(service=name))
    yield _row("Health/List", "", "", m.HealthListRequest())


ROWS: tuple[Row, ...] = (
    *_kv_rows(),
    *_txn_rows(),
    *_watch_rows(),
    *_lease_rows(),
    *_auth_rows(),
    *_cluster_rows(),
    *_member_rows(),
    *_concurrency_rows(),
    *_health_rows(),
)
"""Every row, in the order of the page and of trying."""
