"""Every answer of the client can be printed: it is made into the message that it came from."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.api.descriptors import is_repeated
from fake_etcd.clientv3 import responses as r
from fake_etcd.ctl.printers.messages import dumped, json_of, message_of

OTHER_NAMES = {
    "GetResponse": "RangeResponse",
    "DeleteResponse": "DeleteRangeResponse",
}
PRINTED = (
    *("ResponseHeader", "KeyValue", "PutResponse", "GetResponse", "DeleteResponse", "Event"),
    *("LeaseRevokeResponse", "AlarmResponse", "StatusResponse", "HashKVResponse", "Member"),
    *("MoveLeaderResponse", "DowngradeResponse", "MemberAddResponse", "MemberRemoveResponse"),
    *("MemberUpdateResponse", "MemberListResponse", "MemberPromoteResponse", "Permission"),
    *("AuthStatusResponse", "AuthUserAddResponse", "AuthUserGetResponse", "AuthUserListResponse"),
    *("AuthUserDeleteResponse", "AuthUserChangePasswordResponse", "AuthUserGrantRoleResponse"),
    *("AuthUserRevokeRoleResponse", "AuthRoleAddResponse", "AuthRoleGetResponse"),
    *("AuthRoleListResponse", "AuthRoleDeleteResponse", "AuthRoleGrantPermissionResponse"),
    "AuthRoleRevokePermissionResponse",
)
"""The answers that -w json and -w protobuf print as their messages."""


def filled(message: Any, number: int = 1) -> Any:
    """The message with something in each field, and two of each that is repeated."""
    for field in message.DESCRIPTOR.fields:
        number += 1
        if field.message_type is not None:
            parts = getattr(message, field.name)
            for part in (parts.add(), parts.add()) if is_repeated(field) else (parts,):
                filled(part, number)
            continue
        value = _value(field, number)
        if is_repeated(field):
            getattr(message, field.name).extend([value, value])
        else:
            setattr(message, field.name, value)
    return message


def _value(field: Any, number: int) -> object:
    if field.type == field.TYPE_ENUM:
        return 1
    if field.type == field.TYPE_BOOL:
        return True
    if field.type == field.TYPE_STRING:
        return f"text {number}"
    return b"%d" % number if field.type == field.TYPE_BYTES else number


@pytest.mark.parametrize("name", PRINTED)
def test_an_answer_is_made_into_its_message(name: str) -> None:
    message = filled(getattr(m, OTHER_NAMES.get(name, name))())
    assert message_of(getattr(r, name).of(message)) == message


@pytest.mark.parametrize("name", sorted({*PRINTED} - {"Event", "MemberAddResponse"}))
def test_an_empty_answer_is_an_empty_message(name: str) -> None:
    message: Message = getattr(m, OTHER_NAMES.get(name, name))()
    assert message_of(getattr(r, name).of(message)) == message


def test_a_transaction_has_the_answers_of_its_operations() -> None:
    message = m.TxnResponse(
        succeeded=True,
        responses=[
            m.ResponseOp(response_put=m.PutResponse()),
            m.ResponseOp(response_range=m.RangeResponse(count=2)),
            m.ResponseOp(response_delete_range=m.DeleteRangeResponse(deleted=1)),
            m.ResponseOp(response_txn=m.TxnResponse(succeeded=True)),
        ],
    )
    made = message_of(r.TxnResponse.of(message))
    assert made == message
    assert dumped(json_of(made)) == (
        '{"succeeded":true,"responses":['
        '{"Response":{"response_put":{}}},'
        '{"Response":{"response_range":{"count":2}}},'
        '{"Response":{"response_delete_range":{"deleted":1}}},'
        '{"Response":{"response_txn":{"succeeded":true}}}]}'
    )
