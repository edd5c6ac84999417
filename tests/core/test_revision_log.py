"""The log of versions by itself: places, batches, freeing and taking back."""

from __future__ import annotations

from fake_etcd.core.mvcc import Version
from fake_etcd.core.mvcc.revision_log import SEGMENT, Batch, RevisionLog


def put(main: int, sub: int = 0) -> Version:
    return Version.of_put(b"k", b"", 1, main, sub, 1)


def filled(revisions: int) -> tuple[RevisionLog, list[Version]]:
    log, versions = RevisionLog(), [put(main) for main in range(2, 2 + revisions)]
    for version in versions:
        log.append(version.mod_revision, version)
    return log, versions


def test_versions_come_back_in_order_from_any_revision() -> None:
    log, versions = filled(3 * SEGMENT)
    log.check()
    for start in (-1, 0, 2, 3, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT + 1):
        assert list(log.since(start)) == [v for v in versions if v.mod_revision >= start]
    assert list(log.since(3 * SEGMENT + 2)) == []
    assert list(RevisionLog().since(0)) == []


def test_a_batch_gives_its_versions_in_order_without_the_dropped_ones() -> None:
    log, versions = RevisionLog(), [put(2, 0), put(2, 1), put(2, 2)]
    log.append(2, Batch(versions))
    log.append(3, put(3))
    log.drop(versions[1])
    assert [v.revision for v in log.since(0)] == [(2, 0), (2, 2), (3, 0)]
    log.check()
    log.drop(versions[0])
    log.drop(versions[2])
    assert [v.revision for v in log.since(0)] == [(3, 0)]
    log.check()


def test_a_full_segment_is_freed_with_its_last_version_and_comes_back_with_it() -> None:
    log, versions = filled(SEGMENT + 10)
    inside = [v for v in versions if v.mod_revision < SEGMENT]
    dropped = []
    for version in inside:
        assert log.slots(0) is not None
        dropped.append((version, log.drop(version)))
        log.check()
    assert log.slots(0) is None
    assert list(log.since(0)) == versions[len(inside) :]
    for version, record in reversed(dropped):
        log.put_back(version, record)
        log.check()
    assert list(log.since(0)) == versions


def test_appending_and_dropping_can_be_taken_back_over_the_end_of_a_segment() -> None:
    log, versions = filled(SEGMENT - 2)  # up to the last slot but one: revision SEGMENT - 1
    early = [(v, log.drop(v)) for v in versions[:5]]  # dropped while the segment still grows
    added = [put(SEGMENT + place) for place in range(5)]
    for version in added:
        log.append(version.mod_revision, version)
    late = [(v, log.drop(v)) for v in versions[5:]]
    log.check()
    assert log.slots(0) is None
    for version, record in reversed(late):
        log.put_back(version, record)
        log.check()
    for version in reversed(added):
        log.remove_last(version.mod_revision - 1)
        log.check()
    for version, record in reversed(early):
        log.put_back(version, record)
        log.check()
    assert list(log.since(0)) == versions
    assert log.last == SEGMENT - 1


def test_a_batch_that_comes_back_counts_as_one_record() -> None:
    log, versions = RevisionLog(), [put(2, 0), put(2, 1)]
    log.append(2, Batch(versions))
    versions.append(put(3))
    log.append(3, versions[2])
    for main in range(4, SEGMENT + 10):
        log.append(main, put(main))
    dropped = [(version, log.drop(version)) for version in versions]
    log.check()
    for version, record in reversed(dropped):
        log.put_back(version, record)
        log.check()
    assert list(log.since(0))[:3] == versions
