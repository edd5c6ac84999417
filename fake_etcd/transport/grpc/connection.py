"""gRPC on one HTTP/2 connection: opens calls, keeps their deadlines, puts them off under backlog.

What a call does is in `unary_call` and `stream_call`; which endpoint a request means is `head`'s
to say, and how its bytes become messages `messages`'.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING, Union

from fake_etcd.api.status import Status
from fake_etcd.services.call import Call
from fake_etcd.transport.grpc.coding import decode_timeout
from fake_etcd.transport.grpc.front import KEPT_FIELDS
from fake_etcd.transport.grpc.head import (
    CONTENT_TYPE,
    OK_ENDING,
    SHORTEST_TIMEOUT,
    TIMEOUT,
    Head,
    Refusal,
    status_fields,
)
from fake_etcd.transport.grpc.keepalive import ClientPings, Due, PingStrikes
from fake_etcd.transport.grpc.page import Page
from fake_etcd.transport.grpc.server import GrpcServer
from fake_etcd.transport.grpc.stream_call import Breath, StreamCall
from fake_etcd.transport.grpc.unary_call import UnaryCall, WaitingCall
from fake_etcd.transport.http2.connection import Http2Connection, is_never_too_many
from fake_etcd.transport.http2.frames import ErrorCode, StreamFailure
from fake_etcd.transport.http2.hpack import Fields
from fake_etcd.transport.http2.pages import PATIENCE_SECONDS, PageCall, Pages
from fake_etcd.transport.http2.requests import MalformedRequest
from fake_etcd.transport.http2.streams import NOBODY, Stream, StreamUser

if TYPE_CHECKING:
    from fake_etcd.transport.gateway.http2 import Http2Call

_KEPT_FIELDS = frozenset(
    (
        (b"content-type", CONTENT_TYPE),
        (b"content-type", CONTENT_TYPE + b"+proto"),  # of clients that name their codec
        *OK_ENDING,
    )
)

BACKLOG_LIMIT = 4 * 2**20
"""Bytes of answers that wait on one connection before its next requests wait as well."""

WAITING_LIMIT = 16 * 2**20
"""Bytes of requests that wait behind a full backlog; more are refused, which a client may repeat.
"""

_FAREWELL = b"graceful_stop"
"""grpc-go's reason for going away when it is stopped; net/http gives none."""

_FAREWELL_SECONDS = 5.0
"""How long new calls are taken of a client that does not answer that it knows of the stop
(grpc-go: http2_server.go, `outgoingGoAwayHandler`)."""

_CALL_SIZE = 1_024
"""Bytes that a call which waits takes beside its request's, about."""

_MOST_PUT_OFF = 256
"""Streaming calls that wait behind a full backlog; more are refused, which a client may repeat."""

_FEW = 64

_Timed = Union["UnaryCall", "StreamCall", "Breath", "PageCall", "Http2Call", "_Farewell"]
"""What has a time at which it ends, or goes on."""


class _Farewell:
    """The last moment for a client to say that it knows of the stop."""

    __slots__ = ("_http2",)

    def __init__(self, http2: Http2Connection) -> None:
        self._http2 = http2

    @property
    def is_over(self) -> bool:
        return self._http2.is_going_away or self._http2.closed

    def expire(self) -> None:
        self._http2.go_away(_FAREWELL)


