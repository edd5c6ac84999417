"""Answers as the messages that they were made from, and messages as Go's encoding/json has them.

One table of fields, the descriptors: a message's JSON has its fields in the order of the .proto
file, by their names there, without those that are empty.
"""

from __future__ import annotations

import base64
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.api.descriptors import is_repeated
from fake_etcd.clientv3 import responses as r
from fake_etcd.ctl.gotext import json_string, truth

_MESSAGES: dict[type, type[Message]] = {
    r.GetResponse: m.RangeResponse,
    r.DeleteResponse: m.DeleteRangeResponse,
}
"""What answers are made from whose names are not their messages'."""

_OPERATIONS: dict[type, str] = {
    r.GetResponse: "response_range",
    r.PutResponse: "response_put",
    r.DeleteResponse: "response_delete_range",
    r.TxnResponse: "response_txn",
}

_EMPTY_HEADER = r.ResponseHeader()


def message_of(record: Any) -> Any:
    """The message that an answer, or a part of one, was made from.

    A header of nothing but zeros is taken for none.
    """
    kind = type(record)
    message: Any = (_MESSAGES.get(kind) or getattr(m, kind.__name__))()
    for field, attribute in _attributes(message.DESCRIPTOR, kind):
        value = getattr(record, attribute)
        if isinstance(record, r.TxnResponse) and attribute == "responses":
            message.responses.extend(_operation(each) for each in value)
        elif is_repeated(field):
            is_record = field.message_type is not None
            part = getattr(message, field.name)
            part.extend([message_of(each) for each in value] if is_record else value)
        elif field.message_type is None:
            setattr(message, field.name, value)
        elif value is not None and value != _EMPTY_HEADER:
            getattr(message, field.name).CopyFrom(message_of(value))
            getattr(message, field.name).SetInParent()
    return message


def _operation(answer: r.OpResponse) -> m.ResponseOp:
    made = m.ResponseOp()
    part = getattr(made, _OPERATIONS[type(answer)])
    part.CopyFrom(message_of(answer))
    part.SetInParent()
    return made


_attributes_of: dict[type, tuple[tuple[FieldDescriptor, str], ...]] = {}


def _attributes(descriptor: Any, kind: type) -> tuple[tuple[FieldDescriptor, str], ...]:
    """The fields of a message, each with the name that it has in the answer."""
    known = _attributes_of.get(kind)
    if known is None:
        plain = {name.replace("_", ""): name for name in _names(kind)}
        names = [plain.get(field.name.lower().replace("_", "")) for field in descriptor.fields]
        found = zip(descriptor.fields, names, strict=True)
        known = tuple((field, name) for field, name in found if name is not None)
        _attributes_of[kind] = known
    return known


def _names(kind: type) -> list[str]:
    return [name for each in kind.__mro__ for name in getattr(each, "__dataclass_fields__", ())]


def json_of(message: Message) -> dict[str, Any]:
    """What Go's encoding/json makes of a message, as dicts and lists in its order."""
    if isinstance(message, m.ResponseOp):
        # etcdctl names the operations as the .proto file does, where Go's names would be others.
        return {"Response": _fields_of(message)}
    return _fields_of(message)


def _fields_of(message: Any) -> dict[str, Any]:
    # In the order of the .proto file; `ListFields` has that of the numbers.
    return {
        field.name: _json_value(field, getattr(message, field.name))
        for field in message.DESCRIPTOR.fields
        if _is_there(message, field)
    }


def _is_there(message: Any, field: FieldDescriptor) -> bool:
    if field.message_type is not None and not is_repeated(field):
        return bool(message.HasField(field.name))
    return bool(getattr(message, field.name))


def _json_value(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is None:
        return list(value) if is_repeated(field) else value
    return [json_of(each) for each in value] if is_repeated(field) else json_of(value)


def dumped(value: Any) -> str:
    r"""A value as encoding/json writes it: bytes in base64, no spaces.

    >>> dumped({"k": b"ab", "n": [1, None, True, "<"]})
    '{"k":"YWI=","n":[1,null,true,"\\u003c"]}'
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return truth(value)
    if isinstance(value, bytes):
        return f'"{base64.b64encode(value).decode()}"'
    if isinstance(value, str):
        return json_string(value)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, dict):
        return f"{{{','.join(f'{json_string(key)}:{dumped(it)}' for key, it in value.items())}}}"
    return f"[{','.join(map(dumped, value))}]"
