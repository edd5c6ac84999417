"""Which requests rules are about, and when they act."""

from __future__ import annotations

import doctest
import re
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS, Kind
from fake_etcd.services.call import Call
from fake_etcd.testing import FakeEtcd, faults, on
from fake_etcd.testing.faults import rules, spans
from fake_etcd.testing.faults.spans import Span
from tests.testing.stubs import stub


@pytest.fixture
def etcd() -> Iterator[FakeEtcd]:
    with FakeEtcd(endpoints=2) as made:
        yield made


@pytest.mark.parametrize("module", [rules, spans])
def test_the_examples_run(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]  # both are modules


# What a request is about, beside a matcher that looks at every key

LETTERS = (b"", b"a", b"b", b"\xff")
KEYS = sorted({one + two for one in LETTERS for two in LETTERS} | {b"\0", b"a\0", b"b\0"})
"""All keys that rules and requests here name, so that two ranges that meet have one of them in
common: the larger of their beginnings."""

a_key = st.sampled_from([key for key in KEYS if key])
a_range_end = st.sampled_from([b"", b"", b"\0", b"a", b"b", b"b\xff", b"\xff\xff"])


def of_range(key: bytes, range_end: bytes) -> set[bytes]:
    if not range_end:
        return {key}
    return {one for one in KEYS if one >= key and (range_end == b"\0" or one < range_end)}


Told = tuple[Any, str, set[bytes]]
"""A request, its method, and the keys of `KEYS` that it is about."""


@st.composite
def ranges(draw: st.DrawFn) -> Told:
    request, name = draw(
        st.sampled_from(
            [
                (m.RangeRequest, "KV/Range"),
                (m.RangeRequest, "KV/RangeStream"),
                (m.DeleteRangeRequest, "KV/DeleteRange"),
            ]
        )
    )
    key, end = draw(a_key), draw(a_range_end)
    return request(key=key, range_end=end), name, of_range(key, end)


@st.composite
def puts(draw: st.DrawFn) -> Told:
    key = draw(a_key)
    return m.PutRequest(key=key, value=b"a"), "KV/Put", {key}


@st.composite
def watches(draw: st.DrawFn) -> Told:
    key, end = draw(a_key), draw(a_range_end)
    create = m.WatchCreateRequest(key=key, range_end=end)
    if draw(st.booleans()):
        return m.WatchRequest(create_request=create), "Watch/Watch", of_range(key, end)
    cancel = m.WatchCancelRequest(watch_id=1)
    return m.WatchRequest(cancel_request=cancel), "Watch/Watch", set()


ARM = {
    m.RangeRequest: "request_range",
    m.PutRequest: "request_put",
    m.DeleteRangeRequest: "request_delete_range",
    m.TxnRequest: "request_txn",
}


@st.composite
def txns(draw: st.DrawFn, depth: int = 1) -> Told:
    request = m.TxnRequest(compare=[m.Compare(key=b"a")])
    keys: set[bytes] = set()
    inner = ranges() | puts()
    if depth:
        inner |= txns(depth - 1)
    for branch in (request.success, request.failure):
        for operation, _, its_keys in draw(st.lists(inner, max_size=2)):
            branch.add(**{ARM[type(operation)]: operation})
            keys |= its_keys
    return request, "KV/Txn", keys


@st.composite
def others(draw: st.DrawFn) -> Told:
    request, name = draw(
        st.sampled_from(
            [
                (m.LeaseGrantRequest(ID=7), "Lease/LeaseGrant"),
                (m.LeaseKeepAliveRequest(ID=7), "Lease/LeaseKeepAlive"),
                (m.CompactionRequest(revision=7), "KV/Compact"),
            ]
        )
    )
    return request, name, set()


@st.composite
def filters(draw: st.DrawFn) -> tuple[dict[str, Any], set[bytes]]:
    kind = draw(st.sampled_from(["all", "key", "prefix", "range"]))
    key = draw(a_key)
    if kind == "all":
        return {}, {*KEYS, b"all"}
    if kind == "key":
        return {"key": key}, {key}
    if kind == "prefix":
        return {"prefix": key}, {one for one in KEYS if one.startswith(key)}
    end = draw(st.none() | a_key)
    found = {one for one in KEYS if one >= key and (end is None or one < end)}
    return {"range": (key, end)}, found


