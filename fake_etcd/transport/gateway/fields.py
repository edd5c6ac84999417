"""What each field of a message is in JSON, from the descriptors: one table a message, made once.

Both directions read it: `reading` and `writing`. protojson's rules for names: a request may say the
proto name or the JSON name, an answer has the proto name (etcd: server/embed/serve.go,
`UseProtoNames`).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from fake_etcd.api import messages
from fake_etcd.api.descriptors import is_repeated


class Kind(enum.Enum):
    """The kinds there are in etcd's messages, by Go's names for them."""

    BOOL = "bool"
    BYTES = "bytes"
    STRING = "string"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    ENUM = "enum"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class JsonField:
    """One field.

    Args:
        number: its number, by which etcd's are declared in order.
        name: its proto name, `json_name` the other one.
        oneof: full name of the union that it is of, "" where it is of none.
        enum_numbers: by name, `enum_names` by number.
        message: the table of a message's own fields.
    """

    number: int
    name: str
    json_name: str
    kind: Kind
    is_repeated: bool
    oneof: str
    enum_numbers: dict[str, int]
    enum_names: dict[int, str]
    message: JsonMessage | None


@dataclass(slots=True)
class JsonMessage:
    """One message: its class, its fields by either name, and by number."""

    cls: type[Message]
    by_name: dict[str, JsonField] = field(default_factory=dict)
    by_number: dict[int, JsonField] = field(default_factory=dict)


_TYPES = {
    FieldDescriptor.TYPE_BOOL: Kind.BOOL,
    FieldDescriptor.TYPE_BYTES: Kind.BYTES,
    FieldDescriptor.TYPE_STRING: Kind.STRING,
    FieldDescriptor.TYPE_INT32: Kind.INT32,
    FieldDescriptor.TYPE_UINT32: Kind.UINT32,
    FieldDescriptor.TYPE_INT64: Kind.INT64,
    FieldDescriptor.TYPE_UINT64: Kind.UINT64,
    FieldDescriptor.TYPE_ENUM: Kind.ENUM,
    FieldDescriptor.TYPE_MESSAGE: Kind.MESSAGE,
}

_made: dict[str, JsonMessage] = {}


def table_of(cls: type[Message]) -> JsonMessage:
    """The table of a message's fields."""
    full_name = cls.DESCRIPTOR.full_name
    made = _made.get(full_name)
    if made is None:
        made = _made[full_name] = JsonMessage(cls)
        for each in cls.DESCRIPTOR.fields:
            one = _field(cast(FieldDescriptor, each))
            made.by_number[one.number] = one
            made.by_name[one.json_name] = one
        for one in made.by_number.values():
            made.by_name.setdefault(one.name, one)
    return made


def _field(descriptor: FieldDescriptor) -> JsonField:
    values = descriptor.enum_type.values if descriptor.enum_type is not None else ()
    of_message = descriptor.message_type
    union = descriptor.containing_oneof
    return JsonField(
        number=descriptor.number,
        name=descriptor.name,
        json_name=descriptor.json_name,
        kind=_TYPES[descriptor.type],
        is_repeated=is_repeated(descriptor),
        oneof=union.full_name if union is not None else "",
        enum_numbers={value.name: value.number for value in values},
        enum_names={value.number: value.name for value in reversed(values)},
        message=table_of(_class_of(of_message)) if of_message is not None else None,
    )


def _class_of(descriptor: Descriptor) -> type[Message]:
    """Names are flat there, and no message of the gateway's is inside another one."""
    cls: type[Message] = getattr(messages, descriptor.name)
    return cls
