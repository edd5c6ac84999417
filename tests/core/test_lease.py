"""The lessor: what a lease is given, when it is revoked, and what that costs."""

from __future__ import annotations

import doctest
import sys
from unittest import mock

import pytest

from fake_etcd.api import errors
from fake_etcd.core import lease as module
from fake_etcd.core.clock import VirtualClock
from fake_etcd.core.lease import MAX_TTL_SECONDS, Lease, Lessor
from fake_etcd.core.mvcc import Store
from fake_etcd.core.node import Node, NodeConfig


@pytest.fixture
def lessor() -> Lessor:
    """One that was started at 0 and has a store of its own."""
    return Lessor(Store())


def ids(lessor: Lessor) -> list[int]:
    return [lease.id for lease in lessor.leases()]


def keys(store: Store) -> dict[bytes, int]:
    """All keys, with the lease of each."""
    return {version.key: version.lease for version in store.range(b"", b"").versions}


def run_until(lessor: Lessor, time: float) -> list[float]:
    """Run all that is due up to a time; gives when that was."""
    times = []
    while (due := lessor.next_due) is not None and due <= time:
        lessor.run_due(due)
        lessor.check()
        times.append(due)
    return times


def test_the_examples_run() -> None:
    assert doctest.testmod(module).failed == 0


def test_the_worked_example() -> None:
    store = Store()
    lessor = Lessor(store)
    lessor.grant(7, 1, 0.0)
    lessor.grant(8, 4, 0.2)
    store.put(b"a", b"", 7)
    lessor.renew(7, 1.0)
    assert lessor.next_due == 3.0
    lessor.run_due(3.0)
    assert (ids(lessor), keys(store), store.current_revision) == ([8], {}, 3)
    lease = lessor.lookup(8)
    assert lease is not None
    assert lease.has_expired(4.2)
    assert lessor.next_due == 4.5
    lessor.run_due(4.5)
    assert ids(lessor) == []


# Granting


@pytest.mark.parametrize(
    ("asked", "given"), [(-(2**63), 2), (-1, 2), (0, 2), (1, 2), (2, 2), (3, 3)]
)
def test_a_short_lease_is_extended_to_the_minimum(asked: int, given: int, lessor: Lessor) -> None:
    lease = lessor.grant(7, asked, 10.0)
    assert (lease.ttl_seconds, lease.expiry) == (given, 10.0 + given)


@pytest.mark.parametrize(
    ("election_ms", "heartbeat_ms", "seconds"),
    [
        (1000, 100, 2),
        (500, 100, 1),
        (1400, 100, 3),
        (700, 100, 1),
        (2099, 400, 3),
        (5000, 100, 8),
        (50, 10, 1),
    ],
)
def test_the_minimum_is_one_and_a_half_elections(
    election_ms: int, heartbeat_ms: int, seconds: int
) -> None:
    config = NodeConfig(election_timeout_ms=election_ms, heartbeat_interval_ms=heartbeat_ms)
    assert config.min_lease_ttl_seconds == seconds
    assert Node(config).lessor.grant(7, 0, 0.0).ttl_seconds == seconds


def test_a_lease_has_a_longest_ttl_which_is_looked_at_first(lessor: Lessor) -> None:
    assert lessor.grant(7, MAX_TTL_SECONDS, 0.0).expiry == 9e9
    for ttl in (MAX_TTL_SECONDS + 1, 2**63 - 1):
        with pytest.raises(errors.LEASE_TTL_TOO_LARGE):
            lessor.grant(7, ttl, 0.0)
    with pytest.raises(errors.LEASE_EXIST):
        lessor.grant(7, 5, 0.0)
    assert ids(lessor) == [7]


# Renewing and revoking


def test_what_is_not_there_is_neither_renewed_nor_revoked(lessor: Lessor) -> None:
    assert lessor.renew(7, 0.0) == 0
    with pytest.raises(errors.LEASE_NOT_FOUND):
        lessor.revoke(7)


def test_what_has_expired_is_not_renewed(lessor: Lessor) -> None:
    lessor.grant(7, 2, 0.2)
    assert lessor.renew(7, 2.1) == 2
    assert lessor.renew(7, 4.1) == 0
    assert lessor.renewed == 1
    lessor.check()


