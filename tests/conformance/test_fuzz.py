"""The fuzzer: servers that are equal, one that lies, one that is gone."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest
from google.protobuf.message import Message

from conformance import cli, fuzz, programs, targets
from conformance.fuzz import Batch, Differs, Done, Pair
from conformance.oracle import free_ports
from conformance.programs import Program, Step
from conformance.session import Session
from conformance.targets import CouldNotRun, FakeEtcd, Started, Target
from fake_etcd.api import messages as m
from fake_etcd.api.status import Code, Status
from fake_etcd.cli import background
from fake_etcd.core.node import Node
from fake_etcd.services import kv, registry
from fake_etcd.services.call import Call, UnaryHandler

Patch = pytest.MonkeyPatch

Lie = Callable[[Node, m.RangeRequest, m.RangeResponse], None]
"""Spoils a true answer of KV/Range, or leaves it as it is."""


def miscounts_with_a_limit(node: Node, request: m.RangeRequest, answer: m.RangeResponse) -> None:
    if request.limit:
        answer.count += 1


def names_another_lease(node: Node, request: m.RangeRequest, answer: m.RangeResponse) -> None:
    """Both are ids of the program's own."""
    for each in answer.kvs:
        each.lease = {7: -1, -1: 7}.get(each.lease, 0)


def miscounts_late(node: Node, request: m.RangeRequest, answer: m.RangeResponse) -> None:
    """After more revisions than one program makes."""
    if node.store.current_revision > 200:
        answer.count += 1


def miscounts_below_a_prefix(node: Node, request: m.RangeRequest, answer: m.RangeResponse) -> None:
    """A fault that comes with the fuzzer's own prefixes ("7/a") and never without."""
    if b"/" in request.key:
        answer.count += 1


def miscounts_with_auth(node: Node, request: m.RangeRequest, answer: m.RangeResponse) -> None:
    """Who is answered was let through."""
    if node.auth.enabled:
        answer.count += 1


@dataclass
class Liar:
    """A fake_etcd whose KV/Range lies."""

    lie: Lie
    name: str = "liar"
    is_shared: bool = False
    started: int = 0
    running: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def server(self, flags: tuple[str, ...]) -> Iterator[Started]:
        with contextlib.ExitStack() as stack:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(kv, "unary", self._handlers)
                # All handlers are made while it starts, for others may not lie.
                patch.setattr(registry, "endpoints", lambda node: dict(_true_endpoints(node)))
                url = stack.enter_context(background.serve(flags))
            self.started += 1
            self.running.append(url)
            yield Started(url)
            self.running.remove(url)

    def _handlers(self, node: Node) -> dict[str, UnaryHandler]:
        handlers = _true_handlers(node)
        true_range = handlers["range"]

        def lying_range(request: m.RangeRequest, call: Call) -> bytes:
            answer = m.RangeResponse.FromString(true_range(request, call))
            self.lie(node, request, answer)
            return answer.SerializeToString()

        handlers["range"] = lying_range  # type: ignore[assignment]  # it takes its own request
        return handlers


_true_handlers = kv.unary
_true_endpoints = registry.endpoints


@dataclass
class Served:
    """Whatever server a function gives."""

    serve: Callable[[], AbstractContextManager[str]]
    name: str = "served"
    is_shared: bool = True

    @contextlib.contextmanager
    def server(self, flags: tuple[str, ...]) -> Iterator[Started]:
        with self.serve() as url:
            yield Started(url)


@contextlib.contextmanager
def used() -> Iterator[str]:
    """A fake_etcd that holds keys."""
    with background.serve() as url, contextlib.closing(Session(url)) as session:
        session.put(key=b"a")
        session.put(key=b"x")
        yield url


@contextlib.contextmanager
def compacted() -> Iterator[str]:
    """A fake_etcd on which others have compacted."""
    with used() as url, contextlib.closing(Session(url)) as session:
        session.compact(revision=2)
        yield url


def grant(id: int) -> Step:
    return Step(0, "Lease/LeaseGrant", m.LeaseGrantRequest(ID=id, TTL=60))


