"""What a request costs of the space quota, and what becomes of one that does not fit.

Whoever does not fit raises an alarm, after which nobody puts anything any more, however small.
etcd: server/etcdserver/api/v3rpc/quota.go, server/storage/quota.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.core.alarm import NOSPACE, Alarm
from fake_etcd.core.node import Node
from fake_etcd.core.quota import KEY_OVERHEAD
from fake_etcd.services import access, alarms
from fake_etcd.services.call import Call


def check(node: Node, call: Call, cost: int) -> None:
    """Before anything else is looked at.

    Raises:
        errors.NO_SPACE: it does not fit. There is an alarm now, unless the call has a bad token.
    """
    if node.quota.fits(cost):
        return
    alarm = Alarm(NOSPACE, node.member_id)
    request = m.AlarmRequest(action=m.AlarmRequest.ACTIVATE, memberID=alarm.member, alarm=m.NOSPACE)
    try:
        info = access.auth_info(node, call)
    except errors.INVALID_AUTH_TOKEN:
        raise errors.NO_SPACE from None
    alarms.propose(node, info, request)
    node.alarms.activate(alarm)
    raise errors.NO_SPACE


def cost_of_put(request: m.PutRequest) -> int:
    """In bytes of the quota."""
    return KEY_OVERHEAD + len(request.key) + len(request.value)


def cost_of_txn(request: m.TxnRequest) -> int:
    """Likewise: of the dearer branch, whichever is taken; 0 where nothing is put."""
    return max(_cost_of(request.success), _cost_of(request.failure))


def _cost_of(operations: Iterable[m.RequestOp]) -> int:
    cost = 0
    for operation in operations:
        arm = operation.WhichOneof("request")
        if arm == "request_put":
            cost += cost_of_put(operation.request_put)
        elif arm == "request_txn":
            cost += cost_of_txn(operation.request_txn)
    return cost