def test_a_revocation_deletes_keys_in_order_and_in_one_revision(lessor: Lessor) -> None:
    store = lessor._store
    lessor.grant(7, 5, 0.0)
    for key in (b"c", b"a", b"d", b"b"):
        store.put(key, b"", 7)
    store.put(b"d", b"")
    lessor.revoke(7)
    deleted = [
        (version.key, version.mod_revision, version.sub) for version in store.versions_since(7)
    ]
    assert deleted == [(b"a", 7, 0), (b"b", 7, 1), (b"c", 7, 2)]
    assert store.current_revision == 7
    lessor.check()


def test_watchers_of_a_revocation_see_the_lease_gone(lessor: Lessor) -> None:
    seen: list[Lease | None] = []
    lessor.grant(7, 5, 0.0)
    lessor._store.put(b"a", b"", 7)
    lessor._store.on_commit = lambda main, record, key: seen.append(lessor.lookup(7))
    lessor.revoke(7)
    assert seen == [None]


def test_a_revocation_without_keys_makes_no_revision(lessor: Lessor) -> None:
    lessor.grant(7, 5, 0.0)
    lessor.revoke(7)
    assert (ids(lessor), lessor._store.current_revision) == ([], 1)


def test_leases_are_in_order_of_expiry_and_of_renewal(lessor: Lessor) -> None:
    for id, ttl in ((1, 9), (2, 5), (3, 7), (4, 5)):
        lessor.grant(id, ttl, 0.0)
    assert ids(lessor) == [2, 4, 3, 1]
    lessor.renew(2, 0.0)
    assert ids(lessor) == [4, 2, 3, 1]
    lessor.renew(4, 2.0)
    assert ids(lessor) == [2, 3, 4, 1]


# Keys


def test_keys_go_from_lease_to_lease() -> None:
    node = Node()
    store, lessor = node.store, node.lessor
    for id in (7, 8):
        lessor.grant(id, 60, 0.0)
    seven, eight = lessor.leases()

    def attached() -> tuple[list[bytes], list[bytes], int]:
        lessor.check()
        return seven.sorted_keys(), eight.sorted_keys(), lessor.attached

    for key in (b"b", b"a", b"c"):
        store.put(key, b"", 7)
    assert attached() == ([b"a", b"b", b"c"], [], 3)
    store.put(b"a", b"", 7)
    store.put(b"b", b"", 8)
    assert attached() == ([b"a", b"c"], [b"b"], 3)
    store.put(b"a", b"")
    assert attached() == ([b"c"], [b"b"], 2)
    store.put(b"d", b"", 8)
    store.delete_range(b"c", None)
    assert attached() == ([], [b"b", b"d"], 2)
    assert seven.keys is None
    store.delete_range(b"a", b"d")
    assert attached() == ([], [b"d"], 1)


def test_a_node_knows_which_leases_keys_can_be_attached_to() -> None:
    node = Node()
    node.lessor.grant(7, 2, 0.0)
    assert [node.lease_exists(id) for id in (7, 8, 0)] == [True, False, False]
    node.lessor.revoke(7)
    assert not node.lease_exists(7)


# Time


@pytest.mark.parametrize(
    ("granted_at", "revoked_at"),
    [(0.0, 5.0), (0.1, 5.5), (0.4, 5.5), (0.5, 5.5), (0.5000001, 6.0), (0.6, 6.0)],
)
def test_expiry_is_looked_for_each_half_second(
    granted_at: float, revoked_at: float, lessor: Lessor
) -> None:
    lessor.grant(7, 5, granted_at)
    lessor.run_due(revoked_at - 0.001)
    assert ids(lessor) == [7]
    assert run_until(lessor, 100.0) == [revoked_at]
    assert ids(lessor) == []


@pytest.mark.parametrize("start", [0.1, 0.7255, 3.3, 1234567.891, -0.2])
def test_half_seconds_count_from_the_start(start: float) -> None:
    """To the nanosecond, whatever 0.7255 + 2 is in binary."""
    lessor = Lessor(Store(), start=start)
    lessor.grant(7, 2, start)
    lessor.grant(8, 2, round(start + 0.2, 9))
    lessor.grant(9, 2, round(start + 0.7, 9))
    seen = []
    while (due := lessor.next_due) is not None:
        lessor.run_due(due)
        seen.append((due, ids(lessor)))
    assert seen == [
        (round(start + 2.0, 9), [8, 9]),
        (round(start + 2.5, 9), [9]),
        (round(start + 3.0, 9), []),
    ]


