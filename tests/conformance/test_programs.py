"""Random programs on fake_etcd's handlers and on the naive etcd, and what a program can be."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import pytest
from google.protobuf.message import Message
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from conformance import auth_requests, normal_form, programs, requests, runner, targets
from conformance.choices import Choices, drawn
from conformance.connection import method_named
from conformance.normal_form import Names
from conformance.programs import Program, Step
from conformance.scenario import Run, Scenario
from conformance.session import Session
from conformance.targets import FakeEtcd, Started
from conformance.transcript import Part
from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.status import OK, Status
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services.call import Receiver
from tests import strategies as shared
from tests.services.handlers import Handlers, MemorySink

from .naive_etcd import Answer, NaiveEtcd

MAX_TXN_OPS = (128, 128, 5, 3)
"""etcd's own, and such as nested transactions of these programs exceed."""


class InProcess:
    """fake_etcd's handlers, asked as the naive etcd is."""

    def __init__(self, max_txn_ops: int = 128) -> None:
        self.handlers = Handlers(Node(NodeConfig(max_txn_ops=max_txn_ops, bcrypt_cost=4)))

    def call(self, method: str, request: Message, token: str | None = None) -> Answer:
        """One call, to its end. A compaction goes on behind it, unless it is waited for."""
        node = self.handlers.node
        sink = MemorySink()
        metadata = () if token is None else (("token", token),)
        try:
            if self.handlers.is_unary(method):
                return [self.handlers.call(method, request, metadata)], OK
            cast(Receiver, self.handlers.open(method, request, sink, metadata))
        except errors.EtcdError as error:
            return [], error.status
        while sink.status is None:
            assert node.next_due(0) is not None, "what waits has something to wait for"
            node.run_due(0)
        return [_decoded(method, each) for each in sink.messages], sink.status

    def finish(self) -> None:
        """Do what is due now; leases are due later."""
        node = self.handlers.node
        while (due := node.next_due(0)) is not None and due <= 0:
            node.run_due(0)


def _decoded(method: str, encoded: bytes) -> Message:
    message = method_named(method).response.FromString(encoded)
    assert message.SerializeToString() == encoded
    return message


def joined(answer: Answer) -> Answer:
    """The chunks of a stream as one."""
    messages, status = answer
    if len(messages) > 1:
        whole = m.RangeStreamResponse()
        for message in messages:
            assert isinstance(message, m.RangeStreamResponse)
            whole.MergeFrom(message)  # lists grow; header, more and count are in the last alone
        messages = [whole]
    return messages, status


# fake_etcd and the naive etcd


KEYS = requests.KEYS[:6]
FILLINGS: tuple[Program, ...] = (
    [],
    [
        Step(
            0,
            "KV/Txn",
            m.TxnRequest(
                success=[
                    m.RequestOp(request_put=m.PutRequest(key=key, value=value))
                    for key, value in zip(KEYS, (b"2", b"1", b"", b"2", b"22", b"1"), strict=True)
                ]
            ),
        )
    ],
    [
        Step(0, "KV/Put", m.PutRequest(key=key, value=b"%d" % place))
        for place, key in enumerate((*KEYS[::2], KEYS[0], *KEYS[1::2], KEYS[0]))
    ],
)
"""What is there before a program: nothing, keys of one revision, keys of several versions."""


def looks(newest: int) -> Program:
    """Reads that show all there is, at every revision, and in every order."""
    everything = functools.partial(m.RangeRequest, key=b"\0", range_end=b"\0")
    asked = [everything(revision=number) for number in range(1, newest + 1)]
    for order, target in itertools.product(range(3), range(5)):
        for limit in (0, 2):
            asked.append(  # noqa: PERF401  # three loops in one expression are too many
                everything(sort_order=order, sort_target=target, limit=limit)
            )
    return [
        *(Step(0, "KV/Range", one) for one in asked),
        *(Step(0, "KV/RangeStream", one) for one in asked),
    ]


