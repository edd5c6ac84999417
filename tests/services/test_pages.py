"""Pages that say how the server is, where real etcd's differ too much to be recorded whole."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress

import pytest
from google.protobuf.message import Message

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.errors import EMPTY_KEY, StatusError
from fake_etcd.api.methods import METHODS
from fake_etcd.core.alarm import NOSPACE, Alarm
from fake_etcd.core.clock import VirtualClock
from fake_etcd.core.downgrade import parsed
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services import registry
from fake_etcd.services.call import Call
from fake_etcd.services.http import CORS, HttpRequest, HttpResponse
from fake_etcd.services.metrics import page as metrics
from fake_etcd.services.mux import handle
from fake_etcd.services.pages import query_values
from tests.services.handlers import Handlers, MemorySink

CHUNKED = ("Transfer-Encoding", "chunked")
TEXT = ("Content-Type", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores")
JSON = ("Content-Type", "application/json; charset=utf-8")
PUT, LOCK = "/etcdserverpb.KV/Put", "/v3lockpb.Lock/Lock"


def answer(method: str, target: str, *headers: tuple[str, str]) -> HttpResponse:
    return handle(Node(), HttpRequest(method, target, headers))


def test_variables_are_json_in_lines() -> None:
    found = answer("GET", "/debug/vars")
    assert (found.status, found.headers) == (200, (*CORS, JSON, CHUNKED))
    variables = json.loads(found.body)
    assert [*variables] == ["cmdline", "file_descriptor_limit", "raft.status"]
    id = "8e9e05c52164694d"
    assert variables["raft.status"] == {
        "id": id,
        "term": 2,
        "vote": id,
        "commit": 4,
        "lead": id,
        "raftState": "StateLeader",
        "applied": 4,
        "progress": {id: {"match": 4, "next": 5, "state": "StateReplicate"}},
        "leadtransferee": "0",
    }
    assert found.body.startswith(b'{\n"cmdline": [')
    assert found.body.endswith(b"\n}\n")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "FOO"])
def test_metrics_are_answered_whatever_the_method(method: str) -> None:
    found = answer(method, "/metrics?x")
    assert (found.status, found.headers) == (200, (*CORS, TEXT, CHUNKED))
    assert found.body.startswith(b"# HELP etcd_cluster_version ")


def test_the_head_of_metrics_says_no_length() -> None:
    assert answer("HEAD", "/metrics") == HttpResponse(200, (*CORS, TEXT))


def test_metrics_are_compressed_for_who_wants_that() -> None:
    found = answer("GET", "/metrics", ("Accept-Encoding", "deflate, gzip"))
    assert found.headers == (*CORS, ("Content-Encoding", "gzip"), TEXT, CHUNKED)
    assert gzip.decompress(found.body).startswith(b"# HELP etcd_cluster_version ")


def test_servers_have_numbers_of_their_own() -> None:
    first, second = Node(), Node()
    first.store.put(b"a", b"1")
    assert b"\netcd_mvcc_put_total 1.0\n" in metrics.text(first)
    assert b"\netcd_mvcc_put_total 0.0\n" in metrics.text(second)


def test_going_back_takes_nothing_back() -> None:
    node = Node()
    before = node.snapshot()
    node.store.put(b"a", b"1")
    node.restore(before)
    page = metrics.text(node)
    assert b"\netcd_mvcc_put_total 1.0\n" in page
    assert b"\netcd_debugging_mvcc_keys_total 0.0\n" in page


@pytest.mark.parametrize(
    ("target", "reads"),
    [
        ("/health", 1),
        ("/health?serializable=true", 1),
        ("/livez", 1),
        ("/readyz", 2),
        ("/readyz?exclude=linearizable_read", 1),
        ("/readyz/non_learner", 0),
        ("/version", 0),
    ],
)
def test_pages_read_as_often_as_those_of_etcd(target: str, reads: int) -> None:
    node = Node()
    assert handle(node, HttpRequest("GET", target)).status == 200
    assert f"\netcd_mvcc_range_total {reads}.0\n".encode() in metrics.text(node)


_PUT_OP = m.RequestOp(request_put=m.PutRequest(key=b"a"))
_PUT_B_OP = m.RequestOp(request_put=m.PutRequest(key=b"b"))
_GET_OP = m.RequestOp(request_range=m.RangeRequest(key=b"a"))
_KEEP_OP = m.RequestOp(request_put=m.PutRequest(key=b"a", ignore_value=True))
_PREVIOUS_OP = m.RequestOp(request_put=m.PutRequest(key=b"a", prev_kv=True))
_LEASED_OP = m.RequestOp(request_put=m.PutRequest(key=b"a", lease=7))
_LIVES = m.Compare(key=b"a", target=m.Compare.VERSION, version=0, result=m.Compare.GREATER)


@pytest.mark.parametrize(
    ("name", "request_", "counted"),
    [
        ("Range", m.RangeRequest(key=b"a"), (1, 0, 0, 0)),
        ("Put", m.PutRequest(key=b"a", prev_kv=True), (1, 1, 0, 1)),
        ("Put", m.PutRequest(key=b"x", ignore_value=True), (1, 0, 0, 0)),
        ("DeleteRange", m.DeleteRangeRequest(key=b"a"), (0, 0, 1, 0)),
        ("DeleteRange", m.DeleteRangeRequest(key=b"a", prev_kv=True), (1, 0, 1, 1)),
        ("Compact", m.CompactionRequest(revision=2), (1, 0, 0, 0)),
        ("Txn", m.TxnRequest(compare=[_LIVES], success=[_PUT_OP]), (1, 1, 0, 0)),
        ("Txn", m.TxnRequest(compare=[_LIVES, _LIVES], success=[_PUT_OP]), (2, 1, 0, 1)),
        ("Txn", m.TxnRequest(compare=[_LIVES, _LIVES]), (2, 0, 0, 1)),
        ("Txn", m.TxnRequest(compare=[_LIVES], success=[_GET_OP]), (2, 0, 0, 1)),
        ("Txn", m.TxnRequest(success=[_PUT_OP, _PUT_B_OP]), (0, 2, 0, 1)),
        ("Txn", m.TxnRequest(compare=[_LIVES], success=[_KEEP_OP]), (3, 1, 0, 2)),
        ("Txn", m.TxnRequest(success=[_PREVIOUS_OP]), (2, 1, 0, 1)),
        ("Txn", m.TxnRequest(compare=[_LIVES, _LIVES], success=[_LEASED_OP]), (2, 0, 0, 1)),
    ],
)
def test_operations_count_as_etcd_counts_them(
    name: str, request_: Message, counted: tuple[int, int, int, int]
) -> None:
    """Reads, puts, deletions, and transactions of the store's that are more than one of these."""
    handlers = Handlers(Node())
    handlers.call("Put", m.PutRequest(key=b"a"))
    store = handlers.node.store
    store.ranges = store.puts = store.deletes = store.txns = 0
    with suppress(errors.EtcdError):
        if name == "Compact":
            handlers.open(name, request_, MemorySink())
        else:
            handlers.call(name, request_)
    assert (store.ranges, store.puts, store.deletes, store.txns) == counted