def test_a_member_that_is_late_looks_once_for_all_that_it_missed(lessor: Lessor) -> None:
    for id in (7, 8, 9):
        lessor.grant(id, 1 + id - 6, 0.0)
    lessor.run_due(3.2)
    assert ids(lessor) == [9]
    assert lessor.next_due == 4.0
    lessor.grant(10, 2, 3.3)
    lessor.run_due(10.1)
    lessor.grant(11, 2, 8.1)
    assert lessor.next_due == 10.5, "the next one after the last look"


def test_500_a_tick_go_and_those_first_that_expired_first() -> None:
    lessor = Lessor(Store())
    for id in range(1, 1201):
        lessor.grant(id, 10, 0.45 - id / 3000)
    seen = []
    while (due := lessor.next_due) is not None:
        lessor.run_due(due)
        seen.append((due, ids(lessor)))
    assert seen == [
        (10.5, list(range(700, 0, -1))),
        (11.0, list(range(200, 0, -1))),
        (11.5, []),
    ]


@pytest.mark.parametrize(
    ("time", "seconds"),
    [(0.0, 5), (0.001, 4), (1.0, 4), (4.999, 0), (5.0, 0), (5.9, 0), (6.0, -1), (6.5, -1)],
)
def test_what_remains_is_in_whole_seconds_towards_0(
    time: float, seconds: int, lessor: Lessor
) -> None:
    assert lessor.grant(7, 5, 0.0).remaining_seconds(time) == seconds


@pytest.mark.parametrize("now", [0.1, 0.3, 0.7, 2.2, 1e6 + 0.1])
def test_nothing_is_lost_of_a_whole_second(now: float, lessor: Lessor) -> None:
    """Although 0.1 + 5 - 0.1 is less than 5."""
    assert lessor.grant(7, 5, now).remaining_seconds(now) == 5


def test_the_host_is_told_where_something_is_due_sooner(lessor: Lessor) -> None:
    told: list[float | None] = []
    lessor.on_sooner = lambda: told.append(lessor.next_due)
    for id, ttl in ((1, 9), (2, 20), (3, 5), (4, 5), (5, 4)):
        lessor.grant(id, ttl, 0.0)
    lessor.renew(5, 0.1)
    lessor.revoke(3)
    assert told == [9.0, 5.0, 4.0]


def test_a_node_tells_its_host_and_says_what_is_due() -> None:
    node = Node(clock=VirtualClock(100.2))
    told: list[str] = []
    node.on_due = lambda: told.append("due")
    assert node.next_due(100.2) is None
    node.lessor.grant(7, 5, 100.4)
    assert (told, node.next_due(100.4)) == (["due"], 105.7)
    appointment = node.schedule.at(105.6, lambda: None)
    assert node.next_due(100.4) == 105.6
    appointment.cancel()
    node.run_due(105.6)
    assert node.next_due(105.6) == 105.7
    node.run_due(105.7)
    assert (node.lessor.leases(), node.next_due(105.7)) == ([], None)


# Waiting for the end


def test_who_waits_is_told_when_the_lease_is_revoked(lessor: Lessor) -> None:
    told: list[str] = []
    for id in (7, 8):
        lease = lessor.grant(id, 2, 0.0)
        for name in "ab":
            lessor.when_gone(lease, lambda text=f"{name}{id}": told.append(text))  # type: ignore[misc]  # it is called without
    lessor.check()
    lessor.revoke(8)
    assert told == ["a8", "b8"]
    lessor.run_due(2.0)
    assert told == ["a8", "b8", "a7", "b7"]


def test_who_gives_up_is_not_told(lessor: Lessor) -> None:
    told: list[str] = []
    lease = lessor.grant(7, 2, 0.0)
    first, second = (lambda: told.append("first")), (lambda: told.append("second"))
    lessor.when_gone(lease, first)
    lessor.when_gone(lease, second)
    lessor.forget_waiter(lease, first)
    lessor.revoke(7)
    lessor.forget_waiter(lease, second)
    assert told == ["second"]
    lease = lessor.grant(7, 2, 0.0)
    lessor.when_gone(lease, first)
    lessor.forget_waiter(lease, first)
    lessor.check()


