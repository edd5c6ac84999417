"""Going back: everything is as it was, and goes on as if nothing had been in between."""

from __future__ import annotations

import contextlib
import gc
from typing import Any

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance import programs
from conformance.programs import Program, Step
from fake_etcd.api import messages as m
from fake_etcd.testing import FakeEtcd, Snapshot, faults, on
from tests.testing.stubs import stub
from tests.testing.test_fake import put, values

Answers = list[tuple[list[bytes], object, str]]
Deed = Step | float
"""A call, or seconds that pass."""

deeds: st.SearchStrategy[list[Deed]] = st.builds(
    lambda program, pauses: [
        deed for step, pause in zip(program, pauses, strict=False) for deed in (step, pause)
    ],
    programs.programs,
    st.lists(st.sampled_from((0.0, 0.3, 1.0, 30.0, 61.0, 400.0)), min_size=12, max_size=12),
)

EVERYTHING = m.RangeRequest(key=b"\0", range_end=b"\0")
OPTIONS: list[dict[str, Any]] = [
    {},
    {"auto_compaction_period_seconds": 100.0},
    {"auto_compaction_revisions": 2},
]


def do(etcd: FakeEtcd, what: list[Deed] | Program) -> Answers:
    """All answers, to the byte."""
    channel = etcd.channel()
    answers: Answers = []
    for deed in what:
        if isinstance(deed, float):
            etcd.clock.advance(deed)
            continue
        call = channel.unary_stream(f"/etcdserverpb.{deed.method}")
        call = call(deed.request.SerializeToString())
        got = []
        with contextlib.suppress(grpc.RpcError):
            got.extend(call)
        answers.append((got, call.code(), call.details()))
    return answers


def look(etcd: FakeEtcd) -> Answers:
    """All that can be read of the state, old revisions and leases too."""
    steps = [Step(0, "KV/Range", EVERYTHING)]
    newest = etcd._shared.node.current_revision
    for revision in range(1, newest + 1):
        at = m.RangeRequest(key=b"\0", range_end=b"\0", revision=revision)
        steps.append(Step(0, "KV/Range", at))
    steps.append(Step(0, "Lease/LeaseLeases", m.LeaseLeasesRequest()))
    for lease in (7, -1):
        asked = m.LeaseTimeToLiveRequest(ID=lease, keys=True)
        steps.append(Step(0, "Lease/LeaseTimeToLive", asked))
    return do(etcd, steps)


def frozen(**options: Any) -> FakeEtcd:
    etcd = FakeEtcd(random_seed=5, **options)
    etcd.clock.freeze()
    etcd._clock.put_back(0.0)
    return etcd


@settings(max_examples=60)
@given(deeds, deeds, deeds, st.sampled_from(OPTIONS))
def test_after_a_branch_all_goes_on_as_if_it_had_not_been(
    before: list[Deed], inside: list[Deed], after: list[Deed], options: dict[str, Any]
) -> None:
    with frozen(**options) as etcd, frozen(**options) as twin:
        assert do(etcd, before) == do(twin, before)
        with etcd.branch():
            do(etcd, inside)
        etcd._shared.node.store.check()
        etcd._shared.node.lessor.check()
        assert etcd.clock.now == twin.clock.now
        assert look(etcd) == look(twin)
        assert do(etcd, after) == do(twin, after)
        assert look(etcd) == look(twin)


@settings(max_examples=30)
@given(st.lists(st.one_of(deeds, st.just("snapshot"), st.integers(0, 5)), max_size=8))
def test_each_snapshot_that_is_valid_can_be_gone_back_to(
    what: list[list[Deed] | str | int],
) -> None:
    """A number goes back to one of them; those taken after it are no longer valid."""
    with frozen() as etcd:
        taken: list[tuple[Snapshot, Answers]] = []
        for deed in what:
            if isinstance(deed, list):
                do(etcd, deed)
            elif isinstance(deed, str):
                taken.append((etcd.snapshot(), look(etcd)))
            elif deed < len(taken):
                for snapshot, _ in taken[deed + 1 :]:
                    assert snapshot.is_valid
                snapshot, seen = taken[deed]
                etcd.restore(snapshot)
                assert look(etcd) == seen
                assert not any(snapshot.is_valid for snapshot, _ in taken[deed + 1 :])
                del taken[deed + 1 :]
            etcd._shared.node.store.check()