def test_versions_that_the_cluster_was_of_stay_on_the_page() -> None:
    clock = VirtualClock()
    node = Node(clock=clock)
    clock.attach(node)

    def versions() -> list[str]:
        lines = metrics.text(node).decode().splitlines()
        return [line for line in lines if line.startswith("etcd_cluster_version")]

    assert versions() == ['etcd_cluster_version{cluster_version="3.7"} 1.0']
    node.versions.enable(parsed("3.6"))
    clock.advance(5)
    assert versions() == [
        'etcd_cluster_version{cluster_version="3.6"} 1.0',
        'etcd_cluster_version{cluster_version="3.7"} 0.0',
    ]
    node.versions.cancel()
    clock.advance(5)
    assert versions() == [
        'etcd_cluster_version{cluster_version="3.6"} 0.0',
        'etcd_cluster_version{cluster_version="3.7"} 1.0',
    ]


def test_good_and_bad_answers_of_health_are_counted() -> None:
    node = Node()
    node.alarms.activate(Alarm(NOSPACE, 5))
    for target in ("/health", "/health", "/health?exclude=NOSPACE"):
        handle(node, HttpRequest("GET", target))
    page = metrics.text(node)
    assert b"\netcd_server_health_failures 2.0\n" in page
    assert b"\netcd_server_health_success 1.0\n" in page
    assert b"\netcd_mvcc_range_total 1.0\n" in page


def test_an_error_counts_as_the_message_of_a_call_that_has_one() -> None:
    node = Node()
    lock = registry.endpoints(node)[LOCK].stream
    assert lock is not None
    with pytest.raises(StatusError):
        lock(Call(METHODS[LOCK]), MemorySink()).message(m.LockRequest(name=b"l", lease=7))
    labels = b'{grpc_method="Lock",grpc_service="v3lockpb.Lock",grpc_type="unary"}'
    assert b"\ngrpc_server_msg_sent_total" + labels + b" 1.0\n" in metrics.text(node)


def samples(node: Node, method: str) -> dict[str, float]:
    """Those of the time that calls of a method took."""
    found = {}
    for line in metrics.text(node).decode().splitlines():
        if line.startswith(f"{metrics.TIMES}_") and f'grpc_method="{method}"' in line:
            name, _, value = line.rpartition(" ")
            bound = name.partition('le="')[2].partition('"')[0]
            found[bound or name.partition("{")[0].rpartition("_")[2]] = float(value)
    return found


def test_extensive_metrics_time_calls() -> None:
    clock = VirtualClock()
    node = Node(NodeConfig(extensive_metrics=True), clock)
    clock.attach(node)
    endpoints = registry.endpoints(node)
    put, lock = endpoints[PUT].unary, endpoints[LOCK].stream
    assert put is not None
    assert lock is not None
    put(m.PutRequest(key=b"l/x"), Call(METHODS[PUT]))
    with pytest.raises(EMPTY_KEY):
        put(m.PutRequest(), Call(METHODS[PUT]))
    node.lessor.grant(7, 60, 0.0)
    waiting = lock(Call(METHODS[LOCK]), MemorySink())
    waiting.message(m.LockRequest(name=b"l", lease=7))
    clock.advance(3)
    node.store.delete_range(b"l/x", None)
    bounds = [
        *(f"{bound:g}" for bound in (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
    ]
    assert samples(node, "Put") == {**dict.fromkeys([*bounds, "+Inf"], 2), "count": 2, "sum": 0}
    assert samples(node, "Lock") == {
        **dict.fromkeys(bounds[:9], 0),
        **dict.fromkeys([*bounds[9:], "+Inf"], 1),
        "count": 1,
        "sum": 3,
    }


def test_basic_metrics_time_nothing() -> None:
    node = Node()
    registry.endpoints(node)
    assert samples(node, "Put") == {}


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("a", [""]),
        ("a=1&b=2&a=3", ["1", "3"]),
        ("%61=%31", ["1"]),
        ("a=+%2B", [" +"]),
        ("a=%zz&a=%1&a=1;2&;a&a=4", ["4"]),
        ("", []),
        ("=a", []),
    ],
)
def test_a_query_is_read_as_go_reads_it(query: str, values: list[str]) -> None:
    assert query_values(f"/health?{query}", "a") == values