class Both:
    """fake_etcd and the naive etcd, asked in step; each caller has a token of each."""

    def __init__(self, max_txn_ops: int = 128) -> None:
        self.actual, self.naive = InProcess(max_txn_ops), NaiveEtcd(max_txn_ops)
        self._tokens = programs.Tokens(), programs.Tokens()

    def play(self, steps: Program) -> None:
        """Ask both, and compare."""
        node = self.actual.handlers.node
        for step in steps:
            request = programs.shifted(step.request, b"", 0)
            of_actual, of_naive = self._tokens
            actual = self.actual.call(step.method, request, of_actual.of(step))
            naive = self.naive.call(step.method, request, of_naive.of(step))
            assert request == step.request, "nobody changes what it is asked"
            of_actual.learn(step, [message.SerializeToString() for message in actual[0]])
            of_naive.learn(step, [message.SerializeToString() for message in naive[0]])
            assert without_token(joined(actual)) == without_token(naive)
            node.store.check()
            node.lessor.check()

    def switch_auth_off(self) -> None:
        """In root's name, whose password is always the same."""
        if self.naive.auth.store.enabled:
            root = auth_requests.ROOT
            authenticate = m.AuthenticateRequest(name=root, password=targets.ROOT_PASSWORD)
            self.play([Step(0, "Auth/Authenticate", authenticate)])
            self.play([Step(0, "Auth/AuthDisable", m.AuthDisableRequest(), root)])
        assert not self.naive.auth.store.enabled


def without_token(answer: Answer) -> Answer:
    """An answer in which every token is the same."""
    messages, status = answer
    for message in messages:
        if isinstance(message, m.AuthenticateResponse) and message.token:
            message.token = "a token"
    return messages, status


def probes() -> Iterator[Step]:
    """Everybody reads every range there is, and would delete it in a branch that is not taken."""
    spans = [
        (key, end)
        for key, end in itertools.product(requests.KEYS, requests.RANGE_ENDS)
        if end in (b"", b"\0") or key <= end
    ]
    for caller, (key, end) in itertools.product(auth_requests.USERS, spans):
        deletion = m.DeleteRangeRequest(key=key, range_end=end)
        txn = m.TxnRequest(failure=[m.RequestOp(request_delete_range=deletion)])
        yield Step(0, "KV/Range", m.RangeRequest(key=key, range_end=end), caller)
        yield Step(0, "KV/Txn", txn, caller)


PROBES = list(probes())


@settings(max_examples=120)
@given(
    st.sampled_from(FILLINGS),
    programs.programs,
    st.lists(shared.good_txns.map(programs._harmless), min_size=2, max_size=4),
    st.lists(shared.ranges, min_size=2, max_size=4),
    st.sampled_from(MAX_TXN_OPS),
)
def test_a_program_is_answered_as_the_naive_etcd_answers_it(
    filling: Program,
    program: Program,
    txns: list[m.TxnRequest],
    ranges: list[m.RangeRequest],
    max_txn_ops: int,
) -> None:
    """Between keys to meet and reads that look at what became of them: by themselves programs
    seldom read more than one key, and most of their transactions are refused."""
    both = Both(max_txn_ops)
    inside = [Step(0, "KV/Txn", one) for one in txns]
    both.play([*filling, *inside, *program])
    both.switch_auth_off()
    both.play([*filling, *inside])
    both.play([Step(0, "KV/Range", one) for one in ranges])
    both.play(looks(both.naive.store.current_revision))
    both.actual.finish()
    both.actual.handlers.node.store.check()
    both.play(looks(both.naive.store.current_revision))


@settings(max_examples=25)
@given(programs.programs_with_auth, programs.programs_about_auth)
def test_everybody_may_do_what_the_naive_etcd_lets_them_do(
    program: Program, changes: Program
) -> None:
    """Before and after users and roles were changed, by root and as root is not asked for it."""
    both = Both()
    both.play(program)
    both.play(PROBES)
    both.play([dataclasses.replace(step, caller=auth_requests.ROOT) for step in changes])
    both.play(PROBES)
    both.switch_auth_off()
    both.play(PROBES)
    both.play(changes)
    both.play(looks(both.naive.store.current_revision))


def test_the_naive_etcd_says_what_a_new_server_says_of_itself() -> None:
    put = m.PutRequest(key=b"a")
    assert InProcess().call("KV/Put", put) == NaiveEtcd().call("KV/Put", put)


# A program elsewhere

PREFIX = b"7/"


def use(server: InProcess) -> int:
    """Give a server a history, in which nothing but a key before the prefix is left.

    Returns:
        How many revisions it has had.
    """
    for key in (b"6", b"7", PREFIX + b"a", b"8", b"7", PREFIX + b"a"):
        server.call("KV/Put", m.PutRequest(key=key, value=b"old"))
    everything = m.DeleteRangeRequest(key=b"6\0", range_end=b"\0")
    server.call("KV/DeleteRange", everything)
    return server.handlers.node.store.current_revision - 1


