"""What a FakeEtcd remembers of the calls that clients make."""

from __future__ import annotations

import doctest
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.api import messages as m
from fake_etcd.api.errors import EMPTY_KEY
from fake_etcd.api.methods import METHODS
from fake_etcd.api.status import OK, Code, Status
from fake_etcd.services.call import Call, Endpoint, Endpoints, Receiver, Sink
from fake_etcd.testing import FakeEtcd, history, matching, readable
from tests.testing.stubs import stub

_PUT = METHODS["/etcdserverpb.KV/Put"]


@pytest.fixture
def etcd() -> Iterator[FakeEtcd]:
    with FakeEtcd() as etcd:
        yield etcd


def put(etcd: FakeEtcd, key: bytes, value: bytes = b"") -> Any:
    return stub(etcd.channel(), "KV/Put")(m.PutRequest(key=key, value=value))


@pytest.mark.parametrize("module", [history, matching, readable])
def test_the_examples_run(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


def test_a_unary_call_is_recorded_through_any_door(etcd: FakeEtcd) -> None:
    etcd.clock.freeze()
    etcd.clock.advance(7 - etcd.clock.now)
    request = m.PutRequest(key=b"a", value=b"1")
    answers = [put(etcd, b"a", b"1")]
    with grpc.insecure_channel(etcd.endpoint) as channel:
        answers.append(stub(channel, "KV/Put")(request, wait_for_ready=True))
    calls = etcd.history.calls()
    assert [
        (c.method, c.path, c.request, c.requests, c.answer, c.answers, c.status, c.revision, c.time)
        for c in calls
    ] == [
        ("Put", "/etcdserverpb.KV/Put", request, [request], answer, [answer], OK, revision, 7.0)
        for revision, answer in enumerate(answers, 2)
    ]
    assert [call.peer.partition(":")[0] for call in calls] == ["in-process", "127.0.0.1"]
    assert calls[0].messages == [(7.0, True, request), (7.0, False, answers[0])]


def test_a_refused_call_has_its_status_and_no_answer(etcd: FakeEtcd) -> None:
    with pytest.raises(grpc.RpcError):
        put(etcd, b"")
    (call,) = etcd.history.calls("Put")
    assert call.status == EMPTY_KEY.status
    assert (call.answer, call.answers, call.revision) == (None, [], None)
    assert str(call) == "Put() -> INVALID_ARGUMENT 'etcdserver: key is not provided'"


def watch(channel: grpc.Channel, *keys: bytes) -> Any:
    requests = [m.WatchRequest(create_request=m.WatchCreateRequest(key=key)) for key in keys]
    return stub(channel, "Watch/Watch")(iter(requests))


def test_a_stream_is_one_call_with_the_messages_of_both_sides(etcd: FakeEtcd) -> None:
    etcd.clock.freeze()
    etcd.clock.advance(1 - etcd.clock.now)
    answers = watch(etcd.channel(), b"a", b"b")
    told = [next(answers), next(answers)]
    etcd.clock.advance(2)
    etcd.store.put("b", "1")
    told.append(next(answers))
    (call,) = etcd.history.calls("Watch")
    assert call.status is None
    assert [(said.time, said.is_request) for said in call.messages] == [
        (1.0, True),
        (1.0, False),
        (1.0, True),
        (1.0, False),
        (3.0, False),
    ]
    assert [request.create_request.key for request in call.requests] == [b"a", b"b"]
    assert call.answers == told
    assert call.revision == 2
    answers.cancel()
    assert call.status == Status(Code.CANCELLED, "broken off")
    assert str(call) == (
        "Watch(create_request=(key='a')) -> broken off, 2 sent, 3 received, "
        "watch_id=1, events=[(kv='b': '1' @2)], revision 2"
    )


def test_a_stream_that_its_handler_ends_has_its_status(etcd: FakeEtcd) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        list(stub(etcd.channel(), "KV/RangeStream")(m.RangeRequest()))
    (call,) = etcd.history.calls("RangeStream")
    assert call.status == EMPTY_KEY.status
    assert call.status.message == caught.value.details()
    list(stub(etcd.channel(), "KV/RangeStream")(m.RangeRequest(key=b"a")))
    assert etcd.history.calls("RangeStream")[1].status == OK


class _Late:
    """A receiver that answers a unary call later."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink

    def message(self, request: object) -> None: ...

    def half_close(self) -> None: ...

    def cancelled(self) -> None: ...

    def writable(self) -> None: ...


def test_a_unary_method_that_is_served_as_a_stream_is_one_call(
    etcd: FakeEtcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: list[_Late] = []

    def stream(call: Call, sink: Sink) -> Receiver:
        late.append(_Late(sink))
        return late[0]

    def layer(endpoints: Endpoints) -> Endpoints:
        path = "/etcdserverpb.KV/Put"
        return {**endpoints, path: Endpoint(endpoints[path].method, stream=stream)}

    monkeypatch.setattr(etcd.faults, "layer", layer)
    etcd._serve()
    future = stub(etcd.channel(), "KV/Put").future(m.PutRequest(key=b"a"))
    (call,) = etcd.history.calls()
    assert (call.request, call.answer, call.status) == (m.PutRequest(key=b"a"), None, None)
    assert str(call) == "Put(key='a') -> going on"
    answer = m.PutResponse(header=m.ResponseHeader(revision=5))
    with etcd._shared:
        late[0].sink.send(answer.SerializeToString())
        late[0].sink.close()
    assert future.result() == answer
    assert etcd.history.calls() == [call]
    assert (call.answer, call.status, call.revision) == (answer, OK, 5)


def test_a_bug_in_a_handler_is_recorded_as_what_the_client_sees(
    etcd: FakeEtcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unary(request: object, call: Call) -> bytes:
        raise ZeroDivisionError

    def layer(endpoints: Endpoints) -> Endpoints:
        return {path: Endpoint(each.method, unary=unary) for path, each in endpoints.items()}

    monkeypatch.setattr(etcd.faults, "layer", layer)
    etcd._serve()
    with pytest.raises(grpc.RpcError) as caught:
        put(etcd, b"a")
    status = etcd.history.calls()[0].status
    assert status is not None
    assert (status.code, status.message) == (Code.INTERNAL, caught.value.details())


def test_calls_are_found_by_method_and_fields(etcd: FakeEtcd) -> None:
    kv = etcd.channel()
    put(etcd, b"a", b"1")
    put(etcd, b"b", b"\xff")
    compare = m.Compare(key=b"a", target=m.Compare.VALUE, value=b"1")
    op = m.RequestOp(request_put=m.PutRequest(key=b"c"))
    stub(kv, "KV/Txn")(m.TxnRequest(compare=[compare], success=[op, op][:1]))
    stub(kv, "KV/Range")(m.RangeRequest(key=b"a", sort_order=m.RangeRequest.DESCEND))
    first = watch(kv, b"x", b"a")
    next(first), next(first)

    def found(method: str | None = None, **fields: Any) -> list[str]:
        return [call.method for call in etcd.history.calls(method, **fields)]

    assert found() == ["Put", "Put", "Txn", "Range", "Watch"]
    assert found("Put") == found("KV/Put") == found("/etcdserverpb.KV/Put") == ["Put", "Put"]
    assert found("Put", key="a") == found("Put", key=b"a", value="1") == ["Put"]
    assert found("Put", key="a", value="2") == []
    assert found("Put", value=b"\xff") == ["Put"]
    assert found("Put", lease=0) == ["Put", "Put"]
    assert found(key="a") == ["Put", "Range"]
    assert found("Range", sort_order="DESCEND") == ["Range"]
    assert found("Range", sort_order=m.RangeRequest.DESCEND) == ["Range"]
    assert found("Range", sort_order="ASCEND") == found("Range", sort_order="UP") == []
    assert found("Txn", compare__key="a", compare__target="VALUE") == ["Txn"]
    assert found("Txn", success__request_put__key="c") == ["Txn"]
    assert found("Txn", success__request_range__key="") == []
    assert found("Txn", success=[]) == []
    assert found("Watch", create_request__key="a") == ["Watch"]
    assert found("Watch", create_request__key="b") == []


@pytest.mark.parametrize(
    ("method", "fields", "message"),
    [
        ("Putt", {}, "etcd has no method 'Putt'; 'Put' is one"),
        ("", {}, "etcd has no method ''"),
        (
            "Put",
            {"kye": "a"},
            "PutRequest has no field 'kye'; it has key, value, lease, prev_kv, ignore_value, "
            "ignore_lease",
        ),
        ("AuthStatus", {"a": 1}, "AuthStatusRequest has no field 'a'; it has no fields at all"),
        (None, {"nope": 1}, "no method's request has fields nope"),
        ("Txn", {"compare__nope": 1}, "TxnRequest has no field 'compare__nope'; it has compare, "
         "success, failure"),
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused(
    etcd: FakeEtcd, method: str | None, fields: dict[str, Any], message: str
) -> None:
    for ask in (etcd.history.calls, etcd.history.assert_not_called, etcd.history.wait_for):
        with pytest.raises(ValueError, match=r"field|method") as caught:
            ask(method, **fields)
        assert str(caught.value) == message


def test_assertions_say_what_there_was_instead(etcd: FakeEtcd) -> None:
    past = etcd.history
    with pytest.raises(AssertionError, match=r"^there was no Put\(\); no call was recorded$"):
        past.assert_called("Put")
    put(etcd, b"a", b"1")
    past.assert_called("Put")
    past.assert_called("Put", key="a", times=1)
    past.assert_called(times=1)
    past.assert_called("Range", times=0)
    past.assert_not_called("Put", key="b")
    shown = "  Put(key='a', value='1') -> OK, revision 2"
    recorded = f". These calls were recorded:\n{shown}"
    with pytest.raises(AssertionError) as caught:
        past.assert_called("Put", key="b")
    assert str(caught.value) == f"there was no Put(key='b'){recorded}"
    with pytest.raises(AssertionError) as caught:
        past.assert_called("Put", times=2)
    assert str(caught.value) == f"1 of Put(), not 2{recorded}"
    with pytest.raises(AssertionError) as caught:
        past.assert_not_called(key="a")
    assert str(caught.value) == f"1 of call(key='a'), not none:\n{shown}"


def test_only_the_last_calls_are_in_a_complaint(etcd: FakeEtcd) -> None:
    for number in range(13):
        put(etcd, b"%d" % number)
    with pytest.raises(AssertionError) as caught:
        etcd.history.assert_called("Range")
    lines = str(caught.value).splitlines()
    assert lines[1:3] == ["  ... 3 before these", "  Put(key='3') -> OK, revision 5"]
    assert len(lines) == 12


def test_waiting_ends_with_the_call_that_was_waited_for(etcd: FakeEtcd) -> None:
    found: list[str] = []

    def wait() -> None:
        found.append(str(etcd.history.wait_for("Put", key="b", times=2, timeout=60)))

    thread = threading.Thread(target=wait)
    thread.start()
    while not etcd.history._waiting:
        threading.Event().wait(0.001)
    with grpc.insecure_channel(etcd.endpoint) as channel:
        kv = stub(channel, "KV/Put")
        for key in (b"a", b"b", b"c", b"b", b"b"):
            kv(m.PutRequest(key=key), wait_for_ready=True)
    thread.join()
    assert found == ["Put(key='b') -> OK, revision 5"]
    assert etcd.history._waiting == []


def test_waiting_finds_what_happened_already(etcd: FakeEtcd) -> None:
    put(etcd, b"a")
    assert etcd.history.wait_for("Put", timeout=0) == etcd.history.calls()[0]
    with pytest.raises(TimeoutError) as caught:
        etcd.history.wait_for("Put", times=2, timeout=0)
    assert str(caught.value) == (
        "1 of Put() in 0 seconds, not 2. These calls were recorded:\n"
        "  Put(key='a') -> OK, revision 2"
    )


def test_waiting_for_a_stream_ends_with_the_request_that_matches(etcd: FakeEtcd) -> None:
    answers = watch(etcd.channel(), b"a", b"b")
    call = etcd.history.wait_for("Watch", create_request__key="b")
    assert call is etcd.history.calls()[0]
    answers.cancel()


def test_what_is_cleared_is_gone_and_a_stream_is_recorded_on(etcd: FakeEtcd) -> None:
    answers = watch(etcd.channel(), b"a")
    next(answers)
    put(etcd, b"b")
    etcd.history.clear()
    assert (etcd.history.calls(), len(etcd.history), list(etcd.history)) == ([], 0, [])
    put(etcd, b"a")
    assert [call.method for call in etcd.history] == ["Watch", "Put"]
    call = etcd.history.calls("Watch")[0]
    assert (len(call.requests), len(call.answers)) == (0, 1)
    etcd.reset()
    assert etcd.history.calls() == []


def test_what_a_test_does_itself_is_no_call(etcd: FakeEtcd) -> None:
    etcd.store.put("a", "1")
    etcd.store.dump()
    assert etcd.history.calls() == []
    assert repr(etcd.history) == "<History of 0 calls>"


@given(
    steps=st.lists(st.tuples(st.sampled_from("ps12"), st.integers(0, 60)), max_size=40),
    most_entries=st.integers(1, 8),
)
def test_it_keeps_the_newest_of_all_that_was_said(
    steps: list[tuple[str, int]], most_entries: int
) -> None:
    with pytest.MonkeyPatch.context() as patch, FakeEtcd() as etcd:
        patch.setattr(history, "MOST_ENTRIES", most_entries)
        patch.setattr(history, "MOST_BYTES", 100)
        record = etcd.history
        calls = {name: history.RecordedCall(_PUT, "", 0.0, None, deque()) for name in "12"}
        streams = {
            name: history._Recording(call, record, lambda: 0.0) for name, call in calls.items()
        }
        said: list[tuple[history.RecordedCall, int]] = []
        for kind, size in steps:
            if kind in calls:
                streams[kind].add(bytes(size), size)
                said.append((calls[kind], size))
            else:
                call = history.RecordedCall(_PUT, "", 0.0, OK, ((0.0, bytes(size)),))
                record.keep(call, size)
                said.append((call, size))
        kept = said[-most_entries:]
        while len(kept) > 1 and sum(size for _, size in kept) > 100:
            del kept[0]
        assert record.calls() == list(dict.fromkeys(call for call, _ in kept))
        assert record.forgotten == len(said) - len(kept)
        for call in calls.values():
            assert [len(one) for one in call._encoded_answers()] == [
                size for each, size in kept if each is call
            ]
        if record.forgotten:
            with pytest.raises(AssertionError, match="nobody can say that there was no Range"):
                record.assert_not_called("Range")
            with pytest.raises(AssertionError, match="nobody can say how many Put"):
                record.assert_called("Put", times=1)


def test_a_flood_of_calls_is_forgotten_down_to_the_bound(etcd: FakeEtcd) -> None:
    for _ in range(20):
        put(etcd, b"a", bytes(1_000_000))
    assert len(etcd.history) == history.MOST_BYTES // 1_000_000
    assert etcd.history.forgotten == 20 - len(etcd.history)