class GrpcConnection:
    """The calls of one connection.

    Args:
        server: what is served.
        peer: the other end, for handlers and people to read.
        wake: called when there is output, or a nearer deadline, that no `receive` brought about.
        time: the monotonic clock of deadlines; without one it is the time of the last `receive`,
            and silent clients are not pinged.
        common_name: that of the client's certificate; None where none was asked for.
        is_behind_http: whether net/http is in front of it, as etcd has it over TLS.
    """

    def __init__(
        self,
        server: GrpcServer,
        peer: str = "",
        wake: Callable[[], None] = lambda: None,
        time: Callable[[], float] | None = None,
        common_name: str | None = None,
        is_behind_http: bool = False,
    ) -> None:
        self._server = server
        self._read_head = server.head_behind_http if is_behind_http else server.head
        self._is_behind_http = is_behind_http
        self.max_receive_bytes = server.max_receive_bytes
        self.peer = peer
        self.endpoint = server.number
        self.common_name = common_name
        self._wake = wake
        self._now = 0.0
        self._time = time
        self.is_receiving = False
        self._deadlines: list[tuple[float, int, _Timed]] = []
        self._new_calls: list[UnaryCall] = []  # with a deadline, of this `receive`
        self._waiting: dict[int, WaitingCall] = {}  # by stream
        self._waiting_bytes = 0
        self._put_off: dict[int, StreamCall] = {}
        self.http2 = Http2Connection(
            self,
            KEPT_FIELDS if is_behind_http else _KEPT_FIELDS,
            TIMEOUT,
            max_concurrent_streams=server.max_concurrent_streams,
            is_ping_too_many=is_never_too_many if is_behind_http else self._is_ping_too_many,
            time=self.time,
        )
        self._strikes = PingStrikes(server.keepalive)
        # net/http has no such rules, and pings nobody.
        is_asked = time is not None and not is_behind_http
        self._pings = ClientPings(server.keepalive, self.time()) if is_asked else None

    # --- what the host calls -------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the peer at `now` (seconds, monotonic). Never raises."""
        self._now = now
        self.is_receiving = True
        self.http2.receive(data)
        if self._new_calls:
            self._watch_new_calls()
        if self._waiting or self._put_off:
            self._serve_waiting()
        self.is_receiving = False

    def take_output(self) -> bytes:
        """Bytes that are ready to be sent, in order: call it until it gives none."""
        out = self.http2.take_output()
        if not out and (self._waiting or self._put_off):
            self._serve_waiting()
            out = self.http2.take_output()
        return out

    def resume(self) -> None:
        """The socket takes bytes again."""
        self.http2.resume()
        self._serve_waiting()

    def lost(self) -> None:
        """The peer is gone: every open call is told. Nothing may be called behind this."""
        self.http2.lost()
        self._deadlines.clear()
        self._put_off.clear()

    @property
    def has_news(self) -> bool:
        """There may be more output, a nearer deadline, or an end of the connection."""
        http2 = self.http2
        return (
            bool(self._deadlines)
            or bool(http2.pending_size)
            or bool(http2.sending.answered)
            or http2.is_done
            or http2.must_go_on_by is not None
        )

    @property
    def next_deadline(self) -> float | None:
        """When `run_deadlines` has something to do, on the host's monotonic clock."""
        deadlines = self._deadlines
        while deadlines and deadlines[0][2].is_over:
            heapq.heappop(deadlines)
        nearest = [deadlines[0][0]] if deadlines else []
        if self._pings is not None:
            nearest.append(self._pings.at)
        must_go_on_by = self.http2.must_go_on_by
        if must_go_on_by is not None and not self.http2.closed:
            nearest.append(must_go_on_by)
        return min(nearest, default=None)

    def run_deadlines(self, now: float) -> None:
        """End the calls whose deadline has come: by a reset, as grpc-go does, since the caller
        knows its own deadline."""
        deadlines = self._deadlines
        while deadlines and deadlines[0][0] <= now:
            timed = heapq.heappop(deadlines)[2]
            if not timed.is_over:  # its answer may wait for the caller to read on
                timed.expire()
        pings = self._pings
        if pings is not None and pings.at <= now:
            due = pings.run(now, self._now)
            if due is Due.PING:
                self.http2.ping()
            elif due is Due.CUT:
                self.http2.cut()
        must_go_on_by = self.http2.must_go_on_by
        if must_go_on_by is not None and must_go_on_by <= now:
            self.http2.give_up()

    def _is_ping_too_many(self) -> bool:
        sending = self.http2.sending
        has_answered, sending.has_answered = sending.has_answered, False
        return self._strikes.is_one_too_many(self._now, self.http2.open_streams, has_answered)

    def cut(self) -> None:
        """End without another word: the host sends what is ready, and closes the socket."""
        self.http2.cut()
        self.changed()

    def prepare_to_stop(self) -> None:
        """Take no new calls once the client knows, in the two steps that grpc-go takes; those that
        are open go on."""
        if self._is_behind_http:
            self.http2.go_away()
            return
        self.http2.prepare_to_go_away(_FAREWELL)
        self.watch_deadline(self.time() + _FAREWELL_SECONDS, _Farewell(self.http2))

    def stop(self) -> None:
        """Take no new calls, and have no open one go on but those that are asked for in full and
        end of themselves: what is left is over when they are.

        Streams end without a status, as with etcd: their callers see the end of the connection.
        """
        self.http2.go_away(b"" if self._is_behind_http else _FAREWELL)
        for stream in self.http2.streams:
            user = stream.user
            if not stream.received_all or (isinstance(user, StreamCall) and not user.is_unary):
                if self._is_behind_http and not stream.pending:
                    self._end_body(stream, user)
                self.http2.abandon(stream)

    def _end_body(self, stream: Stream, user: StreamUser) -> None:
        """End what was begun to be said, and say no status: net/http does, when it is stopped."""
        if isinstance(user, StreamCall) and user.has_begun and not user.is_over:
            self.http2.send_trailers(stream, ())
            self.http2.stop_request(stream)
            user.closed(ErrorCode.CANCEL)

    def end_streams(self, status: Status) -> None:
        """End every streaming call with this; the connection stays."""
        for user in self.http2.users:
            if isinstance(user, StreamCall):
                user.end(status)
            else:
                end_stream = getattr(user, "end_stream", None)
                if end_stream is not None:
                    end_stream(status)

    # --- what HTTP/2 calls ---------------------------------------------------------------

    def request(
        self, stream: Stream, fields: Fields, volatile: bytes | None, end_stream: bool
    ) -> StreamUser:
        head = self._head(stream, fields)
        timeout: float | None = None
        if volatile is not None:
            try:
                timeout = decode_timeout(volatile)
            except ValueError:
                timeout = 0.0
            if timeout < SHORTEST_TIMEOUT:
                # Rare enough to go the long way, where the error has its place in the order:
                # clients write the timeout before their metadata.
                at = sum(name[:1] == b":" for name, _ in fields)
                head = self._head(stream, (*fields[:at], (TIMEOUT, volatile), *fields[at:]))
                if self._is_behind_http and not volatile:
                    timeout = None  # net/http does not tell an empty field from none
        if isinstance(head, Refusal):
            self._refuse(stream, head)
            return NOBODY
        if isinstance(head, Page):
            if volatile is not None:
                head = head.with_header(TIMEOUT, volatile)
            return self._turn_to(head, stream, end_stream)
        if volatile is None:
            timeout = head.timeout
        if head.content_length is not None:
            stream.content_left = head.content_length
        deadline = None if timeout is None else self._now + timeout
        endpoint = head.endpoint
        if endpoint.unary is not None:
            unary = UnaryCall(self, stream, head, endpoint.unary, deadline)
            if deadline is not None:
                self._new_calls.append(unary)
            return unary
        assert endpoint.stream is not None, "an endpoint has one of the two handlers"
        call = StreamCall(self, stream, head)
        call.open(endpoint.stream, deadline)
        return call

    def _refuse(self, stream: Stream, refusal: Refusal) -> None:
        self.http2.send_headers(stream, refusal.fields, end_stream=not refusal.trailers)
        if refusal.trailers:
            self.http2.send_trailers(stream, refusal.trailers)
        if refusal.is_early:
            self.http2.stop_request(stream)

    def _turn_to(self, page: Page, stream: Stream, ends: bool) -> StreamUser:
        if self.has_backlog():
            raise StreamFailure(stream.id, ErrorCode.REFUSED_STREAM, "answers are not read")
        if page.content_length is not None:
            stream.content_left = page.content_length
        gateway = self._server.pages.gateway.get() if page.answer is None else None
        if gateway is not None:
            from fake_etcd.transport.gateway.http2 import Http2Call  # as late as the gateway itself

            opened = Http2Call.open(self, gateway, stream, page.request)
            if isinstance(opened, Http2Call):
                return opened
            if opened is not None:
                page = page.answered(opened)
        call = PageCall(self.http2, stream, self._server.pages, page.request, page.answer)
        if not ends and not call.is_over:
            self.watch_deadline(self._now + PATIENCE_SECONDS, call)
        return call

    def _head(self, stream: Stream, fields: Fields) -> Head | Refusal | Page:
        try:
            return self._read_head(fields)
        except MalformedRequest as error:
            raise StreamFailure(stream.id, ErrorCode.PROTOCOL_ERROR, str(error)) from None

    # --- calls ---------------------------------------------------------------------------

    def call(self, head: Head, deadline: float | None, size: int = -1) -> Call:
        return Call(head.endpoint.method, head.metadata, deadline, self, size)

    def end(self, stream: Stream, head: Head, status: Status) -> None:
        """Answer with a status alone: what grpc-go calls a trailers-only response."""
        if head.is_behind_http:  # which knows no such thing
            self.http2.send_headers(stream, head.response_fields)
            self.http2.send_trailers(stream, head.ending(status))
            return
        fields = (*head.response_fields[:2], *status_fields(status))
        self.http2.send_headers(stream, fields, end_stream=True)

    @property
    def pages(self) -> Pages:
        return self._server.pages

    def has_backlog(self) -> bool:
        return self.http2.pending_size > BACKLOG_LIMIT

    def wait(self, call: UnaryCall, stream: Stream, message: bytes) -> None:
        """Put a call off until its connection's earlier answers are on their way."""
        size = self._waiting_bytes + len(message) + _CALL_SIZE
        if size > WAITING_LIMIT:
            self.http2.reset(stream, ErrorCode.REFUSED_STREAM)
            return
        self._waiting_bytes = size
        stream.user = self._waiting[stream.id] = WaitingCall(self, stream, call, message)

    def put_off(self, call: StreamCall) -> None:
        """Have a streaming call go on when its connection's earlier answers are on their way."""
        if len(self._put_off) >= _MOST_PUT_OFF and id(call) not in self._put_off:
            call.refuse()
        else:
            self._put_off[id(call)] = call

    def forget(self, call: StreamCall) -> None:
        """A streaming call is over, whatever it waited for."""
        self._put_off.pop(id(call), None)

    def stop_waiting(self, stream: Stream) -> WaitingCall:
        waiting = self._waiting.pop(stream.id)
        self._waiting_bytes -= len(waiting.message) + _CALL_SIZE
        stream.user = NOBODY
        return waiting

    def _serve_waiting(self) -> None:
        while self._waiting and not self.has_backlog():
            waiting = self.stop_waiting(next(iter(self._waiting.values())).stream)
            waiting.call.serve(waiting.message)
        while self._put_off and not self.has_backlog():
            self._put_off.pop(next(iter(self._put_off))).go_on()

    def time(self) -> float:
        """Seconds on the clock of deadlines."""
        return self._time() if self._time is not None else self._now

    def changed(self) -> None:
        """A handler gave output outside of `receive`."""
        if not self.is_receiving:
            self._wake()

    def _watch_new_calls(self) -> None:
        # Nearly always they have their answers by now: a deadline costs them nothing.
        if self.http2.open_streams:
            for call in self._new_calls:
                if call.deadline is not None and not call.is_over:
                    self.watch_deadline(call.deadline, call)
        self._new_calls.clear()

    def watch_deadline(self, deadline: float, call: _Timed) -> None:
        deadlines = self._deadlines
        if len(deadlines) > 2 * self.http2.open_streams + _FEW:
            # Calls that ended before their time must not pile up until it comes.
            deadlines[:] = [entry for entry in deadlines if not entry[2].is_over]
            heapq.heapify(deadlines)
        heapq.heappush(deadlines, (deadline, id(call), call))
