"""Answers: every method's message becomes one, with all of its fields, and is a value.

What each should have is read from the messages' descriptors, so a field of etcd's that an answer
leaves out is found.
"""

from __future__ import annotations

import copy
import dataclasses
import enum
import pickle
import re
import subprocess
import sys
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_etcd.api import messages as m
from fake_etcd.api.status import Code
from fake_etcd.clientv3 import responses as r
from fake_etcd.clientv3 import rpctypes
from fake_etcd.clientv3.core import rpcs
from fake_etcd.clientv3.errors import Error, StatusError

NAMES = {
    "RangeResponse": "GetResponse",
    "DeleteRangeResponse": "DeleteResponse",
    "CompactionResponse": "CompactResponse",
    "SnapshotResponse": "SnapshotChunk",
}
"""Messages whose answer has Go's name, which is another."""

NO_ANSWERS = {"RangeStreamResponse"}
"""A GetResponse in a wrapper."""

NOT_TOLD = {"WatchResponse": {"watch_id", "fragment"}}
"""What the client needs itself, and its callers do not."""

OPTIONAL = {"prev_kv", "downgradeInfo"}

ANSWERS = {
    rpc.response.DESCRIPTOR.name: getattr(
        r, NAMES.get(rpc.response.DESCRIPTOR.name, rpc.response.DESCRIPTOR.name)
    )
    for rpc in rpcs.ALL
    if rpc.response.DESCRIPTOR.name not in NO_ANSWERS
}

_SCALARS = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_ENUM: st.sampled_from([0, 1, 2, 3, 99]),
}


@st.composite
def filled(draw: st.DrawFn, name: str, depth: int = 3) -> Message:
    """A message of that name with anything in it, or nothing."""
    made: Message = getattr(m, name)()
    fields: list[Any] = list(made.DESCRIPTOR.fields)
    if name == "ResponseOp":
        fields = [draw(st.sampled_from(fields if depth else fields[:3]))]
    for field in fields:
        if field.message_type is not None:
            inner = filled(field.message_type.name, depth - 1)
            here = getattr(made, field.name)
            if not isinstance(here, Message):
                here.extend(draw(st.lists(inner, max_size=2)) if depth else [])
            elif name == "ResponseOp" or draw(st.booleans()):
                here.CopyFrom(draw(inner))
                here.SetInParent()
            continue
        if field.type == FieldDescriptor.TYPE_BYTES:
            values: st.SearchStrategy[Any] = st.binary(max_size=3)
        elif field.type == FieldDescriptor.TYPE_STRING:
            values = st.text(max_size=3)
        else:
            values = _SCALARS[field.cpp_type]
        if isinstance(getattr(made, field.name), (bytes, str, int)):
            setattr(made, field.name, draw(values))
        else:
            getattr(made, field.name).extend(draw(st.lists(values, max_size=2)))
    return made