@given(ranges() | puts() | watches() | txns() | others(), filters(), st.data())
def test_a_rule_is_about_the_requests_that_a_naive_matcher_finds(
    told: Told, wanted: tuple[dict[str, Any], set[bytes]], data: st.DataObject
) -> None:
    request, name, keys = told
    arguments, found = wanted
    path = f"/etcdserverpb.{name}"
    service, _, method = name.partition("/")
    makers: list[tuple[Callable[..., on.OnCall], bool]] = [
        (on.any, True),
        (getattr(on, method), True),
        (lambda **which: on.method(name, **which), True),
        (lambda **which: on.Service(service, **which), True),
        (lambda **which: on.Service("Cluster", **which), False),
        (on.MemberList, False),
    ]
    make, is_its_method = data.draw(st.sampled_from(makers))
    expected = is_its_method and ("all" in {*map(_text, found)} or bool(keys & found))
    assert make(**arguments).matches(Call(METHODS[path]), request) is expected


def _text(key: bytes) -> str:
    return key.decode("latin-1")


@given(a_key, a_key)
def test_text_means_its_utf_8(one: bytes, other: bytes) -> None:
    text = "ä" + one.decode("latin-1")
    assert Span.of_key(text) == Span.of_key(text.encode())
    assert Span.of_prefix(text).meets(Span.of_key(text.encode() + other))


# Methods


def test_every_row_of_the_method_table_is_there() -> None:
    for path, row in METHODS.items():
        assert on.method(path[1:]).paths == {path}
        if path != "/grpc.health.v1.Health/Watch":
            assert getattr(on, row.name)().paths == {path}
            assert row.name in dir(on)
    assert on.Service("Health").paths == {
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/List",
        "/grpc.health.v1.Health/Watch",
    }
    assert on.any().paths == set(METHODS)


@pytest.mark.parametrize(
    ("ask", "error", "complaint"),
    [
        (lambda: on.Putt, AttributeError, "on.Putt: etcd has no such method; there .* Put"),
        (lambda: on.Service("KVs"), ValueError, "there is KV|there are .*KV"),
        (lambda: on.method("KV/Putt"), ValueError, "there .* KV/Put"),
        (lambda: on.method("Watch"), ValueError, "is one of /etcdserverpb.Watch/Watch, /grpc"),
        (lambda: on.Put(key="a", prefix="b"), ValueError, "one of key=, prefix= and range="),
        (lambda: on.Service("KV", kye="a"), TypeError, "kye"),
    ],
)
def test_what_is_not_there_is_answered_by_what_is(
    ask: Callable[[], object], error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        ask()


# Clients


class Connection:
    def __init__(self, peer: str, endpoint: int) -> None:
        self.peer = peer
        self.endpoint = endpoint
        self.common_name = None

    def cut(self) -> None:
        """Never called."""


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ({}, True),
        ({"endpoint": 1}, True),
        ({"endpoint": 0}, False),
        ({"peer": "127.0.0.1:51812"}, True),
        ({"peer": "127.0.0.1"}, True),
        ({"peer": "127.0.0.2"}, False),
        ({"peer": "127.0.0"}, False),
        ({"metadata": {"token": "x"}}, True),
        ({"metadata": {"token": "y"}}, False),
        ({"metadata": {"token": "x", "other": "x"}}, False),
        ({"endpoint": 1, "peer": "127.0.0.1", "metadata": {"token": "x"}, "key": "a"}, True),
        ({"endpoint": 1, "peer": "127.0.0.1", "metadata": {"token": "x"}, "key": "b"}, False),
    ],
)
def test_a_rule_is_about_some_clients(which: dict[str, Any], expected: bool) -> None:
    connection = Connection("127.0.0.1:51812", 1)
    method = METHODS["/etcdserverpb.KV/Put"]
    call = Call(method, [("a", "b"), ("token", "x")], None, connection)
    assert on.Put(**which).matches(call, m.PutRequest(key=b"a")) is expected


def test_an_endpoint_and_a_peer_are_what_a_client_comes_to_and_from(etcd: FakeEtcd) -> None:
    etcd.faults.add(on.Put(endpoint=1), faults.refuse("ABORTED", "endpoint"))
    etcd.faults.add(on.Put(peer="in-process"), faults.refuse("ABORTED", "in-process"))
    etcd.faults.add(on.Put(peer="127.0.0.1"), faults.refuse("ABORTED", "socket"))
    with (
        grpc.insecure_channel(etcd.endpoints[0]) as first,
        grpc.insecure_channel(etcd.endpoints[1]) as second,
    ):
        channels = [etcd.channel(0), etcd.channel(1), first, second]
        assert [outcome(channel) for channel in channels] == [
            "in-process",
            "endpoint",
            "socket",
            "endpoint",
        ]


def outcome(channel: grpc.Channel, key: bytes = b"a") -> str:
    """What a put ends with; empty where it goes well."""
    call = stub(channel, "KV/Put").future(m.PutRequest(key=key))
    return str(call.details())


# When rules act