def test_a_watch_that_is_open_ends_as_if_the_server_had_gone() -> None:
    with FakeEtcd() as etcd, grpc.insecure_channel(etcd.endpoint) as outside:
        before = etcd.snapshot()
        create = m.WatchRequest(create_request=m.WatchCreateRequest(key=b"a"))
        calls = [stub(each, "Watch/Watch")(iter([create])) for each in (etcd.channel(), outside)]
        for call in calls:
            assert next(call).created
        put(outside, b"a")
        etcd.restore(before)
        for call in calls:
            with pytest.raises(grpc.RpcError) as caught:
                for _ in call:
                    pass
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            expected = "fake_etcd: the server's state was set back under this call"
            assert caught.value.details() == expected
        assert etcd._shared.node.watches._synced.members == {}
        assert put(outside, b"a") == put(etcd.channel(), b"b") - 1 == 2


def test_who_waits_for_a_connection_tries_again_at_the_time_that_it_is_then() -> None:
    with FakeEtcd() as etcd:
        etcd.clock.freeze()
        channel, before = etcd.channel(), etcd.snapshot()
        etcd.clock.advance(1_000)
        etcd.faults.add(on.connection(), faults.deny_connections(), times=3)
        etcd.cut_connections()
        future = stub(channel, "KV/Put").future(m.PutRequest(key=b"a"), wait_for_ready=True)
        etcd.restore(before)
        assert not future.done()
        etcd.clock.advance(1)
        assert future.result(timeout=0).header.revision == 2


def test_a_snapshot_of_another_one_or_of_before_a_reset_is_refused() -> None:
    with FakeEtcd() as etcd, FakeEtcd() as other:
        snapshot = etcd.snapshot()
        with pytest.raises(ValueError, match=r"^this snapshot is of another FakeEtcd$"):
            other.restore(snapshot)
        etcd.restore(snapshot)
        etcd.reset()
        assert not snapshot.is_valid
        with pytest.raises(ValueError, match=r"^this snapshot is no longer valid: reset\(\), rel"):
            etcd.restore(snapshot)
        etcd.release(snapshot)
        etcd.release(snapshot)


def test_a_snapshot_that_was_overtaken_is_refused() -> None:
    with FakeEtcd() as etcd:
        older, newer = etcd.snapshot(), etcd.snapshot()
        assert older.is_valid
        assert newer.is_valid
        etcd.restore(older)
        assert repr(newer).endswith(", no longer valid>")
        for _ in range(2):
            with pytest.raises(ValueError, match=r"^this snapshot is no longer valid: reset\(\)"):
                etcd.restore(newer)
            etcd.release(etcd.snapshot())  # forgets those that are not


def test_what_nobody_can_go_back_to_costs_nothing() -> None:
    with FakeEtcd() as etcd:
        journal = etcd._shared.node.journal
        snapshot = etcd.snapshot()
        put(etcd.channel(), b"a")
        assert journal.recording
        etcd.release(snapshot)
        assert not journal.recording
        etcd.snapshot()
        gc.collect()
        kept = etcd.snapshot()
        assert len(journal._snapshots) == 1, "the one before was forgotten"
        assert kept.is_valid


def test_a_branch_is_left_by_an_error_too() -> None:
    with FakeEtcd() as etcd:
        with pytest.raises(ZeroDivisionError), etcd.branch():
            _ = put(etcd.channel(), b"a") / 0
        assert values(etcd.channel()) == {}
        assert not etcd._shared.node.journal.recording


def test_time_that_runs_goes_on_from_where_it_was() -> None:
    with FakeEtcd() as etcd:
        snapshot = etcd.snapshot()
        etcd.clock.freeze()
        etcd.clock.advance(1_000)
        etcd.clock.real()
        assert etcd.clock.now >= 1_000
        etcd.restore(snapshot)
        assert snapshot.time <= etcd.clock.now < 1_000