def take_prefix(message: Message) -> None:
    """Take the prefix from all keys in an answer; all have it."""
    for descriptor, value in message.ListFields():
        if isinstance(value, Message):
            take_prefix(value)
        elif descriptor.name == "key" or (descriptor.name == "range_end" and value != b"\0"):
            assert value.startswith(PREFIX)
            setattr(message, descriptor.name, value[len(PREFIX) :])
        elif descriptor.name == "keys":  # of a lease
            assert all(key.startswith(PREFIX) for key in value)
            value[:] = [key[len(PREFIX) :] for key in value]
        elif not isinstance(value, (bytes, int, str)):
            for each in value:
                if isinstance(each, Message):
                    take_prefix(each)


def normal(method: str, answer: Answer, names: Names) -> tuple[list[object], Status]:
    kind = method_named(method).response
    messages, status = answer
    encoded = [message.SerializeToString() for message in messages]
    return [normal_form.answer_fields(kind, each, names) for each in encoded], status


@settings(max_examples=40)
@given(programs.programs)
def test_a_shifted_program_is_answered_alike_by_a_server_with_a_history(program: Program) -> None:
    new, used = InProcess(), InProcess()
    base = use(used)
    names = Names(), Names(base)
    tokens = programs.Tokens(), programs.Tokens()
    for step in program:
        request = programs.shifted(step.request, PREFIX, base)
        expected = new.call(step.method, step.request, tokens[0].of(step))
        actual = used.call(step.method, request, tokens[1].of(step))
        for mine, (messages, _) in zip(tokens, (expected, actual), strict=True):
            mine.learn(step, [message.SerializeToString() for message in messages])
        for message in actual[0]:
            take_prefix(message)
        assert normal(step.method, actual, names[1]) == normal(step.method, expected, names[0])


@settings(max_examples=40)
@given(programs.steps)
def test_a_shift_is_of_a_copy_and_by_nothing_changes_nothing(step: Step) -> None:
    before = step.request.SerializeToString()
    assert programs.shifted(step.request, b"", 0) == step.request
    programs.shifted(step.request, PREFIX, 100)
    assert step.request.SerializeToString() == before


def test_a_shift_moves_keys_and_revisions_and_nothing_else() -> None:
    compare = m.Compare(key=b"a", range_end=b"b", target=m.Compare.MOD, mod_revision=3)
    other = m.Compare(key=b"a", range_end=b"\0", target=m.Compare.VERSION, version=3)
    request = m.RangeRequest(key=b"a", revision=2, limit=2, max_mod_revision=-1)
    put = m.PutRequest(key=b"k", value=b"a", lease=7)
    inner = m.TxnRequest(failure=[m.RequestOp(request_put=put)])
    txn = m.TxnRequest(
        compare=[compare, other],
        success=[m.RequestOp(request_range=request), m.RequestOp(request_txn=inner)],
    )
    compare = m.Compare(key=b"p/a", range_end=b"p/b", target=m.Compare.MOD, mod_revision=103)
    other = m.Compare(key=b"p/a", range_end=b"\0", target=m.Compare.VERSION, version=3)
    request = m.RangeRequest(key=b"p/a", revision=102, limit=2, max_mod_revision=-1)
    put = m.PutRequest(key=b"p/k", value=b"a", lease=7)
    inner = m.TxnRequest(failure=[m.RequestOp(request_put=put)])
    assert programs.shifted(txn, b"p/", 100) == m.TxnRequest(
        compare=[compare, other],
        success=[m.RequestOp(request_range=request), m.RequestOp(request_txn=inner)],
    )
    nothing = m.RangeRequest(key=b"", revision=2**63 - 1)
    assert programs.shifted(nothing, b"p/", 100) == nothing


# What would end a real etcd


def leaves(txn: m.TxnRequest) -> Iterator[m.RequestOp]:
    """All operations of a transaction and of those inside it, but for these themselves."""
    for operation in (*txn.success, *txn.failure):
        if operation.HasField("request_txn"):
            yield from leaves(operation.request_txn)
        else:
            yield operation


def deletes_to_the_end(operation: m.RequestOp) -> bool:
    return operation.request_delete_range.range_end == b"\0"