def test_the_first_rule_that_is_about_a_request_acts_and_no_other(etcd: FakeEtcd) -> None:
    first = etcd.faults.add(on.Put(key="a"), faults.refuse("ABORTED", "1"), times=1)
    second = etcd.faults.add(on.any(), faults.refuse("ABORTED", "2"), times=2)
    third = etcd.faults.add(on.Put(), faults.refuse("ABORTED", "3"))
    channel = etcd.channel()
    told = [outcome(channel, key) for key in (b"b", b"a", b"a", b"a", b"b")]
    assert told == ["2", "1", "2", "3", "3"]
    assert [rule.acted for rule in (first, second, third)] == [1, 2, 2]
    etcd.faults.remove(third)
    assert outcome(channel) == ""


def milliseconds(least: int, most: int) -> st.SearchStrategy[float]:
    """In seconds; often the same ones."""
    return (st.sampled_from([least, most, 500, 1_000]) | st.integers(least, most)).map(
        lambda number: number / 1_000
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, b"a", b"b"]),
            st.none() | st.integers(1, 3),
            st.integers(0, 2),
            milliseconds(0, 3_000),
            st.none() | milliseconds(1, 4_000),
        ),
        max_size=4,
    ),
    st.lists(st.tuples(st.sampled_from([b"a", b"b"]), milliseconds(0, 1_000)), max_size=12),
)
def test_limits_act_as_in_a_naive_model(
    drawn: list[tuple[bytes | None, int | None, int, float, float | None]],
    steps: list[tuple[bytes, float]],
) -> None:
    with FakeEtcd() as etcd:
        etcd.clock.freeze()
        start = etcd.clock.now
        channel = etcd.channel()
        model = []
        for number, (key, times, skip, after, length) in enumerate(drawn):
            until = None if length is None else after + length
            effect = faults.refuse("ABORTED", str(number))
            limits: dict[str, Any] = {"times": times, "skip": skip, "after": after, "until": until}
            etcd.faults.add(on.Put(key=key), effect, **limits)
            model.append([key, times, skip, after, until])
        for key, seconds in steps:
            etcd.clock.advance(seconds)
            now = etcd.clock.now - start
            assert outcome(channel, key) == expected(model, key, now)


def expected(model: list[list[Any]], key: bytes, now: float) -> str:
    """What the rules of a model say; counts down what is left of them."""
    for number, rule in enumerate(model):
        its_key, times, skip, after, until = rule
        is_its_time = _reached(now, after) and (until is None or not _reached(now, until))
        if its_key in (None, key) and times != 0 and is_its_time:
            if skip:
                rule[2] -= 1
            else:
                rule[1] = None if times is None else times - 1
                return str(number)
    return ""


def _reached(now: float, time: float) -> bool:
    """Times are whole milliseconds, but for what the clock's beginning takes of a nanosecond."""
    return now >= time - 1e-6


def test_a_rule_acts_from_its_beginning_up_to_and_without_its_end(etcd: FakeEtcd) -> None:
    etcd.clock.freeze()
    etcd.faults.add(on.Put(), faults.refuse("ABORTED", "x"), after=1, until=2)
    told = []
    for _ in range(3):
        told.append(outcome(etcd.channel()))
        etcd.clock.advance(1)
    assert told == ["", "x", ""]


def test_what_is_likely_is_decided_by_the_seed() -> None:
    def told(seed: int, resets: int) -> list[str]:
        with FakeEtcd(random_seed=seed) as etcd:
            for _ in range(resets):
                etcd.faults.add(on.Put(), faults.refuse("ABORTED", "x"), probability=0.3)
                outcome(etcd.channel())
                etcd.reset()
            etcd.faults.add(on.Put(), faults.refuse("ABORTED", "x"), probability=0.3)
            channel = etcd.channel()
            return [outcome(channel) for _ in range(200)]

    assert told(1, 0) == told(1, 0) == told(1, 2) != told(2, 0)
    assert 30 < told(1, 0).count("x") < 90


