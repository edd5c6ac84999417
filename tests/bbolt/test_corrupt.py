"""A damaged file is refused in a line, and never costs more than a sound one."""

from __future__ import annotations

import contextlib
from struct import pack_into, unpack_from

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_etcd.bbolt import Bucket, Corrupt, Database, layout
from tests.bbolt.trees import read, written

PAGE = 1_024

BASE = written(
    {
        b"inline": {b"a": b"1"},
        b"large": {b"v": b"x" * 5_000, b"w": b"y"},
        b"many": {b"%05d" % number: b"v" * 20 for number in range(900)},
        b"nested": {b"in": {b"%04d" % number: b"v" * 30 for number in range(60)}, b"z": b"1"},
    },
    PAGE,
)


class Counting:
    """A file that counts what is read of it."""

    def __init__(self, file: bytes) -> None:
        self.file = file
        self.read = 0

    def read_at(self, start: int, count: int) -> bytes:
        found = self.file[start : start + count]
        self.read += len(found)
        return found


def gone_through(file: bytes) -> tuple[int, int]:
    """Bytes read, and bytes given, of all that is in a file; Corrupt ends it, and is fine."""
    counting = Counting(file)
    given_bytes = 0
    with contextlib.suppress(Corrupt):
        database = Database(counting.read_at, len(file))
        waiting = [database.root]
        while waiting:
            for key, value in waiting.pop().items():
                given_bytes += len(key)
                if isinstance(value, Bucket):
                    waiting.append(value)
                else:
                    given_bytes += len(value)
        database.check()
    return counting.read, given_bytes


