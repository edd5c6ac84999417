"""Gets that are answered from a cache tell what there is, and nobody waits for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from fake_etcd.clientv3 import (
    StatusError,
    compare,
    context,
    create_revision,
    lease_value,
    mod_revision,
    op_delete,
    op_get,
    op_put,
    op_txn,
    rpctypes,
    value,
    version,
)
from fake_etcd.clientv3.core import leasing_cache
from fake_etcd.clientv3.responses import GetResponse, ResponseHeader
from fake_etcd.testing import FakeEtcd
from tests.clientv3.faces import Face

PREFIX = "leases/"


@pytest.fixture
def new_leasing(face: Face, cli: Any) -> Iterator[Callable[..., Any]]:
    """Makes LeasingKVs, which are closed behind the test."""
    with ExitStack() as made:

        def make(client: Any = cli, **options: Any) -> Any:
            kv = face.make(face.module("leasing").LeasingKV, client, PREFIX, **options)
            if face.is_asyncio:
                kv.start()
            made.callback(kv.close)
            return kv

        yield make


@pytest.fixture
def kv(new_leasing: Callable[..., Any]) -> Any:
    return new_leasing()


def without_header(answer: GetResponse) -> GetResponse:
    return replace(answer, header=ResponseHeader())


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.001)


def calls(etcd: FakeEtcd) -> list[str]:
    return [call.method for call in etcd.history if call.method in ("Range", "Txn", "Put")]


def test_a_get_is_answered_without_a_call_until_another_writes(
    kv: Any, new_leasing: Callable[..., Any], cli: Any
) -> None:
    other = new_leasing()
    cli.put("k", "1")
    assert kv.get("k").kvs == cli.get("k").kvs
    assert kv.held_keys == {b"k"}
    lease_key = cli.get(f"{PREFIX}k").kvs[0]
    assert (lease_key.value, lease_key.lease, lease_key.version) == (b"", kv.lease, 1)
    other.put("k", "2")
    assert (kv.held_keys, cli.get(f"{PREFIX}k").kvs) == (frozenset(), ())
    assert kv.get("k").kvs == cli.get("k").kvs
    assert kv.held_keys == frozenset()  # for a while


def test_what_is_cached_takes_no_calls(kv: Any, fake_etcd: FakeEtcd) -> None:
    kv.get("k")
    made = kv.put("k", "1").header
    kv.get("absent")
    before = calls(fake_etcd)
    told = kv.get("k")
    assert (told.header, told.count, told.kvs[0].value) == (made, 1, b"1")
    assert kv.get("k", serializable=True) == told
    assert kv.get("k", keys_only=True).kvs == (replace(told.kvs[0], value=b""),)
    assert kv.get("absent").kvs == ()
    kv.txn().if_(compare(value("k"), "=", "1")).then(op_get("k")).commit()
    assert calls(fake_etcd) == before


def all_options(created: int) -> list[dict[str, Any]]:
    """Options of gets of a key that was made at a revision, and changed at the next."""
    revisions = range(created - 1, created + 3)
    names = ("min_mod_rev", "max_mod_rev", "min_create_rev", "max_create_rev")
    return [
        {},
        {"keys_only": True},
        {"count_only": True},
        {"limit": 1},
        {"serializable": True},
        {"sort": (0, 2)},
        *({name: rev} for name in names for rev in revisions),
        {"rev": created},
        {"prefix": True},
        {"last_rev": True},
        {"from_key": True, "keys_only": True},
    ]


@pytest.mark.parametrize("key", ["k", "absent"])
def test_options_of_gets_mean_what_they_mean(kv: Any, cli: Any, key: str) -> None:
    created = cli.put("k", "1").header.revision
    cli.put("k", "2")
    for options in all_options(created):
        expected = without_header(cli.get(key, **options))
        for _ in range(2):
            assert without_header(kv.get(key, **options)) == expected, options
    assert kv.held_keys == {key.encode()}


def test_answers_to_writes_are_those_of_a_client(kv: Any, cli: Any) -> None:
    for is_held in (False, True):
        if is_held:
            kv.get("k")
        first = kv.put("k", "1")
        assert first == replace(first, header=cli.get("k").header, prev_kv=None)
        pair = cli.get("k").kvs[0]
        assert pair.version == 1
        assert kv.put("k", "2", prev_kv=True).prev_kv == pair
        kv.put("k", "", ignore_value=True)
        assert kv.get("k").kvs == cli.get("k").kvs
        pair = cli.get("k").kvs[0]
        gone = kv.delete("k", prev_kv=True)
        assert (gone.deleted, gone.prev_kvs, gone.header) == (1, (pair,), cli.get("k").header)
        assert kv.get("k").kvs == ()
        kv.put("k", "3")
        assert kv.delete("", prefix=True, prev_kv=True).prev_kvs[0].key == b"k"
        assert kv.get("k").kvs == cli.get("k").kvs == ()


def test_a_range_is_deleted_for_all(kv: Any, new_leasing: Callable[..., Any], cli: Any) -> None:
    other = new_leasing()
    for key in ("a", "b", "c"):
        cli.put(key, "")
        (kv if key == "b" else other).get(key)
    assert kv.delete("a", range_end="c").deleted == 2
    assert (kv.held_keys, other.held_keys) == ({b"b"}, {b"c"})
    assert [each.get(key).kvs for key in ("a", "b") for each in (kv, other)] == [()] * 4
    assert kv.delete("b", from_key=True).deleted >= 1
    assert (other.held_keys, other.get("c").kvs, kv.get("b").kvs) == (frozenset(), (), ())


COMPARES = [
    compare(target(key), result, operand)
    for key in ("k", "absent")
    for target, operands in (
        (version, (0, 1, 2)),
        (create_revision, (0, 1 << 40)),
        (mod_revision, (0, 1 << 40)),
        (lease_value, (0, 1)),
        (value, ("", "1", "2")),
    )
    for operand in operands
    for result in ("=", "!=", "<", ">")
]


def test_transactions_that_only_read_are_answered_as_by_a_server(
    kv: Any, cli: Any, fake_etcd: FakeEtcd
) -> None:
    cli.put("k", "1")
    kv.get("k")
    kv.get("absent")
    expected = [
        cli.txn().if_(cmp).then(op_get("k")).else_(op_get("absent")).commit() for cmp in COMPARES
    ]
    before = calls(fake_etcd)
    told = [
        kv.txn().if_(cmp).then(op_get("k")).else_(op_get("absent")).commit() for cmp in COMPARES
    ]
    assert calls(fake_etcd) == before
    for cmp, ours, theirs in zip(COMPARES, told, expected, strict=True):
        assert ours.succeeded == theirs.succeeded, cmp
        assert [each.kvs for each in ours.responses] == [each.kvs for each in theirs.responses]


def test_a_transaction_is_told_to_the_cache(
    kv: Any, new_leasing: Callable[..., Any], cli: Any
) -> None:
    other = new_leasing()
    for key in ("a", "b", "c", "d"):
        cli.put(key, "old")
        (other if key == "d" else kv).get(key)
    inner = op_txn([compare(value("a"), "=", "no")], [op_delete("b")], [op_put("c", "new")])
    told = (
        kv.txn()
        .if_(compare(version("a"), "=", 1))
        .then(op_put("a", "new"), inner, op_delete("d", prev_kv=True))
    )
    answer = told.commit()
    assert answer.succeeded
    assert answer.header.revision == cli.get("a").kvs[0].mod_revision
    assert answer.responses[2].prev_kvs[0].value == b"old"
    assert (kv.held_keys, other.held_keys) == ({b"a", b"b", b"c"}, frozenset())
    for key in ("a", "b", "c", "d"):
        assert kv.get(key).kvs == other.get(key).kvs == cli.get(key).kvs
    missed = kv.txn().if_(compare(version("a"), "=", 1)).then(op_put("a", "never")).commit()
    assert (missed.succeeded, missed.responses) == (False, ())
    assert kv.get("a").kvs == cli.get("a").kvs


def test_what_ends_with_a_lease_is_not_cached(kv: Any, cli: Any) -> None:
    lease = cli.grant(60).id
    kv.get("k")
    kv.put("k", "1", lease=lease)
    assert kv.held_keys == frozenset()
    assert kv.get("k").kvs[0].lease == lease
    kv.put("other", "1", lease=lease)
    assert kv.get("other").kvs[0].lease == lease
    assert kv.held_keys == frozenset()
    cli.revoke(lease)
    assert kv.get("k").kvs == kv.get("other").kvs == ()


def test_errors_are_those_of_a_client(kv: Any) -> None:
    for call in (kv.get, kv.delete, lambda key: kv.put(key, "")):
        with pytest.raises(rpctypes.ErrEmptyKey):
            call("")
    kv.get("k")
    with pytest.raises(rpctypes.ErrKeyNotFound):
        kv.put("k", "", ignore_value=True)
    with pytest.raises(rpctypes.ErrLeaseNotFound):
        kv.put("k", "", lease=404)
    with pytest.raises(rpctypes.ErrDuplicateKey):
        kv.txn().then(op_put("k", "1"), op_put("k", "2")).commit()
    refused = kv.txn().then(op_get("k")).else_(op_put("k", "1"), op_put("k", "2"))
    with pytest.raises(rpctypes.ErrDuplicateKey):
        refused.commit()
    assert kv.get("k").kvs == ()
    with pytest.raises(StatusError) as refused:
        list(kv.get_stream("k"))
    assert str(refused.value) == (
        "rpc error: code = Unimplemented desc = GetStream is not supported by leasingKV"
    )


def test_who_waits_for_an_owner_that_is_away_waits_for_as_long_as_he_wants(
    kv: Any, cli: Any
) -> None:
    cli.put(f"{PREFIX}k", "", lease=cli.grant(60, id=7).id)
    for write in (partial(kv.put, "k", "1"), partial(kv.delete, "k", prefix=True)):
        with pytest.raises(context.DeadlineExceeded):
            write(timeout=0.5)
    assert cli.get(f"{PREFIX}k").kvs[0].value == b"REVOKE"
    threading.Timer(0.05, cli.revoke, (7,)).start()
    kv.put("k", "1")
    assert cli.get("k").kvs[0].version == 1


def test_a_context_that_has_ended_is_heeded(kv: Any) -> None:
    ctx, cancel = context.with_cancel(context.background())
    kv.get("k")
    cancel()
    for call in (partial(kv.get, "k", ctx=ctx), partial(kv.put, "k", "", ctx=ctx)):
        with pytest.raises(context.Canceled):
            call()


def test_closing_gives_all_up(kv: Any, cli: Any) -> None:
    kv.get("k")
    kv.close()
    kv.close()
    assert (cli.leases().leases, cli.get(PREFIX, prefix=True).kvs) == ((), ())
    kv.put("k", "1")
    assert kv.get("k").kvs == cli.get("k").kvs
    assert (kv.held_keys, kv.lease) == (frozenset(), 0)


def test_a_lost_session_empties_the_cache_and_another_begins(
    new_leasing: Callable[..., Any], cli: Any
) -> None:
    kv = new_leasing(ttl=1)
    kv.get("k")
    lost = kv.lease
    cli.revoke(lost)
    until(lambda: not kv.held_keys)
    cli.put("k", "1")
    assert kv.get("k").kvs == cli.get("k").kvs
    until(lambda: kv.lease not in (0, lost))
    kv.get("other")
    assert kv.held_keys == {b"other"}
    assert cli.get(f"{PREFIX}other").kvs[0].lease == kv.lease


def test_what_a_session_held_is_not_held_by_the_next(face: Face, kv: Any) -> None:
    kv.get("k")
    lost = kv.lease
    (kv if face.is_asyncio else kv._core)._session.orphan()
    until(lambda: kv.lease not in (0, lost))
    assert kv.held_keys == frozenset()


def test_a_key_that_is_given_up_is_not_acquired_until_it_is_released(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leasing_cache, "BACK_OFF", -1.0)
    cache = leasing_cache.Cache(b"~", lambda: 0.0)
    acquisition = cache.acquire(b"k")
    assert acquisition is not None
    cache.acquired(acquisition, GetResponse(ResponseHeader(revision=2)))
    assert cache.failed(cache.write([op_put("k", "1")])) == [b"k"]
    assert cache.acquire(b"k") is None
    cache.released(b"k")
    assert cache.acquire(b"k") is not None


def test_a_lease_key_that_somebody_deletes_is_lost(kv: Any, cli: Any) -> None:
    kv.get("k")
    cli.delete(f"{PREFIX}k")
    until(lambda: not kv.held_keys)
    cli.put("k", "1")
    assert kv.get("k").kvs == cli.get("k").kvs


def test_a_prefix_is_needed(face: Face, cli: Any) -> None:
    with pytest.raises(ValueError, match="lease keys need a prefix"):
        face.make(face.module("leasing").LeasingKV, cli, "")


def test_within_a_namespace_all_keys_are_in_it(new_client: Any, cli: Any, face: Face) -> None:
    inside = new_client(namespace="app/")
    kv = face.make(face.module("leasing").LeasingKV, inside, PREFIX)
    with kv:
        kv.put("k", "1")
        kv.get("k")
        assert kv.held_keys == {b"k"}
        keys = {pair.key for pair in cli.get("", prefix=True).kvs}
        assert keys == {b"app/k", b"app/leases/k"}