@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        ({"times": 0}, "times=0: it would never act"),
        ({"skip": -1}, "skip=-1"),
        ({"probability": 0}, "probability=0"),
        ({"probability": 1.5}, "probability=1.5"),
        ({"after": -1}, "it would never act"),
        ({"after": 2, "until": 2}, "it would never act"),
    ],
)
def test_limits_that_make_no_sense_are_refused(
    etcd: FakeEtcd, limits: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        etcd.faults.add(on.Put(), faults.drop(), **limits)
    assert len(etcd.faults) == 0


@pytest.mark.parametrize(
    ("which", "effect", "complaint"),
    [
        (on.Put(), faults.deny_connections(), r"use on.connection"),
        (on.connection(), faults.drop(), r"only deny_connections\(\) is for connections"),
        (on.Put(), faults.lose_watch(), r"it is about watchers: on.Watch"),
        (on.any(), faults.compact_under_watcher(), r"it is about watchers: on.Watch"),
    ],
)
def test_effects_are_refused_where_they_are_nothing(
    etcd: FakeEtcd, which: Any, effect: Any, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        etcd.faults.add(which, effect)


@pytest.mark.parametrize(
    ("which", "effect", "complaint"),
    [
        (
            on.Put,
            faults.drop,
            "add(..., drop): say what happens by `faults`, such as faults.drop()",
        ),
        (
            "Put",
            faults.drop(),
            "add('Put', ...): say which calls by `on`, such as on.Put(key=\"a\")",
        ),
        (faults.drop, on.Put, "add(drop, ...): say which calls by `on`"),
    ],
)
def test_what_is_no_rule_is_refused(
    etcd: FakeEtcd, which: Any, effect: Any, complaint: str
) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(complaint)}"):
        etcd.faults.add(which, effect)
    assert len(etcd.faults) == 0


def test_what_needs_a_call_is_not_done_at_once(etcd: FakeEtcd) -> None:
    effect: Any = faults.expire_leases
    with pytest.raises(TypeError, match=r"^now\(expire_leases\): only expire_leases\(\), expire_t"):
        etcd.faults.now(effect)


def test_metadata_is_found_whatever_the_letters_of_its_name(etcd: FakeEtcd) -> None:
    rule = etcd.faults.add(on.Put(metadata={"Token": "X"}), faults.refuse("no leader"))
    put = stub(etcd.channel(), "KV/Put")
    put(m.PutRequest(key=b"a"), metadata=[("token", "x")])
    with pytest.raises(grpc.RpcError):
        put(m.PutRequest(key=b"a"), metadata=[("token", "X")])
    assert rule.acted == 1


def test_a_rule_that_is_not_there_cannot_be_removed(etcd: FakeEtcd) -> None:
    rule = etcd.faults.add(on.Put, faults.drop())
    etcd.faults.remove(rule)
    with pytest.raises(ValueError, match=r"there is no such rule: on Put\(\): drop"):
        etcd.faults.remove(rule)


def test_rules_are_described_a_line_each(etcd: FakeEtcd) -> None:
    etcd.clock.freeze()
    etcd.clock.advance(10 - etcd.clock.now)
    channel = etcd.channel()
    add = etcd.faults.add
    add(on.Put(key="a"), faults.refuse("no leader"), times=2, skip=1)
    add(on.Service("KV", prefix=b"b", endpoint=1), faults.delay(1.5, real=True), probability=0.5)
    add(on.any(range=("a", None), peer="x", metadata={"t": "1"}), faults.drop(), after=1, until=2)
    add(on.Watch(), faults.stall(3))
    add(on.Watch(), faults.lose_watch(2))
    add(on.Watch(), faults.cut(messages=2))
    add(on.Watch(), faults.cut(bytes=2))
    add(on.Txn(), faults.expire_leases(255, 1))
    add(on.connection(endpoint=0), faults.deny_connections())
    assert [outcome(channel), outcome(channel)] == ["", "etcdserver: no leader"]
    etcd.channel().close()
    no_leader = "refuse with UNAVAILABLE, 'etcdserver: no leader'"
    assert etcd.faults.describe().splitlines() == [
        f"1. on Put(key='a'): {no_leader} (times=2, skip=1); acted once",
        "2. on Service('KV', prefix=b'b', endpoint=1): delay by 1.5 s of real time"
        " (probability=0.5); acted 0 times",
        "3. on any(range=('a', None), peer='x', metadata={'t': '1'}): drop the request, cut the"
        " connection (from 11 s, until 12 s); acted 0 times",
        "4. on Watch(): stall for 3 s; acted 0 times",
        "5. on Watch(): lose events behind 2 answers with some, cut the connection (times=1);"
        " acted 0 times",
        "6. on Watch(): cut the connection after 2 answers; acted 0 times",
        "7. on Watch(): cut the connection after 2 bytes of answers; acted 0 times",
        "8. on Txn(): expire lease ff 1; acted 0 times",
        "9. on connection(endpoint=0): deny it; acted once",
    ]


@pytest.mark.parametrize("row", METHODS.values(), ids=list(METHODS))
def test_every_method_that_is_served_can_be_refused(etcd: FakeEtcd, row: Any) -> None:
    etcd.faults.add(on.method(row.path[1:]), faults.refuse("no leader"))
    kinds = {Kind.UNARY: "unary_unary", Kind.SERVER_STREAM: "unary_stream"}
    make = getattr(etcd.channel(), kinds.get(row.kind, "stream_stream"))
    method = make(row.path, row.request.SerializeToString, row.response.FromString)
    begin = method.future if row.kind is Kind.UNARY else method
    call = begin(iter([row.request()]) if row.kind is Kind.BIDI else row.request())
    assert call.details() == "etcdserver: no leader"