PUT = Step(0, "KV/Put", m.PutRequest(key=b"a", value=b"1"))
READ = Step(1, "KV/Range", m.RangeRequest(key=b"a"))
LIMITED = Step(2, "KV/Range", m.RangeRequest(key=b"a", limit=2))
_GRANT_7 = m.LeaseGrantRequest(ID=7, TTL=60).SerializeToString()
LAST = Step(1, "KV/RangeStream", m.RangeRequest(key=b"a", range_end=b"\0", revision=2))
EVERYTHING: Program = [
    PUT,
    READ,
    LIMITED,
    Step(0, "KV/Txn", m.TxnRequest(success=[m.RequestOp(request_put=m.PutRequest(key=b"b"))])),
    Step(1, "KV/Compact", m.CompactionRequest(revision=2, physical=True)),
    LAST,
    Step(2, "KV/DeleteRange", m.DeleteRangeRequest(key=b"a", range_end=b"\0", prev_kv=True)),
    Step(0, "KV/Put", m.PutRequest()),
    Step(0, "KV/RangeStream", m.RangeRequest(key=b"a", sort_order=m.RangeRequest.DESCEND)),
]


def found_by(lie: Lie, monkeypatch: pytest.MonkeyPatch, examples: int = 300) -> Done:
    """What a batch of fake_etcd against such a liar gives."""
    those: dict[str, Target] = {"fake_etcd": FakeEtcd(), "liar": Liar(lie)}
    monkeypatch.setattr(targets, "named", lambda name, *, may_wipe: those[name])
    return fuzz.run_batch(Batch("fake_etcd", "liar", may_wipe=False, seed=1, examples=examples))


# A pair


def test_two_servers_that_are_equal_have_no_difference() -> None:
    with Pair(FakeEtcd(), FakeEtcd()) as pair:
        for _ in range(3):
            pair.play(EVERYTHING)
        assert (pair.programs, pair.calls) == (3, 3 * len(EVERYTHING))


def test_servers_may_have_different_histories() -> None:
    with Pair(FakeEtcd(), Served(used)) as pair:
        for _ in range(3):
            pair.play(EVERYTHING)


def test_a_server_on_which_others_have_compacted_is_equal_to_a_new_one() -> None:
    with Pair(FakeEtcd(), Served(compacted)) as pair:
        pair.play([PUT, Step(0, "KV/Compact", m.CompactionRequest(revision=0))])


def test_a_pair_starts_nothing_before_it_plays_and_new_servers_after_a_difference() -> None:
    liar = Liar(miscounts_with_a_limit)
    with Pair(FakeEtcd(), liar) as pair:
        assert liar.started == 0
        pair.play([PUT, READ])
        pair.play([PUT, READ])
        assert liar.started == 1
        with pytest.raises(Differs) as caught:
            pair.play([PUT, READ, LIMITED, LAST])
        assert liar.running == []
        pair.play([PUT, READ])
        assert (liar.started, len(liar.running)) == (2, 1)
        assert (pair.programs, pair.calls) == (4, 9)  # it ends where it differs
    assert liar.running == []
    assert caught.value.program == [PUT, READ, LIMITED, LAST]
    assert str(caught.value).startswith("step 3: ")


def test_what_a_program_leaves_is_gone_for_the_next() -> None:
    everything = Step(0, "KV/Range", m.RangeRequest(key=b"\0", range_end=b"\0"))
    first: list[int] = []

    def notes_the_count(node: Node, request: m.RangeRequest, answer: m.RangeResponse) -> None:
        first.append(answer.count)

    with Pair(FakeEtcd(), Liar(notes_the_count)) as pair:
        pair.play([PUT, everything])
        pair.play([everything])
        pair.play([PUT, everything])
    assert first == [1, 0, 1]


def test_leases_that_a_program_leaves_are_gone_for_the_next() -> None:
    leased = Step(1, "KV/Put", m.PutRequest(key=b"a", lease=7))
    shown = Step(1, "Lease/LeaseTimeToLive", m.LeaseTimeToLiveRequest(ID=7, keys=True))
    with Pair(FakeEtcd(), Served(used)) as pair:
        for _ in range(3):
            pair.play([grant(7), leased, READ, shown])
        assert pair.calls == 12
        assert [side.call(0, "Lease/LeaseGrant", _GRANT_7)[1].code for side in pair._sides] == [
            Code.FAILED_PRECONDITION
        ] * 2
        pair.play([Step(0, "Lease/LeaseLeases", m.LeaseLeasesRequest())])
        assert [side._leases() for side in pair._sides] == [[], []]


def auth(name: str, request: Message, caller: str = "") -> Step:
    return Step(0, f"Auth/{name}", request, caller)


WITH_ROOT: Program = [
    auth("UserAdd", m.AuthUserAddRequest(name="root", password=targets.ROOT_PASSWORD)),
    auth("UserGrantRole", m.AuthUserGrantRoleRequest(user="root", role="root")),
    auth("RoleAdd", m.AuthRoleAddRequest(name="r")),
    auth("AuthEnable", m.AuthEnableRequest()),
    auth("Authenticate", m.AuthenticateRequest(name="root", password=targets.ROOT_PASSWORD)),
]