def said(pb: Message) -> Any:
    """What a message says, by its descriptor: its answer's name and fields."""
    name = pb.DESCRIPTOR.name
    if name == "ResponseOp":
        kind = pb.WhichOneof("response")
        return said(getattr(pb, kind))
    found = {}
    for field in pb.DESCRIPTOR.fields:
        if field.name in NOT_TOLD.get(name, ()):
            continue
        value = getattr(pb, field.name)
        if isinstance(value, Message):
            absent = field.name in OPTIONAL and not pb.HasField(field.name)
            value = None if absent else said(value)
        elif not isinstance(value, (bytes, str, int)):
            value = tuple(said(each) if isinstance(each, Message) else each for each in value)
        found[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", field.name).lower()] = value
    return NAMES.get(name, name), found


def told(answer: Any) -> Any:
    """What an answer says, in the same form."""
    if isinstance(answer, tuple):
        return tuple(told(each) for each in answer)
    if not dataclasses.is_dataclass(answer):
        return answer
    names = [field.name for field in dataclasses.fields(answer)]
    return type(answer).__name__, {name: told(getattr(answer, name)) for name in names}


@pytest.mark.parametrize("name", ANSWERS)
@settings(max_examples=50)
@given(data=st.data())
def test_an_answer_tells_all_that_its_message_says(name: str, data: st.DataObject) -> None:
    pb = data.draw(filled(name))
    answer = ANSWERS[name].of(pb)
    assert type(answer) is ANSWERS[name]
    assert told(answer) == said(pb)
    # Once more, from bytes, as from a server.
    again = ANSWERS[name].of(type(pb).FromString(pb.SerializeToString()))
    assert (again, hash(again), repr(again)) == (answer, hash(answer), repr(answer))


@pytest.mark.parametrize("name", ANSWERS)
@settings(max_examples=10)
@given(data=st.data())
def test_an_answer_is_a_value(name: str, data: st.DataObject) -> None:
    answer = ANSWERS[name].of(data.draw(filled(name)))
    assert pickle.loads(pickle.dumps(answer)) == answer
    assert copy.deepcopy(answer) == answer
    assert not hasattr(answer, "__dict__")
    changed = dataclasses.replace(answer, header=r.ResponseHeader(revision=-7))
    assert (changed == answer) is (answer.header == changed.header)
    with pytest.raises(dataclasses.FrozenInstanceError):
        answer.header = changed.header


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_of_an_older_server_has_what_is_not_said_as_nothing(name: str) -> None:
    pb = getattr(m, name)()
    answer = ANSWERS[name].of(pb)
    assert told(answer) == said(pb)
    for field in dataclasses.fields(answer):
        if field.default is not dataclasses.MISSING:
            assert getattr(answer, field.name) == field.default


def test_every_class_is_of_one_message_and_known() -> None:
    names = set(r.__all__) - {"OpResponse", "response_of"}
    public = {getattr(r, name) for name in names}
    assert {each.__name__ for each in public} == names
    assert {name for name, each in vars(r).items() if isinstance(each, type)} == names
    parts = {
        r.ResponseHeader,
        r.HeaderResponse,
        r.MembersResponse,
        r.KeyValue,
        r.Event,
        r.LeaseStatus,
        r.Member,
    }
    parts |= {r.AlarmMember, r.DowngradeInfo, r.Permission, r.User, r.Role}
    enums = {each for each in public if issubclass(each, enum.IntEnum)}
    assert public == set(ANSWERS.values()) | parts | enums


def test_answers_of_one_shape_are_not_equal() -> None:
    header = r.ResponseHeader(revision=1)
    kinds: list[type[r.HeaderResponse]] = [r.AuthEnableResponse, r.AuthDisableResponse]
    first, second = (kind(header) for kind in kinds)
    assert first == r.AuthEnableResponse(header)
    assert first != second


def test_an_answer_reads_well() -> None:
    get = r.GetResponse.of(
        m.RangeResponse(
            header=m.ResponseHeader(cluster_id=1, member_id=2, revision=3, raft_term=4),
            kvs=[m.KeyValue(key=b"k", value=b"v", create_revision=2, mod_revision=3, version=2)],
            count=1,
        )
    )
    assert repr(get) == (
        "GetResponse(header=ResponseHeader(cluster_id=1, member_id=2, revision=3, raft_term=4), "
        "kvs=(KeyValue(key=b'k', value=b'v', create_revision=2, mod_revision=3, version=2, "
        "lease=0),), more=False, count=1)"
    )
    assert repr(r.CompactResponse(r.ResponseHeader())).startswith("CompactResponse(header=")


def test_numbers_have_their_names_and_unknown_ones_stay() -> None:
    alarm = r.AlarmMember.of(m.AlarmMember(memberID=1, alarm=m.NOSPACE))
    assert alarm.alarm is r.AlarmType.NOSPACE
    later = r.AlarmMember.of(m.AlarmMember(memberID=1, alarm=9)).alarm
    assert (later, later.name, type(later)) == (9, "UNKNOWN_9", r.AlarmType)
    assert pickle.loads(pickle.dumps(later)) == later
    with pytest.raises(ValueError, match="'x' is not a valid AlarmType"):
        r.AlarmType("x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "created", "modified", "is_create", "is_modify"),
    [
        (r.EventType.PUT, 5, 5, True, False),
        (r.EventType.PUT, 4, 5, False, True),
        (r.EventType.DELETE, 0, 0, False, False),
        (r.EventType.DELETE, 0, 5, False, False),
    ],
)
def test_an_event_makes_a_key_or_changes_it(
    kind: r.EventType, created: int, modified: int, is_create: bool, is_modify: bool
) -> None:
    kv = m.KeyValue(key=b"k", create_revision=created, mod_revision=modified)
    event = r.Event.of(m.Event(type=kind, kv=kv))
    assert event.type is kind
    assert (event.is_create, event.is_modify) == (is_create, is_modify)


def test_an_operation_answered_with_nothing_is_an_error() -> None:
    with pytest.raises(Error, match="an operation of the transaction was answered"):
        r.TxnResponse.of(m.TxnResponse(responses=[m.ResponseOp()]))


def test_the_parts_of_a_stream_are_one_answer() -> None:
    kvs = [r.KeyValue(key) for key in (b"a", b"b", b"c")]
    nothing, header = r.ResponseHeader(), r.ResponseHeader(revision=7)
    parts = [
        r.GetResponse(nothing, (kvs[0],)),
        r.GetResponse(nothing),
        r.GetResponse(header, (kvs[1], kvs[2]), more=True, count=9),
    ]
    assert r.GetResponse.joined(parts) == r.GetResponse(header, tuple(kvs), more=True, count=9)
    assert r.GetResponse.joined([]) == r.GetResponse(nothing)


def watch(**fields: Any) -> r.WatchResponse:
    return r.WatchResponse.of(m.WatchResponse(header=m.ResponseHeader(revision=3), **fields))


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (watch(), None),
        (watch(created=True), None),
        (watch(canceled=True, compact_revision=4), rpctypes.ErrCompacted(4)),
        (watch(canceled=True), rpctypes.ErrFutureRev()),
        (
            watch(canceled=True, cancel_reason="etcdserver: permission denied"),
            rpctypes.ErrPermissionDenied(),
        ),
    ],
)
def test_a_watch_tells_why_it_ended(response: r.WatchResponse, error: Error | None) -> None:
    assert response.error == error
    assert response.is_progress_notify is (response == watch())


