"""Contexts by themselves: what ends them, who is told, and what is kept for them."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from fake_etcd.api.status import Code
from fake_etcd.clientv3 import Config, context, errors
from fake_etcd.clientv3.context import Canceled, Context, ContextError, DeadlineExceeded


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which stands still until a test sets it."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def err(ctx: Context) -> type[ContextError] | None:
    error = ctx.err()
    return None if error is None else type(error)


def test_the_background_never_ends() -> None:
    ctx = context.background()
    assert (ctx.deadline, ctx.remaining(), ctx.err(), ctx.can_be_canceled) == (
        None,
        None,
        None,
        False,
    )


def test_a_canceled_parent_ends_its_children_and_no_other(now: list[float]) -> None:
    parent, cancel = context.with_cancel(context.background())
    child, cancel_child = context.with_cancel(parent)
    other, _ = context.with_cancel(parent)
    cancel_child()
    assert [err(each) for each in (parent, child, other)] == [None, Canceled, None]
    cancel()
    cancel()
    assert [err(each) for each in (parent, child, other)] == [Canceled] * 3
    late, _ = context.with_timeout(parent, 5.0)
    assert err(late) is Canceled


def test_a_deadline_is_the_earlier_one_of_parent_and_child(now: list[float]) -> None:
    parent, _ = context.with_timeout(context.background(), 2.0)
    assert context.with_timeout(parent, 9.0)[0].deadline == 102.0
    assert context.with_deadline(parent, 101.0)[0].remaining() == 1.0
    now[0] = 102.0
    assert (err(parent), parent.remaining()) == (DeadlineExceeded, 0.0)


@pytest.mark.parametrize(
    ("canceled_at", "expected"), [(101.0, Canceled), (102.0, DeadlineExceeded)]
)
def test_what_came_first_stays_the_reason(
    now: list[float], canceled_at: float, expected: type[ContextError]
) -> None:
    ctx, cancel = context.with_timeout(context.background(), 2.0)
    now[0] = canceled_at
    cancel()
    assert err(ctx) is expected
    now[0] = 200.0
    assert err(ctx) is expected


def test_timeout_and_ctx_together_are_the_earlier_one_of_both(now: list[float]) -> None:
    parent, cancel = context.with_timeout(context.background(), 2.0)
    both = context.limited(parent, 1.0)
    assert (both.remaining(), context.limited(parent, 9.0).remaining()) == (1.0, 2.0)
    cancel()
    assert err(both) is Canceled
    assert context.limited(None, 3.0).remaining() == 3.0
    assert context.limited(parent, None) is parent
    assert context.limited(None, None) is context.background()


def test_metadata_goes_down_to_the_children() -> None:
    ctx = context.with_metadata(context.background(), ("hasleader", "true"))
    child, _ = context.with_cancel(context.with_metadata(ctx, ("a-bin", b"\0")))
    assert context.limited(child, 1.0).metadata == (("hasleader", "true"), ("a-bin", b"\0"))
    assert ctx.metadata == (("hasleader", "true"),)


def test_who_waits_is_told_once_and_may_take_it_back() -> None:
    ctx, cancel = context.with_cancel(context.background())
    told: list[str] = []
    ctx.after(lambda: told.append("kept"))
    ctx.after(lambda: told.append("taken back"))()
    cancel()
    cancel()
    assert told == ["kept"]
    ctx.after(lambda: told.append("late"))()
    assert told == ["kept", "late"]


def test_a_thread_waits_until_another_cancels() -> None:
    ctx, cancel = context.with_timeout(context.background(), 20.0)
    threading.Timer(0.01, cancel).start()
    assert isinstance(ctx.wait(), Canceled)
    assert isinstance(ctx.wait(1e99), Canceled)


def test_a_wait_has_an_end_of_its_own() -> None:
    ctx, _ = context.with_timeout(context.background(), 20.0)
    assert ctx.wait(0.001) is None
    ended, _ = context.with_timeout(ctx, 0.001)
    assert isinstance(ended.wait(), DeadlineExceeded)


def _kept(ctx: Context) -> tuple[int, int]:
    """How many callbacks and children a context has."""
    canceler = ctx._canceler
    assert canceler is not None
    return len(canceler._callbacks), len(canceler._children or ())


def test_a_parent_forgets_children_that_ended_or_were_dropped() -> None:
    parent, _ = context.with_cancel(context.background())
    for _ in range(3):
        child, cancel = context.with_timeout(parent, 20.0)
        child.after(lambda: None)()
        cancel()
        assert _kept(child) == (0, 0)
    del child, cancel
    dropped, cancel = context.with_timeout(parent, 20.0)
    gone = weakref.ref(dropped._canceler)
    assert _kept(parent) == (0, 1)
    del dropped, cancel
    gc.collect()
    assert (_kept(parent), gone()) == ((0, 0), None)


@pytest.mark.parametrize(
    "error",
    [
        Canceled(),
        DeadlineExceeded(),
        errors.ClientClosed(),
        errors.NoAvailableEndpoints(),
        errors.OldCluster(),
        errors.MutuallyExclusiveConfig(),
        errors.StatusError(Code.UNAVAILABLE, "away"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_can_be_copied_and_sent_to_other_processes(error: Exception) -> None:
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(other), str(other), other.args) == (type(error), str(error), error.args)


def test_a_config_is_refused_that_cannot_be_meant() -> None:
    with pytest.raises(errors.NoAvailableEndpoints, match=r"^etcdclient: no available endpoints$"):
        Config(endpoints=[])
    with pytest.raises(TypeError, match="endpoints is a list"):
        Config(endpoints="localhost:2379")
    with pytest.raises(errors.MutuallyExclusiveConfig, match=r"^Username/Password and Token conf"):
        Config(endpoints=["a"], token="t", username="u")
    with pytest.raises(ValueError, match=r"recv limit \(5 bytes\) must be greater than send limit"):
        Config(endpoints=["a"], max_call_send_size=6, max_call_recv_size=5)
    with pytest.raises(ValueError, match="max_unary_retries"):
        Config(endpoints=["a"], max_unary_retries=0)


@dataclass
class _Model:
    """A context, and what it should be."""

    ctx: Context
    cancel: Callable[[], None]
    parent: _Model | None
    deadline: float
    canceled_at: float = math.inf
    told: list[None] = field(default_factory=list)

    def lineage(self) -> list[_Model]:
        return [self, *(self.parent.lineage() if self.parent is not None else ())]

    def expected(self, now: float) -> type[ContextError] | None:
        deadline = min(each.deadline for each in self.lineage())
        canceled_at = min(each.canceled_at for each in self.lineage())
        if min(deadline, canceled_at) > now:
            return None
        return DeadlineExceeded if deadline <= canceled_at else Canceled


class Contexts(RuleBasedStateMachine):
    """Trees of contexts, canceled in any order while time goes on."""

    made = Bundle("made")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.all: list[_Model] = []
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(time, "monotonic", lambda: self.now)

    def teardown(self) -> None:
        self.patch.undo()

    def add(self, parent: _Model | None, timeout: float | None) -> _Model:
        above = context.background() if parent is None else parent.ctx
        if timeout is None:
            ctx, cancel = context.with_cancel(above)
            model = _Model(ctx, cancel, parent, math.inf)
        else:
            ctx, cancel = context.with_timeout(above, timeout)
            model = _Model(ctx, cancel, parent, self.now + timeout)
        ctx.after(lambda: model.told.append(None))
        self.all.append(model)
        return model

    timeouts = st.none() | st.sampled_from([0.0, 1.0, 2.0, 5.0])

    @rule(target=made, timeout=timeouts)
    def root(self, timeout: float | None) -> _Model:
        return self.add(None, timeout)

    @rule(target=made, parent=made, timeout=timeouts)
    def child(self, parent: _Model, timeout: float | None) -> _Model:
        return self.add(parent, timeout)

    @rule(model=made)
    def cancel(self, model: _Model) -> None:
        model.canceled_at = min(model.canceled_at, self.now)
        model.cancel()

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0]))
    def advance(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def all_end_as_they_should(self) -> None:
        for model in self.all:
            assert err(model.ctx) is model.expected(self.now)
            canceled = any(each.canceled_at < math.inf for each in model.lineage())
            assert len(model.told) == canceled
            if canceled:
                assert _kept(model.ctx) == (0, 0)


TestContexts = Contexts.TestCase
TestContexts.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
