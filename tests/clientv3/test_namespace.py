"""A namespace is a store of its own: any program gets the same answers in it, but for revisions'
headers, and leaves all other keys alone."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fake_etcd import clientv3
from fake_etcd.clientv3 import compare, op_delete, op_get, op_put, op_txn, rpctypes, value
from fake_etcd.clientv3.responses import GetResponse, KeyValue
from fake_etcd.testing import FakeEtcd
from tests.clientv3.faces import Face

KEYS = st.sampled_from([b"a", b"ab", b"b", b"\xff", b"a\xff"])
RANGES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.just({"prefix": True}),
    st.just({"from_key": True}),
    KEYS.map(lambda end: {"range_end": end}),
)
PLAIN = st.one_of(
    st.builds(lambda key, value: op_put(key, value, prev_kv=True), KEYS, st.binary(max_size=2)),
    st.builds(lambda key, ranged: op_get(key, **ranged), KEYS, RANGES),
    st.builds(lambda key, ranged: op_delete(key, prev_kv=True, **ranged), KEYS, RANGES),
)
GETS = st.builds(lambda key, ranged: op_get(key, **ranged), KEYS, RANGES)
COMPARES = st.builds(
    lambda key, ranged, operand: compare(value(key), "=", operand).with_range(ranged),
    KEYS,
    st.sampled_from([b"", b"b", b"\0"]),
    st.binary(max_size=2),
)
OPS = st.one_of(
    PLAIN, st.builds(lambda c, t, e: op_txn([c], t, [e]), COMPARES, st.lists(GETS), GETS)
)


def _since(revision: int, answer: Any) -> Any:
    """An answer whose revisions count from one of the store's: real etcd's go on where ours begin
    anew."""
    if isinstance(answer, tuple):
        return tuple(_since(revision, item) for item in answer)
    if not is_dataclass(answer) or isinstance(answer, type):
        return answer
    return replace(
        answer,
        **{
            each.name: found and found - revision
            if each.name.endswith("revision")
            else _since(revision, found)
            for each in fields(answer)
            for found in [getattr(answer, each.name)]
        },
    )


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(OPS, max_size=8), st.sampled_from([b"app/", b"\xff", b"a"]))
def test_a_program_gets_the_answers_of_a_store_of_its_own(
    fake_etcd: FakeEtcd, program: list[Any], prefix: bytes
) -> None:
    answers = []
    for is_inside in (False, True):
        fake_etcd.reset()
        with clientv3.Client(
            clientv3.Config(endpoints=["in process"], dial=lambda _: fake_etcd.channel())
        ) as cli:
            kv = clientv3.namespace.NamespaceKV(cli, prefix) if is_inside else cli
            empty = cli.get("a").header.revision
            answers.append([_since(empty, kv.do(op)) for op in program])
            if is_inside:
                assert all(kv.key.startswith(prefix) for kv in cli.get("", prefix=True).kvs)
    assert answers[0] == answers[1]


@pytest.fixture
def app(face: Face, cli: Any) -> Any:
    return face.make(face.module("namespace").NamespaceKV, cli, "app/")


def test_keys_have_the_prefix_outside_only(app: Any, cli: Any) -> None:
    made = app.put("k", "v").header.revision
    pair = KeyValue(b"k", b"v", made, made, 1)
    assert app.get("k").kvs == (pair,)
    assert cli.get("app/k").kvs == (replace(pair, key=b"app/k"),)
    assert cli.get("k").kvs == ()


@pytest.mark.usefixtures("range_stream")
def test_parts_of_a_get_have_no_prefix_either(app: Any) -> None:
    app.put("k", "v")
    assert GetResponse.joined(list(app.get_stream("k"))) == app.get("k")


def test_a_client_can_live_in_a_namespace(new_client: Any, cli: Any) -> None:
    inside = new_client(namespace="app/")
    inside.put("k", "v")
    assert [kv.key for kv in inside.get("", prefix=True).kvs] == [b"k"]
    assert [kv.key for kv in cli.get("", prefix=True).kvs] == [b"app/k"]


def test_the_prefix_itself_is_no_key_of_it(app: Any) -> None:
    for call in (partial(app.put, "", "v"), partial(app.get, ""), partial(app.delete, "")):
        with pytest.raises(rpctypes.ErrEmptyKey):
            call()


def test_a_watch_in_a_namespace_is_told_of_its_keys_alone(
    face: Face, cli: Any, new_client: Any
) -> None:
    inside = face.make(face.module("namespace").NamespaceWatches, cli, "app/")
    deeper = face.make(face.module("namespace").NamespaceWatches, inside, "a/")
    configured = new_client(namespace="app/")
    watchers = [
        inside.watch("", from_key=True, prev_kv=True),
        configured.watch("", prefix=True, prev_kv=True),
        deeper.watch("1", prev_kv=True),
    ]
    inside.request_progress()
    assert next(watchers[0]).is_progress_notify
    assert next(watchers[2]).is_progress_notify
    for key in ("app/a/1", "app/b", "app0", "other", "app/a/1"):
        cli.put(key, key)
    all_keys = [(b"a/1", None), (b"b", None), (b"a/1", b"a/1")]
    its_keys = [(b"1", None), (b"1", b"1")]
    for watcher, expected in zip(watchers, [all_keys, all_keys, its_keys], strict=True):
        events = watcher.events()
        seen = [next(events) for _ in expected]
        assert [(event.kv.key, event.prev_kv and event.prev_kv.key) for event in seen] == expected