def test_a_watch_tells_the_revision_that_it_could_have_and_a_reason_of_no_table() -> None:
    compacted = watch(canceled=True, compact_revision=4).error
    assert isinstance(compacted, rpctypes.ErrCompacted)
    assert compacted.compact_revision == 4
    other = watch(canceled=True, cancel_reason="watch is too old").error
    assert isinstance(other, StatusError)
    assert (other.code, other.message) == (Code.FAILED_PRECONDITION, "watch is too old")


def test_what_has_events_or_no_revision_is_no_progress() -> None:
    assert not watch(events=[m.Event()]).is_progress_notify
    assert not r.WatchResponse.of(m.WatchResponse()).is_progress_notify


_REST = """
import sys
from fake_etcd.clientv3 import responses
loaded = {name.rpartition(".")[2] for name in sys.modules if "clientv3.responses." in name}
assert loaded == {"header", "kv", "lease", "watch"}, loaded
assert set(responses.__all__) < set(dir(responses))
from fake_etcd.clientv3.responses import Member
assert responses.Member is Member and "Role" not in vars(responses)
"""


def test_what_is_rare_is_imported_when_it_is_asked_for() -> None:
    subprocess.run([sys.executable, "-c", _REST], check=True, timeout=60)
    with pytest.raises(AttributeError, match="responses' has no attribute 'Nothing'"):
        getattr(r, "Nothing")  # noqa: B009