_deletions_to_the_end = requests.keys.map(
    lambda key: m.RequestOp(
        request_delete_range=m.DeleteRangeRequest(key=key, range_end=b"\0", prev_kv=True)
    )
)


@st.composite
def dangerous_txns(draw: st.DrawFn) -> m.TxnRequest:
    """Transactions with a deletion to the end in one of their branches, however deep."""
    txn = draw(requests.txns)
    inner = txn
    while nested := [
        one.request_txn for one in (*inner.success, *inner.failure) if one.HasField("request_txn")
    ]:
        if draw(st.booleans()):
            break
        inner = draw(st.sampled_from(nested))
    draw(st.sampled_from((inner.success, inner.failure))).append(draw(_deletions_to_the_end))
    return txn


@settings(max_examples=60)
@given(dangerous_txns())
def test_no_deletion_to_the_end_stays_beside_a_put(txn: m.TxnRequest) -> None:
    before = m.TxnRequest.FromString(txn.SerializeToString())
    harmless = programs._harmless(txn)
    puts = any(one.HasField("request_put") for one in leaves(harmless))
    if not puts:
        assert harmless == before
        return
    assert not any(deletes_to_the_end(one) for one in leaves(harmless))
    for operation in leaves(before):
        if deletes_to_the_end(operation):
            # Still all keys that there can be, for `requests.KEYS` are below.
            operation.request_delete_range.range_end = b"\xff\xff\xff"
    assert harmless == before


# As a scenario


@dataclasses.dataclass(frozen=True, slots=True)
class UsedFakeEtcd:
    """A new fake_etcd that has had some revisions, of which no key is left."""

    name: str = "used"
    is_shared: bool = False

    @contextmanager
    def server(self, flags: tuple[str, ...]) -> Iterator[Started]:
        with FakeEtcd().server(flags) as at:
            session = Session(at.url, at.base)
            session.put(key=b"a", value=b"1")
            session.put(key=b"c", value=b"2")
            deleted = session.delete_range(key=b"\0", range_end=b"\0")
            session.close()
            yield Started(at.url, deleted.header.revision - 1)


def dialogue(run: Run) -> tuple[Part, ...]:
    return runner.converse(Scenario("fuzz", "a_name", run), UsedFakeEtcd()).parts


def executed(source: str) -> Run:
    """The scenario that a source defines."""
    found: list[Run] = []
    exec(source, {"m": m, "scenario": found.append, "Session": Session})
    assert len(found) == 1
    return found[0]


@settings(max_examples=10)
@given(programs.programs)
def test_a_programs_source_does_what_the_program_does(program: Program) -> None:
    scenario = executed(programs.source(program, "a_name"))
    assert dialogue(scenario) == dialogue(lambda session: programs.play(program, session))


@settings(max_examples=60)
@given(programs.steps)
def test_an_expression_makes_the_message(step: Step) -> None:
    class Here:
        @staticmethod
        def at(revision: int) -> int:
            return revision

    expression = programs.expression(step.request)
    assert eval(expression, {"m": m, "s": Here}) == step.request
    assert len(expression) < 10_000


def test_a_source_names_clients_when_they_first_speak() -> None:
    put = m.PutRequest(key=b"a", value=b"v" * 130)
    program = [
        Step(1, "KV/Put", put),
        Step(0, "KV/RangeStream", m.RangeRequest(key=b"a", revision=2)),
        Step(1, "KV/Compact", m.CompactionRequest(revision=-1)),
    ]
    assert programs.source(program, "it_is_so").splitlines() == [
        "@scenario",
        "def it_is_so(s: Session) -> None:",
        "    s2 = s.connect()",
        "    s2.call(\"KV/Put\", m.PutRequest(key=b'a', value=b'vv' * 65))",
        "    s.stream_call(\"KV/RangeStream\", m.RangeRequest(key=b'a', revision=s.at(2)))",
        '    s2.call("KV/Compact", m.CompactionRequest(revision=-1))',
    ]


# What is drawn

Played = list[tuple[Step, Answer]]


def played(program: Program) -> Played:
    server, tokens = NaiveEtcd(), programs.Tokens()
    calls: Played = []
    for step in program:
        calls.append((step, server.call(step.method, step.request, tokens.of(step))))
        tokens.learn(step, [message.SerializeToString() for message in calls[-1][1][0]])
    return calls