def test_users_that_a_program_leaves_are_gone_for_the_next() -> None:
    by_root = dataclasses.replace(PUT, caller="root")
    revoked = auth("AuthDisable", m.AuthDisableRequest(), "root")
    with Pair(FakeEtcd(), Served(used)) as pair:
        for program in (WITH_ROOT, [*WITH_ROOT, by_root, revoked], [*WITH_ROOT, PUT, by_root]):
            pair.play(program)
            assert [side.auth_base for side in pair._sides] == [pair._sides[0].auth_base] * 2
        pair.play([PUT])
        for side in pair._sides:
            assert side._auth_status().enabled is False
            for listed in ("Auth/UserList", "Auth/RoleList"):
                ((answer,), _) = side.call(0, listed, b"")
                response = m.AuthUserListResponse.FromString(answer)
                assert list(response.users) == []


def test_a_caller_has_the_newest_token_of_the_server_that_is_asked() -> None:
    who_am_i = auth("UserGet", m.AuthUserGetRequest(name="root"), "root")
    again = WITH_ROOT[-1]
    change = m.AuthUserChangePasswordRequest(name="root", password=targets.ROOT_PASSWORD)
    with Pair(FakeEtcd(), FakeEtcd()) as pair:
        pair.play([*WITH_ROOT, who_am_i, again, who_am_i])
        pair.play([*WITH_ROOT, auth("UserChangePassword", change, "root"), who_am_i, again])
        pair.play([*WITH_ROOT, dataclasses.replace(who_am_i, caller=programs.STRANGER)])
    tokens = programs.Tokens()
    assert tokens.of(READ) is None
    assert tokens.of(who_am_i) == programs.STRANGERS_TOKEN
    tokens.learn(again, [m.AuthenticateResponse(token="one").SerializeToString()])
    tokens.learn(again, [m.AuthenticateResponse(token="two").SerializeToString()])
    assert tokens.of(who_am_i) == "two"
    tokens.learn(again, [])
    assert tokens.of(who_am_i) == ""


def test_a_server_without_users_is_a_difference_and_no_end(monkeypatch: Patch) -> None:
    with Pair(FakeEtcd(), FakeEtcd()) as pair:
        pair.play([PUT])
        deaf = pair._sides[1]
        monkeypatch.setattr(pair, "_stop", lambda: None)
        answers = deaf.call

        def without_auth(client: int, method: str, *rest: Any) -> fuzz.Outcome:
            if method.startswith("Auth/"):
                return [], Status(Code.UNIMPLEMENTED, "unknown service etcdserverpb.Auth")
            return answers(client, method, *rest)

        monkeypatch.setattr(deaf, "call", without_auth)
        with pytest.raises(Differs, match="step 1: "):
            pair.play(WITH_ROOT)
        deaf.begin()


def test_an_id_that_a_program_chose_is_compared_by_itself() -> None:
    leased = Step(1, "KV/Put", m.PutRequest(key=b"a", lease=7))
    with Pair(FakeEtcd(), Liar(names_another_lease)) as pair:
        with pytest.raises(Differs) as caught:
            pair.play([grant(7), grant(-1), leased, READ])
        assert str(caught.value).startswith("step 4: ")


def test_a_server_that_does_not_answer_cannot_be_run_on() -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    with (
        Pair(FakeEtcd(), Served(lambda: contextlib.nullcontext(url))) as pair,
        pytest.raises(CouldNotRun, match=f"{url}: UNAVAIL"),
    ):
        pair.play([PUT])


def test_a_server_that_ends_between_two_programs_cannot_be_run_on() -> None:
    with contextlib.ExitStack() as mortal:
        url = mortal.enter_context(background.serve())
        there = Served(lambda: contextlib.nullcontext(url))
        with Pair(FakeEtcd(), there) as pair:
            pair.play(EVERYTHING)
            mortal.close()
            with pytest.raises(CouldNotRun, match="UNAVAILABLE"):
                pair.play(EVERYTHING)


# A batch


def test_a_batch_on_equal_servers_finds_nothing() -> None:
    done = fuzz.run_batch(Batch("fake_etcd", "fake_etcd", may_wipe=False, seed=5, examples=20))
    assert (done.programs, done.finding) == (20, "")
    assert 3 * 20 <= done.calls <= programs.MOST_STEPS_WITH_AUTH * 20


def test_the_same_seed_plays_the_same_programs() -> None:
    counts = {
        fuzz.run_batch(Batch("fake_etcd", "fake_etcd", may_wipe=False, seed=5, examples=10)).calls
        for _ in range(2)
    }
    assert len(counts) == 1


