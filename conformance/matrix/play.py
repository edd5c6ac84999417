"""Tries every row in the name of every caller, and says how each came out."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

import grpc
from google.protobuf.message import Message

from fake_etcd.api import messages as m
from fake_etcd.api.methods import Kind
from fake_etcd.api.status import OK, Code, Status

from .. import connection, normal_form
from ..connection import CALL_SECONDS, method_named
from ..targets import CouldNotRun, Target
from . import world
from .callers import CALLERS, OPERATOR, PASSWORD, Caller, Proof
from .rows import ROWS, Row
from .servers import SETTING_OF, Doors, Setting, opened

Cells = dict[tuple[str, str], str]
"""Outcomes by row id and caller's name: "OK", or a code with its text."""

DONE = "OK"

SILENCE = "OK, and no answer"
"""How Observe ends for who may not see who leads."""

NO_ROUTE = "the gateway has no route"

_NO_SUCH_TOKEN = "nobodysownsecret.1"

_CANARIES = 100
"""Tokens by which a short life is seen to be over; each is looked at once, every 50 ms."""

_LOOK_SECONDS = 0.05


def tried(
    target: Target,
    rows: Sequence[Row] = ROWS,
    callers: Sequence[Caller] = CALLERS,
    seen: Callable[[], None] = lambda: None,
) -> Cells:
    """The outcome of every row for every caller, on new servers.

    Args:
        target: what kind of server.
        rows, callers: which.
        seen: is called behind every row, on every server.

    Raises:
        CouldNotRun: there is no server, or the world cannot be made on it.
    """
    cells: Cells = {}
    for setting in Setting:
        here = [caller for caller in callers if SETTING_OF[caller.proof] is setting]
        if here:
            with opened(target, setting) as doors:
                cells.update(_Stage(doors, here).tried(rows, seen))
    return cells


