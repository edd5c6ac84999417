"""Plays random programs on two servers in step and compares every answer.

Programs come in batches. A batch keeps one pair of servers and its connections; each program has
its own prefix of keys, and whatever it leaves is deleted. The last of its clients calls through the
JSON gateway. A program that is answered differently is shrunk by hypothesis, then tried once more
on servers of its own and printed as a scenario.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import cast

import grpc
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Flaky

from fake_etcd.api import messages as m
from fake_etcd.api.methods import Kind
from fake_etcd.api.status import OK, Status

from . import auth_requests, connection, gateway, normal_form, programs, runner, targets
from .connection import CALL_SECONDS, method_named
from .difference import differences
from .normal_form import Names
from .programs import Program, Step, Tokens
from .scenario import Scenario
from .session import Session
from .targets import CouldNotRun, Target
from .witnesses import Told, Witnesses

BATCH = 1_000
"""Programs that one pair of servers is kept for."""

FLAGS = ("--bcrypt-cost=4",)
"""Of servers that are started: most programs with users check some password."""

_EVERYTHING = m.DeleteRangeRequest(key=b"\0", range_end=b"\0").SerializeToString()

_BY_JSON = programs.CLIENTS - 1
"""The client that calls through the gateway, where there is one."""

Outcome = tuple[list[bytes], Status]
"""The encoded answers of a call, and how it ended."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a process is told to do.

    Args:
        expected, actual: names of the targets.
        may_wipe: see `targets.named`.
        seed: of hypothesis.
        examples: how many programs.
    """

    expected: str
    actual: str
    may_wipe: bool
    seed: int
    examples: int


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a batch.

    Args:
        programs: how many were played, those played while shrinking included.
        calls: how many calls those were, on each server.
        finding: for people: a program that is answered differently, and how. Empty if none is.
    """

    programs: int
    calls: int
    finding: str = ""


class Differs(AssertionError):
    """Two servers answered a program differently."""

    def __init__(self, program: Program, step: int, outcomes: list[str]) -> None:
        super().__init__(f"step {step}: {outcomes[0]} and {outcomes[1]}")
        self.program = program
        self.step = step


class Side:
    """One of the two servers, with a program's connections."""

    def __init__(self, url: str) -> None:
        self.base = 0
        self.url = url
        self._channels = [
            grpc.insecure_channel(url.removeprefix("http://"), connection.OPTIONS)
            for _ in range(programs.CLIENTS)
        ]
        self._gateway = gateway.Caller(url)
        self._has_gateway = self._gateway.is_there()
        self._calls: dict[tuple[int, str], _Caller] = {}
        self.auth_base = 0
        self._may_have_users = False

    def close(self) -> None:
        for channel in self._channels:
            channel.close()
        self._gateway.close()

    def begin(self) -> None:
        """Delete what there is, leases, users and roles too, and count from here.

        Raises:
            CouldNotRun: the server does not answer.
        """
        if self._may_have_users:
            self._forget_users()
        for id in self._leases():
            self.call(0, "Lease/LeaseRevoke", m.LeaseRevokeRequest(ID=id).SerializeToString())
        answers, status = self.call(0, "KV/DeleteRange", _EVERYTHING)
        if not answers:
            raise CouldNotRun(f"{self.url}: {status.code.name}: {status.message}")
        self.base = m.DeleteRangeResponse.FromString(answers[0]).header.revision - 1

    def expect(self, program: Program) -> None:
        """Be ready for a program."""
        if programs.uses_auth(program):
            self._may_have_users = True
            # Of a server that has no users it is 0, of a new one 1.
            self.auth_base = max(self._auth_status().authRevision, 1) - 1

    def _forget_users(self) -> None:
        """Switch auth off, and delete all users and roles.

        Raises:
            CouldNotRun: it cannot be switched off.
        """
        if self._auth_status().enabled:
            self._disable()
        answers, _ = self.call(0, "Auth/UserList", b"")
        for name in [
            name for one in answers for name in m.AuthUserListResponse.FromString(one).users
        ]:
            doomed = m.AuthUserDeleteRequest(name=name)
            self.call(0, "Auth/UserDelete", doomed.SerializeToString())
        answers, _ = self.call(0, "Auth/RoleList", b"")
        for name in [
            name for one in answers for name in m.AuthRoleListResponse.FromString(one).roles
        ]:
            role = m.AuthRoleDeleteRequest(role=name)
            self.call(0, "Auth/RoleDelete", role.SerializeToString())
        self._may_have_users = False

    def _disable(self) -> None:
        asked = m.AuthenticateRequest(name=auth_requests.ROOT, password=targets.ROOT_PASSWORD)
        answers, status = self.call(0, "Auth/Authenticate", asked.SerializeToString())
        if status == OK:
            token = m.AuthenticateResponse.FromString(answers[0]).token
            _, status = self.call(0, "Auth/AuthDisable", b"", token)
        if status != OK:
            raise CouldNotRun(f"{self.url}: auth cannot be switched off: {status}")

    def _auth_status(self) -> m.AuthStatusResponse:
        """Of a server that has no such thing, that it is off."""
        answers, _ = self.call(0, "Auth/AuthStatus", b"")
        return m.AuthStatusResponse.FromString(answers[0] if answers else b"")

    def _leases(self) -> list[int]:
        """The ids of all leases; of a server that has no such thing, none."""
        answers, _ = self.call(0, "Lease/LeaseLeases", b"")
        return [each.ID for one in answers for each in m.LeaseLeasesResponse.FromString(one).leases]

    def age(self) -> None:
        """Compact all there has been: a server that never was answers some requests otherwise."""
        self.call(0, "KV/Put", m.PutRequest(key=b"a").SerializeToString())
        self.begin()
        compaction = m.CompactionRequest(revision=self.base + 1)
        self.call(0, "KV/Compact", compaction.SerializeToString())

    def call(self, client: int, method: str, request: bytes, token: str | None = None) -> Outcome:
        """One call, to its end; the last client makes it through the gateway, if it can."""
        called = method_named(method)
        is_json = client == _BY_JSON and self._has_gateway
        if is_json and called.kind is Kind.UNARY and called.gateway is not None:
            return self._gateway.call(called, request, token)
        call = self._calls.get((client, method))
        if call is None:
            call = self._calls[client, method] = _caller(self._channels[client], method)
        return call(request, None if token is None else (("token", token),))