def test_a_lie_is_found_shrunk_and_printed_as_a_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    done = found_by(miscounts_with_a_limit, monkeypatch)
    source, _, difference = done.finding.partition("\n\n")
    lines = source.splitlines()
    assert lines[:2] == [
        "@scenario",
        "def a_program_that_is_answered_differently(s: Session) -> None:",
    ]
    steps = lines[2:]
    assert 1 <= len(steps) <= 2, "no more is left than it takes"
    assert all(step.startswith("    s.call(") for step in steps), "one client is enough"
    lying = [number for number, step in enumerate(steps, 1) if "limit=" in step]
    assert lying == [len(steps)], "the others are as simple as they can be"
    compile(source, "finding", "exec")

    shown = difference.splitlines()
    assert shown[0] == f"exchange {len(steps)}:"
    assert shown[1].startswith("  > KV/Range key: ")
    changed = [line for line in shown[1:] if not line.startswith("  ")]
    assert changed[-1].startswith("+     count: ")
    assert len(changed) <= 4
    assert shown[-1] == "  = OK"


def test_a_difference_that_a_server_of_its_own_does_not_show_is_said_to_be_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = found_by(miscounts_below_a_prefix, monkeypatch)
    assert done.finding.startswith("@scenario\ndef a_program_that_is_answered_differently(")
    assert "(answered alike on servers of its own, so not by itself; seed 1)" in done.finding
    assert "\nstep " in done.finding
    assert "\nexchange" not in done.finding


def test_a_lie_to_users_is_found_and_printed_with_their_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = found_by(miscounts_with_auth, monkeypatch)
    source, _, difference = done.finding.partition("\n\n")
    assert re.search(r"\n    (root|u|v) = s\.log_in\('\1', ", source)
    called = r'with_metadata\(\("token", (root|u|v)\.token\)\)\.call\("KV/Range", '
    assert re.search(called, source)
    assert len(source.splitlines()) <= 2 + 9, "no more is left than it takes"
    compile(source, "finding", "exec")
    assert 'metadata { key: "token" value: "token#1" }' in " ".join(difference.split())
    assert "+     count: " in difference


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
def test_a_difference_that_needs_a_history_is_said_to_be_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = found_by(miscounts_late, monkeypatch)
    assert "(answered alike on servers of its own, so not by itself; seed 1)" in done.finding


# Batches in processes


def test_all_batches_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "BATCH", 4)
    seen: list[Done] = []
    findings = fuzz.run(
        "fake_etcd",
        "fake_etcd",
        may_wipe=False,
        seed=3,
        examples=7,
        jobs=2,
        seen=seen.append,
    )
    assert findings == []
    assert sorted(done.programs for done in seen) == [3, 4]


@pytest.fixture
def sigterm() -> Iterator[None]:
    """Puts back what the command line changes."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("sigterm")
def test_a_server_that_is_there_is_fuzzed_from_the_command_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with background.serve() as url:
        assert cli.main(["fuzz", "--against", url, "--examples", "5"]) == 0
        assert f"{url} against fake_etcd: 5 programs, 0 differences, " in capsys.readouterr().out


@pytest.mark.usefixtures("sigterm")
def test_a_server_with_keys_is_not_fuzzed(capsys: pytest.CaptureFixture[str]) -> None:
    with used() as url:
        assert cli.main(["fuzz", "--against", url, "--examples", "3"]) == 2
        assert f"{url} holds 2 keys" in capsys.readouterr().err


@pytest.mark.usefixtures("sigterm")
def test_a_server_whose_keys_may_be_deleted_is_fuzzed() -> None:
    with used() as url, contextlib.closing(Session(url)) as session:
        assert session.range(key=b"x").count == 1
        assert cli.main(["fuzz", "--against", url, "--examples", "3", "--wipe"]) == 0
        assert session.range(key=b"x").count == 0


@pytest.mark.usefixtures("sigterm")
def test_differences_are_numbered_and_give_exit_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def finds_two(expected: str, actual: str, **options: object) -> list[str]:
        assert (options["examples"], options["seed"], options["jobs"]) == (9, 4, 1)
        return ["one\n", "two\n"]

    monkeypatch.setattr(fuzz, "run", finds_two)
    command = ["fuzz", "--against", "localhost:1", "--examples", "9", "--seed", "4"]
    assert cli.main(command) == 1
    printed = capsys.readouterr().out
    assert "--- difference 1; - is fake_etcd, + is localhost:1\none\n" in printed
    assert "--- difference 2; - is fake_etcd, + is localhost:1\ntwo\n" in printed
    assert "9 programs, 2 differences, " in printed
