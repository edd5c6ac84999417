"""What a request costs of the space quota, and what becomes of one that does not fit.

Whoever does not fit raises an alarm, after which nobody puts anything any more, however small.
etcd: server/etcdserver/api/v3rpc/quota.go, server/storage/quota.go.
"""

from __future__ import annotations

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
    """Likewise: of the dearer branch, whichever is taken; 0 where nothing is put.

    Nobody has looked at it yet, so it may hold thousands in one another: first all of them are
    found, those outside before those inside them, then added up the other way round.
    """
    found = [_Found(request, None, 0)]
    for txn in found:  # which grows
        for branch, operations in enumerate((txn.request.success, txn.request.failure)):
            for operation in operations:
                arm = operation.WhichOneof("request")
                if arm == "request_put":
                    txn.costs[branch] += cost_of_put(operation.request_put)
                elif arm == "request_txn":
                    found.append(_Found(operation.request_txn, txn, branch))
    for txn in reversed(found):
        if txn.outer is not None:
            txn.outer.costs[txn.branch] += max(txn.costs)
    return max(found[0].costs)


class _Found:
    """A transaction, the branch of another one that it is in, and what its own two cost."""

    __slots__ = ("branch", "costs", "outer", "request")

    def __init__(self, request: m.TxnRequest, outer: _Found | None, branch: int) -> None:
        self.request = request
        self.outer = outer
        self.branch = branch
        self.costs = [0, 0]
