"""`fake_etcd.api.messages`: all names there, as the stub says, in a pool of their own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import DecodeError, Message
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.api import descriptors, messages

from .processes import run_python

STUB = Path(descriptors.__file__).with_name("messages.pyi")
INT64 = st.integers(-(2**63), 2**63 - 1)


def stub_classes() -> dict[str, ast.ClassDef]:
    body = ast.parse(STUB.read_text()).body
    return {node.name: node for node in body if isinstance(node, ast.ClassDef)}


def stub_names(nodes: list[ast.stmt]) -> set[str]:
    """Variables and properties, without methods."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.FunctionDef) and node.decorator_list:
            names.add(node.name)
    return names


def test_the_module_offers_exactly_what_the_set_defines() -> None:
    compiled = FileDescriptorSet.FromString(descriptors.SET.read_bytes())
    wanted = {message.name for file in compiled.file for message in file.message_type}
    for file in compiled.file:
        for enum in file.enum_type:
            wanted |= {enum.name, *(value.name for value in enum.value)}
    # pytest rewrites the modules of a package that brings a plugin, and adds names with an @.
    public = {name for name in vars(messages) if not name.startswith(("_", "@"))}
    assert public == wanted
    assert len(wanted) == 125


def test_the_stub_says_what_each_class_has() -> None:
    classes = stub_classes()
    public = {name: value for name, value in vars(messages).items() if not name.startswith("_")}
    assert set(classes) == {name for name, value in public.items() if isinstance(value, type)}
    for name, node in classes.items():
        descriptor = getattr(messages, name).DESCRIPTOR
        wanted = {"DESCRIPTOR", *descriptor.fields_by_name, *descriptor.enum_types_by_name}
        wanted |= set(descriptor.enum_values_by_name)
        wanted |= {f"{field.upper()}_FIELD_NUMBER" for field in descriptor.fields_by_name}
        assert stub_names(node.body) == wanted, name


@pytest.mark.parametrize(
    "name",
    [
        "authpb.User",
        "etcdserverpb.RangeRequest",
        "grpc.health.v1.HealthCheckRequest",
        "mvccpb.KeyValue",
        "v3electionpb.LeaderKey",
        "v3lockpb.LockRequest",
    ],
)
def test_protobufs_default_pool_does_not_know_our_messages(name: str) -> None:
    assert getattr(messages, name.rpartition(".")[2]).DESCRIPTOR.full_name == name
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName(name)


def test_the_files_have_names_that_nobody_else_uses() -> None:
    compiled = FileDescriptorSet.FromString(descriptors.SET.read_bytes())
    assert {file.name.partition("/")[0] for file in compiled.file} == {"fake_etcd"}
    assert not any(file.HasField("source_code_info") for file in compiled.file)


def test_the_set_is_split_as_protobuf_splits_it() -> None:
    compiled = FileDescriptorSet.FromString(descriptors.SET.read_bytes())
    files = list(descriptors.split(descriptors.SET.read_bytes()))
    assert max(map(len, files)) > 127, "no file needs a length of two bytes, so that is untried"
    assert files == [file.SerializeToString(deterministic=True) for file in compiled.file]


def test_enums_hang_on_their_message_and_alarm_type_on_the_module() -> None:
    request = messages.RangeRequest
    assert (request.NONE, request.ASCEND, request.DESCEND) == (0, 1, 2)
    assert request.SortTarget.items() == [
        ("KEY", 0),
        ("VERSION", 1),
        ("CREATE", 2),
        ("MOD", 3),
        ("VALUE", 4),
    ]
    assert messages.Event.EventType.Name(messages.Event.DELETE) == "DELETE"
    assert isinstance(messages.AlarmType, EnumTypeWrapper)
    assert (messages.NONE, messages.NOSPACE, messages.CORRUPT) == (0, 1, 2)


def test_field_numbers_are_constants_of_the_class() -> None:
    assert messages.Compare.RANGE_END_FIELD_NUMBER == 64
    assert messages.WatchResponse.EVENTS_FIELD_NUMBER == 11


def test_a_put_request_is_these_bytes() -> None:
    put = messages.PutRequest(key=b"k", value=b"v", lease=-1, prev_kv=True)
    wanted = b"\x0a\x01k" + b"\x12\x01v" + b"\x18" + b"\xff" * 9 + b"\x01" + b"\x20\x01"
    assert put.SerializeToString() == wanted
    assert messages.PutRequest.FromString(wanted) == put


@given(
    key=st.binary(),
    value=st.binary(),
    revisions=st.tuples(INT64, INT64, INT64),
    lease=INT64,
)
def test_a_key_value_comes_back_as_it_went(
    key: bytes, value: bytes, revisions: tuple[int, int, int], lease: int
) -> None:
    create, mod, version = revisions
    went = messages.KeyValue(
        key=key,
        value=value,
        create_revision=create,
        mod_revision=mod,
        version=version,
        lease=lease,
    )
    came = messages.KeyValue.FromString(went.SerializeToString())
    assert (came.key, came.value, came.lease) == (key, value, lease)
    assert (came.create_revision, came.mod_revision, came.version) == revisions


def test_a_oneof_holds_one_and_presence_tells_which() -> None:
    operation = messages.RequestOp(request_put=messages.PutRequest(key=b"k"))
    assert operation.WhichOneof("request") == "request_put"
    operation.request_range.SetInParent()
    assert operation.WhichOneof("request") == "request_range"
    assert not operation.HasField("request_put")


def test_an_unknown_enum_value_survives_so_that_a_service_can_refuse_it() -> None:
    request = messages.RangeRequest.FromString(b"\x28\x09")
    assert request.sort_order == 9


def test_bytes_that_are_no_message_are_refused() -> None:
    with pytest.raises(DecodeError):
        messages.RangeRequest.FromString(b"\x0a\x05ab")


def test_every_class_makes_an_empty_message_of_no_bytes() -> None:
    for name in stub_classes():
        message = getattr(messages, name)()
        assert isinstance(message, Message)
        assert message.SerializeToString() == b""


def test_loading_costs_a_few_milliseconds() -> None:
    """Best of ten in a fresh process; 1.5 ms where this was written, so 5 says that it grew."""
    implementation = run_python(
        "-c",
        "from google.protobuf.internal import api_implementation as a; print(a.Type())",
    ).strip()
    if implementation == "python":
        pytest.skip("protobuf runs in pure Python here, which takes ten times as long")
    best = run_python(
        "-c",
        "import time\n"
        "from google.protobuf.descriptor_pool import DescriptorPool\n"
        "from fake_etcd.api import descriptors as d\n"
        "def cost():\n"
        "    start, pool = time.process_time(), DescriptorPool()\n"
        "    d.definitions(pool, d.load(pool))\n"
        "    return time.process_time() - start\n"
        "print(min(cost() for _ in range(10)))\n",
    )
    assert float(best) < 0.005