PLACES = st.one_of(
    st.integers(0, len(BASE) - 8),
    # Heads and first elements of pages, where all that lies is.
    st.builds(
        lambda page, word: page * PAGE + word * 4,
        st.integers(0, len(BASE) // PAGE - 1),
        st.integers(0, 12),
    ),
)
NUMBERS = st.one_of(
    st.integers(0, len(BASE) // PAGE + 1),
    st.sampled_from([0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, PAGE, len(BASE)]),
    st.integers(0, 0xFFFF_FFFF),
)


@settings(deadline=None, max_examples=1_000)
@given(st.lists(st.tuples(PLACES, NUMBERS), min_size=1, max_size=6), st.booleans())
def test_any_bytes_end_soon(changes: list[tuple[int, int]], sound_metas: bool) -> None:
    file = bytearray(BASE)
    for place, number in changes:
        if not sound_metas or place >= 2 * PAGE:
            pack_into("<I", file, place, number)
    read_bytes, given_bytes = gone_through(bytes(file))
    # All is gone through twice, and where a page goes on its head is read once more.
    assert read_bytes <= 4 * len(file) + 40 * PAGE
    assert given_bytes <= len(file)


@given(st.integers(0, len(BASE) - 1))
def test_a_file_that_is_cut_off_is_refused(size: int) -> None:
    with pytest.raises(Corrupt):
        Database.of(BASE[:size])


@given(st.binary(max_size=3_000))
def test_what_is_no_such_file_is_refused(file: bytes) -> None:
    with pytest.raises(Corrupt):
        Database.of(file)


def test_what_follows_the_last_page_is_nothing() -> None:
    assert read(Database.of(BASE + b"sha256").root) == read(Database.of(BASE).root)


def changed(place: int, form: str, number: int) -> bytes:
    file = bytearray(BASE)
    pack_into(form, file, place, number)
    return bytes(file)


def leaf_of_many() -> int:
    """Where the first leaf of the bucket with many pairs begins."""
    for page in range(3, len(BASE) // PAGE):
        if BASE[page * PAGE :][:PAGE].find(b"00000vvvv") > 0:
            return page * PAGE
    raise AssertionError("it is there")


def branch_of_many() -> int:
    for page in range(3, len(BASE) // PAGE):
        _, flags, count, _ = layout.PAGE_HEAD.unpack_from(BASE, page * PAGE)
        if flags == layout.BRANCH and count > 3:
            return page * PAGE
    raise AssertionError("it is there")


def first_below(branch: int) -> int:
    (number,) = unpack_from("<Q", BASE, branch + 16 + 8)
    return int(number)


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (b"", "it ends within a meta page"),
        (bytes(4_096), "it is no bbolt file: there is no meta page at its beginning"),
        (changed(leaf_of_many(), "<Q", 5_000), "page [0-9]+ says that it is page 5000"),
        (changed(leaf_of_many() + 8, "<H", 4), "is of another kind than it should be: 0x4"),
        (changed(leaf_of_many() + 10, "<H", 60_000), "60000 pairs do not fit into it"),
        (changed(leaf_of_many() + 12, "<I", 60_000), "goes on for 60000 pages, behind the file's"),
        (changed(leaf_of_many() + 16, "<I", 2), "a value is neither bytes nor a bucket"),
        (changed(leaf_of_many() + 20, "<I", 0), "a pair lies outside of it, or on another one"),
        (changed(leaf_of_many() + 28, "<I", 900), "a pair lies outside of it, or on another one"),
        (changed(leaf_of_many() + 10, "<H", 0), "page [0-9]+ is empty"),
        (changed(branch_of_many() + 16 + 8, "<Q", 1), "there is no page 1"),
        (
            changed(branch_of_many() + 16 + 8, "<Q", branch_of_many() // PAGE),
            "is met twice",
        ),
        (
            changed(branch_of_many() + 32 + 8, "<Q", first_below(branch_of_many())),
            "is met twice",
        ),
        (changed(branch_of_many() + 10, "<H", 0), "0 pages below it"),
        (changed(branch_of_many() + 20, "<I", 2_000), "a key lies outside of it"),
        (changed(2 * PAGE + 10, "<H", 200), "200 free pages do not fit into it"),
        (changed(2 * PAGE + 10, "<H", 2), "pages are free that there are not"),
    ],
)
def test_what_is_wrong_is_said(file: bytes, why: str) -> None:
    with pytest.raises(Corrupt, match=why):
        Database.of(file).check()


def test_a_bucket_is_not_in_itself() -> None:
    file = bytearray(BASE)
    place = file.find(b"nested", 3 * PAGE)
    root = Database.of(BASE).meta.root
    pack_into("<Q", file, place + len(b"nested"), root)
    with pytest.raises(Corrupt, match="belongs to two buckets"):
        Database.of(bytes(file)).check()


def test_a_page_is_not_of_two_buckets() -> None:
    of_another = next(
        page
        for page in range(3, len(BASE) // PAGE)
        if BASE[page * PAGE :][:PAGE].find(b"0000" + b"v" * 30) > 0
    )
    with pytest.raises(Corrupt, match=f"page {of_another} belongs to two buckets"):
        Database.of(changed(branch_of_many() + 32 + 8, "<Q", of_another)).check()


def test_one_sound_meta_is_enough() -> None:
    for page in (0, 1):
        file = bytearray(BASE)
        file[page * PAGE + 20] ^= 1
        database = Database.of(bytes(file))
        assert database.meta.txid == 1 - page
        assert read(database.root) == read(Database.of(BASE).root)
    file[16] ^= 1
    with pytest.raises(Corrupt, match="there is no meta page"):
        Database.of(bytes(file))


def test_the_newer_of_two_sound_metas_is_meant() -> None:
    file = bytearray(BASE)
    older = Database.of(BASE).meta
    newer = layout.Meta(PAGE, older.root, 0, older.freelist, older.end, 8)
    file[:PAGE] = newer.page()
    assert Database.of(bytes(file)).meta == newer


def test_a_page_that_is_nobodys_is_found() -> None:
    meta = Database.of(BASE).meta
    longer = [layout.Meta(PAGE, meta.root, 0, 2, meta.end + 1, txid).page() for txid in (0, 1)]
    file = b"".join(longer) + BASE[2 * PAGE :] + bytes(PAGE)
    with pytest.raises(Corrupt, match=f"page {meta.end} is not free, and nobody's"):
        Database.of(file).check()
    free = bytearray(file)
    pack_into("<H", free, 2 * PAGE + 10, 1)
    pack_into("<Q", free, 2 * PAGE + 16, meta.end)
    Database.of(bytes(free)).check()
    assert Database.of(bytes(free)).free_pages() == [meta.end]
    pack_into("<Q", free, 2 * PAGE + 16, 3)
    with pytest.raises(Corrupt, match="page 3 is free or the freelist's, and something else too"):
        Database.of(bytes(free)).check()


def test_buckets_lie_only_so_deep() -> None:
    # Made by hand, each bucket on a page of its own.
    pages = [layout.Meta(PAGE, 3, 0, layout.NO_FREELIST, 1_010, txid).page() for txid in (0, 1)]
    pages.append(bytes(PAGE))
    for number in range(3, 1_010):
        head = layout.PAGE_HEAD.pack(number, layout.LEAF, 1, 0)
        element = layout.LEAF_ELEMENT.pack(layout.IS_BUCKET, 16, 1, 16)
        pages.append(
            (head + element + b"b" + layout.BUCKET_HEAD.pack(number + 1, 0)).ljust(PAGE, b"\0")
        )
    with pytest.raises(Corrupt, match="more than 1,000 deep"):
        Database.of(b"".join(pages)).check()