_Metadata = tuple[tuple[str, str], ...]
_Caller = Callable[[bytes, _Metadata | None], Outcome]


def _caller(channel: grpc.Channel, name: str) -> _Caller:
    method = method_named(name)
    if method.kind is Kind.UNARY:
        unary: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method.path)

        def call_unary(request: bytes, metadata: _Metadata | None) -> Outcome:
            try:
                return [unary(request, timeout=CALL_SECONDS, metadata=metadata)], OK
            except grpc.RpcError as error:
                return [], connection.status_of(cast(grpc.Call, error))

        return call_unary
    streaming: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(method.path)

    def call_stream(request: bytes, metadata: _Metadata | None) -> Outcome:
        call = streaming(request, timeout=CALL_SECONDS, metadata=metadata)
        answers: list[bytes] = []
        with contextlib.suppress(grpc.RpcError):
            answers.extend(call)
        return answers, connection.status_of(call)

    return call_stream


class Pair:
    """Two servers in step: each is asked everything that the other is.

    Args:
        expected, actual: what they are. They are started when they are first needed, and anew
            after a difference, which may have left them with different histories.
    """

    def __init__(self, expected: Target, actual: Target) -> None:
        self._targets = (expected, actual)
        self._sides: list[Side] = []
        self._stack = contextlib.ExitStack()
        self._numbers = itertools.count(1)
        self._witnesses: list[Witnesses] = []
        self.programs = 0
        self.calls = 0
        self.difference: Differs | None = None

    def __enter__(self) -> Pair:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        self._sides = []
        self._stack.close()

    def play(self, program: Program) -> None:
        """Play a program on both.

        Raises:
            Differs: at the first answer that is not the same in the transcripts' normal form.
        """
        self._start()
        prefix = b"%d/" % next(self._numbers)
        self.programs += 1
        for side in self._sides:
            side.begin()
            side.expect(program)
        names = [Names(side.base, side.auth_base) for side in self._sides]
        tokens = [Tokens() for _ in self._sides]
        for number, step in enumerate(program, 1):
            self.calls += 1
            outcomes = [
                _call(side, step, prefix, own)
                for side, own in zip(self._sides, tokens, strict=True)
            ]
            # Bytes first: servers with the same ids and history give the same, for next to nothing.
            if outcomes[0] != outcomes[1]:
                for each in names:
                    _learn_ids(program[:number], each)
                normal = [_normal(step, *each) for each in zip(outcomes, names, strict=True)]
                if normal[0] != normal[1]:
                    self._stop()
                    self.difference = Differs(program, number, normal)
                    raise self.difference

    def told(self) -> list[Told]:
        """What watchers that looked on were told of all programs so far, by each server.

        Nothing where there was a difference before: the servers are new then.
        """
        if not self._sides or self.difference is not None:
            return []
        for side in self._sides:
            side.begin()
        return [
            witnesses.told(side.base + 1)
            for witnesses, side in zip(self._witnesses, self._sides, strict=True)
        ]

    def _start(self) -> None:
        if self._sides:
            return
        with contextlib.ExitStack() as stack:
            sides = []
            for target in self._targets:
                at = stack.enter_context(target.server(() if target.is_shared else FLAGS))
                sides.append(stack.enter_context(contextlib.closing(Side(at.url))))
            self._witnesses = []
            if any(target.is_shared for target in self._targets):
                # Its revisions are others, and with them the events: nobody looks on.
                for side in sides:
                    side.age()
            else:
                self._witnesses += [
                    stack.enter_context(contextlib.closing(Witnesses(side.url))) for side in sides
                ]
            self._sides, self._stack = sides, stack.pop_all()


def _call(side: Side, step: Step, prefix: bytes, tokens: Tokens) -> Outcome:
    request = programs.shifted(step.request, prefix, side.base)
    encoded = request.SerializeToString()
    outcome = side.call(step.client, step.method, encoded, tokens.of(step))
    tokens.learn(step, outcome[0])
    return outcome