def test_who_waits_for_a_lease_that_is_taken_back_is_told_too(lessor: Lessor) -> None:
    told: list[str] = []
    journal = lessor._journal
    snapshot = journal.snapshot()
    lease = lessor.grant(7, 2, 1.0)
    first, second = (lambda: told.append("first")), (lambda: told.append("second"))
    lessor.when_gone(lease, first)
    lessor.when_gone(lease, second)
    journal.restore(snapshot)
    lessor.forget_waiter(lease, second)
    assert told == [], "not while things are taken back"
    assert lessor.next_due == 0.0, "but at once"
    lessor.run_due(3.0)
    assert told == ["first"]
    assert lessor.next_due is None


# Undo


def test_everything_is_taken_back() -> None:
    node = Node()
    store, lessor, journal = node.store, node.lessor, node.journal

    def state() -> object:
        lessor.check()
        store.check()
        return (
            [(one.id, one.expiry, one.order, one.sorted_keys()) for one in lessor.leases()],
            keys(store),
            lessor.next_due,
            lessor.attached,
        )

    lessor.grant(7, 5, 0.0)
    lessor.grant(8, 9, 0.0)
    store.put(b"a", b"", 7)
    before, snapshot = state(), journal.snapshot()
    for change in (
        lambda: lessor.grant(9, 2, 0.0),
        lambda: lessor.renew(7, 4.0),
        lambda: lessor.revoke(7),
        lambda: lessor.run_due(5.0),
        lambda: lessor.run_due(20.0),
        lambda: store.put(b"a", b"", 8),
        lambda: store.put(b"a", b""),
        lambda: store.put(b"b", b"", 7),
        lambda: store.delete_range(b"a", None),
        lambda: store.delete_range(b"a", b"z"),
    ):
        change()
        assert state() != before
        journal.restore(snapshot)
        assert state() == before
    lessor.run_due(20.0)
    assert ids(lessor) == []


# Costs


@pytest.mark.parametrize("renewals", [1, 2, 3])
@pytest.mark.parametrize("looks", [False, True])
def test_a_lease_is_queued_once_when_renewals_are_taken_back(
    renewals: int, looks: bool, lessor: Lessor
) -> None:
    lessor.grant(7, 5, 0.0)
    snapshot = lessor._journal.snapshot()
    for _ in range(renewals):
        lessor.renew(7, 0.0)
        if looks:
            assert lessor.next_due == 5.0
    lessor._journal.restore(snapshot)
    lessor.check()
    assert lessor.next_due == 5.0


def test_a_lease_takes_less_than_a_kilobyte(lessor: Lessor) -> None:
    lease = lessor.grant(1 << 62, 60, 0.1)
    entry = lessor._queue[0]
    parts = [lease, entry, lease.id, lease.expiry, lease.ttl_seconds, lease.order]
    # With the garbage collector's heads, and a place in a dictionary that is half empty.
    assert sum(map(sys.getsizeof, parts)) + 2 * 16 + 2 * 104 < 1024
    assert not hasattr(lease, "__dict__")


def test_a_lease_that_is_kept_alive_takes_no_more(lessor: Lessor) -> None:
    for id in range(1, 101):
        lessor.grant(id, 10, 0.0)
    for second in range(1, 50):
        for id in range(1, 101):
            lessor.renew(id, float(second))
        lessor.run_due(float(second))
        assert len(lessor._queue) == 100
    lessor.check()


def test_revoked_leases_do_not_stay_in_the_queue(lessor: Lessor) -> None:
    for id in range(1, 1001):
        lessor.grant(id, MAX_TTL_SECONDS, 0.0)
        lessor.revoke(id)
        assert len(lessor._queue) <= 64 + 2
    lessor.check()


def test_a_look_at_very_many_renewed_leases_is_done_in_pieces(lessor: Lessor) -> None:
    for id in range(1, 101):
        lessor.grant(id, 2, 0.0)
        lessor.renew(id, 1.0)
    lessor.grant(101, 2, 0.5)
    with mock.patch.object(module, "_SETTLED_AT_ONCE", 10):
        times = run_until(lessor, 2.4)
        assert 1 < len(times) < 20
        assert set(times) == {2.0}, "each piece at the same time"
        assert len(lessor.leases()) == 101
        run_until(lessor, 2.5)
        assert 101 not in ids(lessor)
        run_until(lessor, 2.9)
        assert len(lessor.leases()) == 100
        run_until(lessor, 9.0)
    assert ids(lessor) == []
