"""Maintenance.Alarm: lists alarms, raises them and takes them away.

What an alarm forbids is in `core.alarm`.
etcd: server/etcdserver/api/v3rpc/maintenance.go, server/etcdserver/apply/backend.go (Alarm).
"""

from __future__ import annotations

from collections.abc import Callable

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.status import Code, Status
from fake_etcd.core.alarm import Alarm
from fake_etcd.core.auth.tokens import AuthInfo
from fake_etcd.core.node import Node
from fake_etcd.services import access, raft_log
from fake_etcd.services.call import Call

_GET, _ACTIVATE, _DEACTIVATE = (
    m.AlarmRequest.AlarmAction.Value(name) for name in ("GET", "ACTIVATE", "DEACTIVATE")
)

_NO_SUCH_ACTION = Status(Code.UNIMPLEMENTED, "unknown action, at which etcd itself crashes")


def make_alarm(node: Node) -> Callable[[m.AlarmRequest, Call], bytes]:
    """The handler of Maintenance.Alarm."""

    def alarm(request: m.AlarmRequest, call: Call) -> bytes:
        """Raises: UNIMPLEMENTED: etcd knows no such action; errors.REQUEST_TOO_LARGE; what
        `access.require_auth_info` does, or `access.require_admin` where it is for more than a look.
        """
        if request.action == _GET:
            info = access.require_auth_info(node, call)
        else:
            info = access.require_admin(node, call)
        if request.action not in (_GET, _ACTIVATE, _DEACTIVATE):
            raise errors.StatusError(_NO_SUCH_ACTION)
        propose(node, info, request)
        answer = m.AlarmResponse(alarms=[_encoded(each) for each in _done(node, request)])
        return node.header(node.store.current_revision) + answer.SerializeToString()

    return alarm


def propose(node: Node, info: AuthInfo | None, request: m.AlarmRequest) -> None:
    """Puts a request about an alarm into the log. Raises: errors.REQUEST_TOO_LARGE."""
    raft_log.propose(node, info, request.ByteSize())


def told(alarm: Alarm) -> str:
    """An alarm as a status tells of it: Go's text of an AlarmMember, without what is 0."""
    kind = m.AlarmType.Name(alarm.kind) if alarm.kind in m.AlarmType.values() else str(alarm.kind)
    return (f"memberID:{alarm.member} " if alarm.member else "") + f"alarm:{kind}"


def _done(node: Node, request: m.AlarmRequest) -> list[Alarm]:
    """Does what is asked; gives those of which it is to be told."""
    if request.action == _GET:
        return node.alarms.listed(request.alarm)
    asked = Alarm(request.alarm, request.memberID)
    if request.action == _ACTIVATE:
        return [asked] if node.alarms.activate(asked) else []
    was_raised = node.alarms.deactivate(asked)
    node.on_due()  # leases that could not expire may do so now
    return [asked] if was_raised else []


def _encoded(alarm: Alarm) -> m.AlarmMember:
    return m.AlarmMember(memberID=alarm.member, alarm=alarm.kind)