class _Stage:
    """One server with its callers."""

    def __init__(self, doors: Doors, callers: Sequence[Caller]) -> None:
        self._doors = doors
        self._callers = callers
        self._operator = ""
        self._revision = 0
        self._tokens: dict[str, str] = {}
        self._operate(world.making())
        self._sign_in()

    def tried(self, rows: Iterable[Row], seen: Callable[[], None]) -> Cells:
        cells: Cells = {}
        for row in rows:
            for caller in self._callers:
                cells[row.id, caller.name] = outcome = self._try(row, caller)
                if outcome == DONE:
                    self._operate(row.mending)
                    if row.ends_tokens:
                        self._sign_in()
            seen()
        return cells

    def _try(self, row: Row, caller: Caller) -> str:
        channel = self._doors.plain
        if caller.proof is Proof.CERTIFICATE:
            channel = self._doors.certified(caller.user)
        elif caller.proof is Proof.CERTIFICATE_AND_TOKEN:
            channel = self._doors.certified("root")
        request = row.request(caller, self._revision)
        if caller.proof in (Proof.GATEWAY, Proof.GATEWAY_NOTHING):
            return self._by_gateway(row.method, request, self._tokens.get(caller.name))
        answer, status = ask(channel, row.method, request, self._tokens.get(caller.name))
        return _outcome(answer, status)

    def _by_gateway(self, name: str, request: Message, token: str | None) -> str:
        method = method_named(name)
        if method.gateway is None:
            return NO_ROUTE
        answers, status = self._doors.gateway.call(method, request.SerializeToString(), token)
        return _outcome(method.response.FromString(answers[0]) if answers else None, status)

    # The operator

    def _operate(self, calls: Iterable[tuple[str, Message]]) -> None:
        """Do these, whatever it takes: auth may be off, or the operator's token over."""
        for method, request in calls:
            answer, status = ask(self._doors.plain, method, request, self._operator or None)
            if status.code is Code.UNAUTHENTICATED or (
                status.message == "etcdserver: user name is empty"
            ):
                self._operator = self._token_of(OPERATOR)
                answer, status = ask(self._doors.plain, method, request, self._operator)
            if status != OK:
                raise CouldNotRun(f"{method} in the operator's name: {status}")
            if isinstance(answer, m.TxnResponse):
                self._revision = answer.header.revision

    def _token_of(self, user: str) -> str:
        request = m.AuthenticateRequest(name=user, password=PASSWORD)
        answer, status = ask(self._doors.plain, "Auth/Authenticate", request)
        if not isinstance(answer, m.AuthenticateResponse):
            raise CouldNotRun(f"{user} cannot sign in: {status}")
        return answer.token

    # The callers

    def _sign_in(self) -> None:
        for caller in self._callers:
            if token := self._proof_of(caller):
                self._tokens[caller.name] = token

    def _proof_of(self, caller: Caller) -> str:
        """The token that a caller shows; empty where none is shown."""
        if caller.proof in (Proof.NOTHING, Proof.GATEWAY_NOTHING, Proof.CERTIFICATE):
            return ""
        if caller.proof is Proof.BAD:
            return _NO_SUCH_TOKEN
        if caller.proof is Proof.EXPIRED:
            return self._expired(caller.user)
        if caller.proof is Proof.OF_DELETED:
            self._operate(world.passing_user(caller))
            token = self._token_of(caller.user)
            self._operate([("Auth/UserDelete", m.AuthUserDeleteRequest(name=caller.user))])
            return token
        if caller.proof is Proof.OF_CHANGED:
            token = self._token_of(caller.user)
            change = m.AuthUserChangePasswordRequest(name=caller.user, password=PASSWORD)
            self._operate([("Auth/UserChangePassword", change)])
            return token
        return self._token_of(caller.user)

    def _expired(self, user: str) -> str:
        """A token whose time is over.

        Looking at a token gives it more time, so others are looked at that were given later.

        Raises:
            CouldNotRun: tokens go on to be good.
        """
        token = self._token_of(user)
        for canary in [self._token_of(user) for _ in range(_CANARIES)]:
            request = m.RangeRequest(key=b"b")
            _, status = ask(self._doors.plain, "KV/Range", request, canary)
            if status.code is Code.UNAUTHENTICATED:
                return token
            time.sleep(_LOOK_SECONDS)
        raise CouldNotRun("tokens do not end with their time")


def ask(
    channel: grpc.Channel, name: str, request: Message, token: str | None = None
) -> tuple[Message | None, Status]:
    """One call, up to its first answer, and how it ended; with an answer, the status is OK."""
    method = method_named(name)
    metadata = () if token is None else (("token", token),)
    encoded = request.SerializeToString()
    if method.kind is Kind.BIDI:
        both: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(method.path)
        stream = both(iter([encoded]), timeout=CALL_SECONDS, metadata=metadata)
    else:
        one: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(method.path)
        stream = one(encoded, timeout=CALL_SECONDS, metadata=metadata)
    with contextlib.suppress(grpc.RpcError):  # which is the call itself: see its status
        for answer in stream:
            first = method.response.FromString(answer)
            if method.kind is not Kind.UNARY:
                stream.cancel()
                return first, OK
            status = connection.status_of(stream)
            return (first, OK) if status == OK else (None, status)
    return None, connection.status_of(cast(grpc.Call, stream))


def _outcome(answer: Message | None, status: Status) -> str:
    if isinstance(answer, m.WatchResponse) and answer.canceled:
        return f"canceled: {answer.cancel_reason}"
    if status == OK:
        return DONE if answer is not None else SILENCE
    return f"{status.code.name}: {normal_form.text(status.message)}"


def differing(expected: Mapping[tuple[str, str], str], actual: Cells) -> list[str]:
    """The cells that are not the same, a line each."""
    lines = []
    for cell in dict.fromkeys((*expected, *actual)):
        wanted, got = (side.get(cell, "nothing") for side in (expected, actual))
        if wanted != got:
            row, caller = cell
            lines.append(f"{row}, {caller}: etcd says {wanted!r}, here it is {got!r}")
    return lines