def steps_of(*builds: Callable[[Choices], Message]) -> st.SearchStrategy[Program]:
    """One step of each kind, in this order."""
    one_each = (drawn(functools.partial(programs.step_of, build), 8, 60) for build in builds)
    return st.tuples(*one_each).map(list)


def ends_with(error: type[errors.EtcdError]) -> Callable[[Played], bool]:
    return lambda calls: any(status == error.status for _, (_, status) in calls)


def has_nested_success(calls: Played) -> bool:
    return any(
        inner.response_txn.succeeded
        for _, (messages, _) in calls
        for message in messages
        if isinstance(message, m.TxnResponse)
        for inner in message.responses
    )


def reads_below_a_compaction(calls: Played) -> bool:
    compacted = False
    for step, (_, status) in calls:
        if step.method == "KV/Compact":
            compacted = compacted or status == OK
        elif compacted and status == errors.COMPACTED.status:
            return True
    return False


def has_unknown_compare(calls: Played) -> bool:
    return any(
        compare.target not in m.Compare.CompareTarget.values()
        or compare.result not in m.Compare.CompareResult.values()
        for step, (_, status) in calls
        if isinstance(step.request, m.TxnRequest) and status == OK
        for compare in step.request.compare
    )


LARGE = 25_000
"""Bytes of a program with one large value."""


def size(step: Step) -> int:
    return step.request.ByteSize()


def puts_a_large_value(calls: Played) -> bool:
    return any(
        isinstance(step.request, m.PutRequest) and len(step.request.value) > 16_384
        for step, (_, status) in calls
        if status == OK
    )


def deletes_several(calls: Played) -> bool:
    return any(
        isinstance(message, m.DeleteRangeResponse) and message.deleted > 1 and message.prev_kvs
        for _, (messages, _) in calls
        for message in messages
    )


def attaches(calls: Played) -> bool:
    return any(
        kv.lease
        for _, (messages, _) in calls
        for message in messages
        if isinstance(message, m.RangeResponse)
        for kv in message.kvs
    )


def moves_a_key(calls: Played) -> bool:
    return any(
        isinstance(step.request, m.PutRequest) and 0 != message.prev_kv.lease != step.request.lease
        for step, (messages, _) in calls
        for message in messages
        if isinstance(message, m.PutResponse)
    )


def shows_keys(calls: Played) -> bool:
    return any(
        isinstance(message, m.LeaseTimeToLiveResponse) and len(message.keys) > 1
        for _, (messages, _) in calls
        for message in messages
    )


def revokes_keys(calls: Played) -> bool:
    return any(
        isinstance(message, m.LeaseRevokeResponse) and message.header.revision > 2
        for _, (messages, _) in calls
        for message in messages
    )


def a_user_does(method: str) -> Callable[[Played], bool]:
    return lambda calls: any(
        step.method == method and step.caller in ("u", "v") and status == OK
        for step, (_, status) in calls
    )


def has_three_clients(calls: Played) -> bool:
    return {step.client for step, _ in calls} == {0, 1, 2}


