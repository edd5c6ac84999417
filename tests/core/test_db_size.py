"""The model of a database's size, against what etcd 3.7.3 reported after the same puts."""

from __future__ import annotations

import pytest

from fake_etcd.core.alarm import NOSPACE, Alarm
from fake_etcd.core.auth.permissions import READWRITE, Permission
from fake_etcd.core.db_size import PAGE_BYTES, DbSize
from fake_etcd.core.mvcc.store import Store
from fake_etcd.core.node import Node, NodeConfig


def _pages(store: Store) -> int:
    return DbSize(store).sizes()[1] // PAGE_BYTES


@pytest.mark.parametrize(
    ("puts", "value_bytes", "reported", "within"),
    [
        (10, 10, 5, 1),
        (100, 10, 8, 1),
        (1_000, 10, 29, 6),
        (1_000, 100, 51, 2),
        (1_000, 1_000, 345, 4),
        (1_000, 5_000, 1_516, 10),
        (10_000, 100, 455, 13),
        (100, 100_000, 2_457, 5),
    ],
)
def test_pages_in_use_are_about_those_of_etcd(
    puts: int, value_bytes: int, reported: int, within: int
) -> None:
    store = Store()
    for number in range(puts):
        store.put(b"k%08d" % number, b"v" * value_bytes)
    assert abs(_pages(store) - reported) <= within


def test_a_new_file_has_seven_pages() -> None:
    assert DbSize(Store()).sizes() == (28_672, 20_480)


def test_compaction_frees_pages_and_leaves_the_file_as_large() -> None:
    node = Node()
    for number in range(1_000):
        node.store.put(b"k", b"%1000d" % number)
    grown, in_use = node.db_size.sizes()
    assert grown == in_use
    node.compact(node.store.current_revision)
    while node.store.compaction_pending:
        node.run_due(0.0)
    assert node.db_size.sizes() == (grown, 6 * PAGE_BYTES)


def test_compaction_is_seen_though_nobody_asked_before() -> None:
    node = Node()
    for number in range(1_000):
        node.store.put(b"k", b"%1000d" % number)
    node.compact(node.store.current_revision)
    node.run_due(0.0)
    assert node.db_size.sizes()[0] == 342 * PAGE_BYTES


def test_what_is_restored_has_its_size_again() -> None:
    node = Node()
    before, snapshot = node.db_size.sizes(), node.snapshot()
    node.store.put(b"k", b"v" * 100_000)
    node.raft_index += 1
    assert node.db_size.sizes() > before
    node.restore(snapshot)
    assert (node.db_size.sizes(), node.raft_index) == (before, 4)


def test_a_sample_of_sizes_that_alternate_is_fair() -> None:
    store = Store()
    for number in range(20_000):
        store.put(b"k%08d" % number, b"v" * (1 if number % 2 else 2_000))
    # One in two takes half a page: of each page's records one is large.
    mean = 33 + 21 + 1_000
    assert abs(_pages(store) / (20_000 / (3_670 // mean)) - 1) < 0.01


@pytest.mark.parametrize(("revisions", "puts"), [(300, 120), (5_000, 20), (1, 40_000)])
def test_of_large_transactions_a_part_tells_the_same(revisions: int, puts: int) -> None:
    store = Store()
    for revision in range(revisions):
        with store.write() as txn:
            for place in range(puts):
                txn.put(b"k%08d" % (revision * puts + place), b"v" * 100)
    alone = Store()
    for number in range(10_000):
        alone.put(b"k%08d" % number, b"v" * 100)
    expected = _pages(alone) * revisions * puts / 10_000
    assert abs(_pages(store) / expected - 1) < 0.02


def test_no_more_is_looked_at_than_a_sample() -> None:
    store = Store()
    for revision in range(200):
        with store.write() as txn:
            for place in range(1_000):
                txn.put(b"%d/%d" % (revision, place), b"")
    store.delete_range(b"", b"")  # 200,000 tombstones in one revision
    looked = 0

    class Counting(Store):
        def record_sizes(self, main: int, most: int) -> tuple[int, list[int]]:
            nonlocal looked
            count, sizes = store.record_sizes(main, most)
            looked += len(sizes)
            return count, sizes

    records = Counting()
    records.current_revision = store.current_revision
    DbSize(records).note()
    assert looked in range(8_192, 8_192 + 1_024)


def _in_use(node: Node) -> int:
    return node.db_size.sizes()[1] // PAGE_BYTES


@pytest.mark.parametrize(
    ("leases", "reported", "within"),
    [(100, 7, 1), (1_000, 23, 3), (5_000, 87, 12), (20_000, 371, 8)],
)
def test_leases_take_pages_as_in_etcd(leases: int, reported: int, within: int) -> None:
    node = Node()
    for number in range(leases):
        node.lessor.grant(2**60 + number, 10_000, 0.0)
    assert abs(_in_use(node) - reported) <= within
    assert node.db_size.sizes()[0] == _in_use(node) * PAGE_BYTES
    assert node.db_size.file_bytes() == node.db_size.sizes()[0]


def test_leases_are_seen_by_the_quota_though_no_key_is_written() -> None:
    node = Node(NodeConfig(quota_backend_bytes=100 * PAGE_BYTES))
    assert node.quota.fits(64)
    for number in range(6_000):
        node.lessor.grant(2**60 + number, 10_000, 0.0)
    node.quota.look_again()
    assert not node.quota.fits(64)


def test_users_and_roles_take_pages_about_as_in_etcd() -> None:
    node = Node()
    fresh = _in_use(node)
    for number in range(500):
        node.auth.user_add(f"user{number:05}", b"", no_password=True)
    users = _in_use(node)
    assert abs(users - fresh - 19) <= 10
    for number in range(500):
        node.auth.role_add(f"role{number:05}")
    roles = _in_use(node)
    assert abs(roles - users - 9) <= 2
    for number in range(500):
        permission = Permission(READWRITE, b"k" * 100, b"")
        node.auth.role_grant_permission(f"role{number:05}", permission)
    assert abs(_in_use(node) - roles - 20) <= 10


def test_alarms_of_many_members_take_pages() -> None:
    node = Node()
    fresh = _in_use(node)
    for member in range(1, 1_001):
        node.alarms.activate(Alarm(NOSPACE, member))
    assert _in_use(node) == fresh + 15
