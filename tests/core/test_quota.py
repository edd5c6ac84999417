"""The quota: exact where it matters, and not looked at where it does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.core.db_size import PAGE_BYTES, DbSize
from fake_etcd.core.mvcc import Store
from fake_etcd.core.quota import DEFAULT_BYTES, KEY_OVERHEAD, Quota


class Counted(DbSize):
    """A size that counts how often it is worked out."""

    looks = 0

    def note(self) -> None:
        self.looks += 1
        super().note()


def cost(key: bytes, value: bytes) -> int:
    return KEY_OVERHEAD + len(key) + len(value)


@given(st.integers(1, 400_000), st.integers(0, 20_000), st.integers(0, 99))
def test_what_fits_is_what_the_size_and_the_cost_say(limit: int, size: int, puts: int) -> None:
    """Puts of one size are done one after another, and what is refused is not done."""
    store = Store()
    quota, exact = Quota(limit, DbSize(store)), DbSize(store)
    value = bytes(size)
    for number in range(puts):
        key = b"%03d" % number
        fits = exact.sizes()[0] + cost(key, value) < limit
        assert quota.fits(cost(key, value)) == fits
        if not fits:
            break
        store.put(key, value)


@pytest.mark.parametrize("limit", [0, -1, -(2**63)])
def test_without_a_limit_or_with_etcds_own_hardly_anything_is_too_much(limit: int) -> None:
    quota = Quota(limit, DbSize(Store()))
    assert all(quota.fits(100_000_000) for _ in range(10))
    assert quota.fits(DEFAULT_BYTES) == (limit < 0)


def test_what_costs_nothing_fits_into_nothing() -> None:
    quota = Quota(1, DbSize(Store()))
    assert quota.fits(0)
    assert not quota.fits(1)


def test_a_look_is_taken_a_few_times_until_it_is_full() -> None:
    store = Store()
    size = Counted(store)
    quota = Quota(4_000_000, size)
    puts = 0
    while quota.fits(cost(b"%05d" % puts, bytes(1_000))):
        store.put(b"%05d" % puts, bytes(1_000))
        puts += 1
    assert 2_500 < puts < 4_000
    assert 0 < size.looks < 150
    before = size.looks
    for _ in range(100):
        assert not quota.fits(1_000)
    assert size.looks <= before + 1, "nothing was written since"


def test_a_defragmentation_gives_back_what_was_compacted() -> None:
    store = Store()
    size = DbSize(store)
    quota = Quota(1_000_000, size)
    store.put(b"a", bytes(900_000))
    assert not quota.fits(cost(b"a", bytes(900_000)))
    store.delete_range(b"a", None)
    store.compact(3)
    store.finish_compaction()
    assert not quota.fits(cost(b"a", bytes(900_000))), "the file is as large as it was"
    size.defragment()
    quota.look_again()
    assert quota.fits(cost(b"a", bytes(900_000)))
    assert size.sizes()[0] <= 10 * PAGE_BYTES
