"""The descriptor seam: the shipped descriptor set in a pool of our own, and classes from it.

The pool is private because other etcd clients in the process register the same names with other
content in protobuf's default pool, which takes each name once. Nothing here is generated code, so
any protobuf from 3.20 on will do, with any of its implementations; the differences between them
end in this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

SET = Path(__file__).with_name("descriptors.binpb")
"""Compiled from protos/ by protos/compile.py."""


def split(descriptor_set: bytes) -> Iterator[bytes]:
    """The encoded FileDescriptorProtos of an encoded FileDescriptorSet, dependencies first.

    By hand, because importing descriptor_pb2 for it costs as much as all the rest of the loading
    (1.6 ms). The set is field 1 repeated, and nothing else.
    """
    at = 0
    while at < len(descriptor_set):
        assert descriptor_set[at] == 0x0A, "a descriptor set holds files only"
        at += 1
        length = shift = 0
        while True:
            byte = descriptor_set[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        yield descriptor_set[at : at + length]
        at += length


def class_maker(pool: DescriptorPool) -> Callable[[Descriptor], type[Message]]:
    """protobuf's own way from a descriptor to its class: a function since 4.22, a method before."""
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass
    old: Callable[[Descriptor], type[Message]]
    old = message_factory.MessageFactory(pool).GetPrototype  # type: ignore[attr-defined]  # gone in 5
    return old


def load(pool: DescriptorPool) -> list[FileDescriptor]:
    """Puts the shipped set into a pool; the files, dependencies first."""
    return [pool.AddSerializedFile(file) for file in split(SET.read_bytes())]


def definitions(pool: DescriptorPool, files: list[FileDescriptor]) -> dict[str, object]:
    """What `fake_etcd.api.messages` offers: name to message class, enum or enum value."""
    make = class_maker(pool)
    names: dict[str, object] = {}
    for file in files:
        for enum in file.enum_types_by_name.values():
            wrapper = EnumTypeWrapper(enum)
            names[enum.name] = wrapper
            names.update(wrapper.items())
        for descriptor in file.message_types_by_name.values():
            names[descriptor.name] = make(descriptor)
    return names


def is_repeated(field: FieldDescriptor) -> bool:
    """Whether it is a list; what says so was another attribute before protobuf 6."""
    if hasattr(field, "is_repeated"):
        return field.is_repeated
    return bool(field.label == FieldDescriptor.LABEL_REPEATED)  # type: ignore[attr-defined]