def _learn_ids(steps: Program, names: Names) -> None:
    """Ids that the program chose are what they are, and get no names."""
    for step in steps:
        normal_form.message_fields(step.request, names, sent=True)


def _normal(step: Step, outcome: Outcome, names: Names) -> str:
    answers, status = outcome
    kind = method_named(step.method).response
    fields = [normal_form.answer_fields(kind, answer, names) for answer in answers]
    return f"{fields} {status.code.name} {normal_form.text(status.message)!r}"


def run_batch(batch: Batch) -> Done:
    """Play a batch, in this process.

    Raises:
        CouldNotRun: a server cannot be had, or is gone.
    """
    expected, actual = (
        targets.named(name, may_wipe=batch.may_wipe) for name in (batch.expected, batch.actual)
    )
    with Pair(expected, actual) as pair:

        @seed(batch.seed)
        @settings(
            max_examples=batch.examples,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=tuple(HealthCheck),
            verbosity=Verbosity.quiet,
            database=None,
            deadline=None,
        )
        @given(programs.programs)
        def play(program: Program) -> None:
            pair.play(program)

        finding = ""
        try:
            play()
        except (Differs, Flaky):
            # Flaky: on servers without the batch's history it was answered alike.
            assert pair.difference is not None, "nothing else fails"
            shorter = _shorter(pair, pair.difference)
            finding = _explain(shorter, expected, actual, batch.seed)
        if not finding and not expected.is_shared and not actual.is_shared:
            finding = _compare_told(*pair.told(), seed=batch.seed)
        return Done(pair.programs, pair.calls, finding)


def _shorter(pair: Pair, found: Differs) -> Differs:
    """The difference with no step that it does not take, by one client in nobody's name if may be.

    Hypothesis sees bytes, and cannot take apart the users and roles that a program begins with.
    """
    place = found.step - 1
    while place >= 0:
        simpler = _simpler_at(pair, found.program[: found.step], place)
        if simpler is None:
            place -= 1
        else:
            # From the end again: who calls may not matter any more.
            found, place = simpler, simpler.step - 1
    return found


def _simpler_at(pair: Pair, steps: Program, place: int) -> Differs | None:
    """What differs without a step, or with a plain one in its place; None where nothing does."""
    before, behind = steps[:place], steps[place + 1 :]
    plain = replace(steps[place], client=0, caller=programs.NOBODY)
    for simpler in ([*before, *behind], [*before, plain, *behind]):
        if simpler not in (steps, []):
            try:
                pair.play(simpler)
            except Differs as difference:
                return difference
    return None


def _compare_told(expected: Told, actual: Told, *, seed: int) -> str:
    """The first event that a watcher was told by one server only; empty if there is none."""
    for watch_id in sorted(expected.keys() | actual.keys()):
        pairs = zip_longest(expected.get(watch_id, ()), actual.get(watch_id, ()))
        for place, (wanted, got) in enumerate(pairs):
            if wanted != got:
                return (
                    f"watcher {watch_id} was told something else (event {place}, seed {seed}):\n"
                    f"- {_event(wanted)}\n+ {_event(got)}\n"
                )
    return ""


def _event(encoded: bytes | None) -> str:
    return (
        "nothing" if encoded is None else str(normal_form.answer_fields(m.Event, encoded, Names()))
    )


def _explain(found: Differs, expected: Target, actual: Target, seed: int) -> str:
    """A program as a scenario, and the dialogues that differ."""
    name = "a_program_that_is_answered_differently"

    def replay(session: Session) -> None:
        programs.play(found.program, session)

    scenario = Scenario("fuzz", name, replay)
    lines = differences(runner.converse(scenario, expected), runner.converse(scenario, actual))
    if not lines:
        lines = [
            f"(answered alike on servers of its own, so not by itself; seed {seed})",
            str(found),
        ]
    return programs.source(found.program, name) + "\n" + "\n".join(lines) + "\n"


def run(
    expected: str,
    actual: str,
    *,
    may_wipe: bool,
    seed: int,
    examples: int,
    jobs: int,
    seen: Callable[[Done], None],
) -> list[str]:
    """Play random programs on two targets, in `jobs` processes.

    Args:
        expected, actual: names of targets, see `targets.named`.
        may_wipe: whether keys that a shared server holds may be deleted.
        seed: the first batch's; the others count on.
        examples: how many programs.
        seen: is told of each batch that is done.

    Returns:
        The findings.

    Raises:
        CouldNotRun: a server cannot be had, or is gone.
    """
    batches = [
        Batch(expected, actual, may_wipe, seed + number, min(BATCH, examples - number * BATCH))
        for number in range(-(-examples // BATCH))
    ]
    findings = []
    # New processes, not copies of this one: gRPC does not live through a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        futures = [pool.submit(run_batch, batch) for batch in batches]
        try:
            for future in as_completed(futures):
                done = future.result()
                seen(done)
                if done.finding:
                    findings.append(done.finding)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return findings