DRAWN: dict[str, tuple[st.SearchStrategy[Program], Callable[[Played], bool]]] = {
    "three clients": (programs.programs, has_three_clients),
    "an empty key": (programs.programs, ends_with(errors.EMPTY_KEY)),
    "a large value": (programs.programs, puts_a_large_value),
    "a revision to come": (programs.programs, ends_with(errors.FUTURE_REV)),
    "an unknown enum of a range": (
        steps_of(requests.any_range),
        ends_with(errors.INVALID_SORT_OPTION),
    ),
    "an unknown enum inside a transaction": (
        steps_of(requests.txn),
        ends_with(errors.INVALID_SORT_OPTION),
    ),
    "an unknown enum of a compare": (steps_of(requests.txn), has_unknown_compare),
    "a lease that is not there": (
        steps_of(requests.any_put),
        ends_with(errors.LEASE_NOT_FOUND),
    ),
    "a put that moves a key from lease to lease": (
        steps_of(requests.grant, requests.grant, requests.leased_put, requests.leased_put),
        moves_a_key,
    ),
    "a lease with several keys": (
        steps_of(requests.grant, requests.leased_put, requests.leased_put, requests.time_to_live),
        shows_keys,
    ),
    "a revocation that deletes": (
        steps_of(requests.grant, requests.leased_put, requests.revocation),
        revokes_keys,
    ),
    "a lease that lives for too long": (
        steps_of(requests.grant),
        ends_with(errors.LEASE_TTL_TOO_LARGE),
    ),
    "a lease that is there": (
        steps_of(requests.grant, requests.grant),
        ends_with(errors.LEASE_EXIST),
    ),
    "a whole program with a lease in it": (programs.programs, attaches),
    "a value to keep that is not there": (
        steps_of(requests.any_put),
        ends_with(errors.KEY_NOT_FOUND),
    ),
    "an operation that is none": (steps_of(requests.txn), ends_with(errors.KEY_NOT_FOUND)),
    "a nested transaction that succeeds": (steps_of(requests.txn), has_nested_success),
    "an overlap": (steps_of(requests.txn), ends_with(errors.DUPLICATE_KEY)),
    "a compaction that succeeds and a read below it": (
        steps_of(requests.good_put, requests.good_put, requests.compaction, requests.any_range),
        reads_below_a_compaction,
    ),
    "a user who may not": (programs.programs_with_auth, ends_with(errors.PERMISSION_DENIED)),
    "a transaction that a user may": (programs.programs_with_auth, a_user_does("KV/Txn")),
    "a deletion that a user may": (programs.programs_with_auth, a_user_does("KV/DeleteRange")),
    "a lease that a user revokes": (programs.programs_with_auth, a_user_does("Lease/LeaseRevoke")),
    "a token that is none": (programs.programs_with_auth, ends_with(errors.INVALID_AUTH_TOKEN)),
    "a call in nobody's name": (programs.programs_with_auth, ends_with(errors.USER_EMPTY)),
    "a wrong password": (programs.programs_with_auth, ends_with(errors.AUTH_FAILED)),
    "a role that is root's to keep": (
        programs.programs_with_auth,
        ends_with(errors.INVALID_AUTH_MGMT),
    ),
    "auth that a program itself switches on": (
        programs.programs_about_auth,
        ends_with(errors.ROOT_ROLE_NOT_EXIST),
    ),
    "a permission that is not granted": (
        programs.programs_about_auth,
        ends_with(errors.PERMISSION_NOT_GRANTED),
    ),
    "a deletion of several keys": (
        steps_of(requests.good_put, requests.good_put, requests.good_delete),
        deletes_several,
    ),
}
"""What there is to be drawn: from steps of some kinds where whole programs have it too seldom."""


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("name", DRAWN)
def test_there_is(name: str) -> None:
    strategy, is_so = DRAWN[name]
    most = LARGE if is_so is puts_a_large_value else 5_000
    find(
        strategy,
        # What is found is printed to nobody, which takes seconds where it is large.
        lambda program: sum(map(size, program)) <= most and is_so(played(program)),
        settings=settings(max_examples=2_000, phases=(Phase.generate,), database=None),
        random=random.Random(0),
    )


@settings(max_examples=30)
@given(programs.plain_programs | programs.programs_about_auth)
def test_a_program_has_3_to_12_steps_that_belong_to_their_methods(program: Program) -> None:
    assert 3 <= len(program) <= programs.MOST_STEPS == 12
    for step in program:
        assert step.client in range(programs.CLIENTS)
        assert isinstance(step.request, method_named(step.method).request)


@settings(max_examples=30)
@given(programs.programs_with_auth)
def test_a_program_of_several_users_begins_with_all_of_them_signed_in(program: Program) -> None:
    assert len(program) <= programs.MOST_STEPS_WITH_AUTH
    for step in program:
        assert isinstance(step.request, method_named(step.method).request)
    signed_in = [
        step.request.name
        for step, (messages, _) in played(program)
        if isinstance(step.request, m.AuthenticateRequest) and messages
    ]
    assert set(signed_in) >= {"root", "u"}


@settings(max_examples=200)
@given(programs.programs_with_auth)
def test_only_root_asks_for_a_range_that_ends_before_it_begins(program: Program) -> None:
    def is_upright(message: Message) -> bool:
        key, end = (getattr(message, name, b"") for name in ("key", "range_end"))
        inner = [
            each
            for _, value in message.ListFields()
            for each in ([value] if isinstance(value, Message) else value if is_list(value) else ())
            if isinstance(each, Message)
        ]
        return (end in (b"", b"\0") or key <= end) and all(map(is_upright, inner))

    for step in program:
        if step.caller != "root" and not step.method.startswith("Auth/"):
            assert is_upright(step.request)


def is_list(value: object) -> bool:
    return not isinstance(value, (bytes, int, str, Message))
