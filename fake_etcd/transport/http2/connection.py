"""One HTTP/2 connection, server side, without a socket (RFC 9113).

Bytes go in through `receive`; what they mean goes to an `Application` and to each stream's
`StreamUser` by plain calls, and bytes to send come out of `take_output`. Here is what a connection
says first and how its parts come together: what is read is in `receiving` and `control`, responses
and their flow control in `sending`, the streams in `open_streams`, the end in `ending`; what a
request means is in none.
"""

from __future__ import annotations

from collections.abc import Callable

from fake_etcd.transport.bounds import Patience
from fake_etcd.transport.http2.control import Control
from fake_etcd.transport.http2.ending import Ending
from fake_etcd.transport.http2.frames import (
    DEFAULT_WINDOW,
    PING,
    ConnectionFailure,
    ErrorCode,
    Setting,
    frame,
    settings_frame,
    window_update_frame,
)
from fake_etcd.transport.http2.hpack import MAX_HEADER_LIST_SIZE, Field
from fake_etcd.transport.http2.intake import Intake
from fake_etcd.transport.http2.open_streams import OpenStreams
from fake_etcd.transport.http2.receiving import RECEIVE_WINDOW, Receiving, standstill
from fake_etcd.transport.http2.sending import Sending
from fake_etcd.transport.http2.streams import (
    STREAM_RECEIVE_WINDOW,
    Application,
    RecentResets,
    Stream,
    StreamUser,
)


def is_never_too_many() -> bool:
    return False


class Http2Connection:
    """The state machine of one connection.

    Args:
        application: gets the requests.
        kept_fields: response header fields worth a place in the compression table.
        volatile_field: the request field that changes each time (see `HpackDecoder`).
        max_concurrent_streams: announced and enforced; None means no limit, etcd's default.
        is_ping_too_many: told of each ping when it has its answer; True ends the connection.
        time: the monotonic clock, in seconds, that bounds on bad peers go by.
    """

    def __init__(
        self,
        application: Application,
        kept_fields: frozenset[Field] = frozenset(),
        volatile_field: bytes | None = None,
        max_concurrent_streams: int | None = None,
        is_ping_too_many: Callable[[], bool] = is_never_too_many,
        time: Callable[[], float] = standstill,
    ) -> None:
        by_id: dict[int, Stream] = {}
        resets = RecentResets()
        out: list[bytes | memoryview] = []
        self._intake = intake = Intake(out)
        self.sending = sending = Sending(by_id, resets, kept_fields, intake, out)
        self._streams = OpenStreams(by_id, resets, sending)
        self._ending = Ending(self._streams, out)
        self._patience = Patience(time)
        self._control = Control(
            self._streams, sending, self._ending, self._patience, is_ping_too_many
        )
        self._receiving = Receiving(
            application,
            self._streams,
            sending,
            intake,
            self._ending,
            self._control,
            volatile_field,
            max_concurrent_streams,
            self._patience,
            time,
        )
        # The parts of the interface that are theirs, without a hop on the way.
        self.receive = self._receiving.receive
        self.take_output = sending.take_output
        self.pause = sending.pause
        self.resume = sending.resume
        self.respond = sending.respond
        self.send_headers = sending.send_headers
        self.send_data = sending.send_data
        self.send_rest = sending.send_rest
        self.send_trailers = sending.send_trailers
        self.stop_request = sending.stop_request
        self.abandon = self._streams.abandon
        self.keep = intake.keep
        out += _first_frames(max_concurrent_streams)

    # --- the end -------------------------------------------------------------------------

    def lost(self) -> None:
        """The peer is gone: every open stream is told."""
        self._ending.close(ErrorCode.CANCEL)
        # Nothing keeps the application, or the other way round.
        self._receiving.let_go()
        self._control.is_ping_too_many = is_never_too_many
        self._patience.stop()

    def give_up(self) -> None:
        """The time is over that the peer had for its preface or for a header block."""
        self._receiving.must_go_on_by = None
        if not self.closed:
            self._receiving.discard()
            reason = "the peer takes too long"
            self._ending.fail(ConnectionFailure(ErrorCode.PROTOCOL_ERROR, reason))

    def cut(self) -> None:
        """End without telling the peer: every open stream's user is told."""
        self._receiving.discard()
        self._ending.close(ErrorCode.CANCEL)

    def go_away(self, debug_data: bytes = b"") -> None:
        """Take no new streams; those that are open may end (RFC 9113 §6.8)."""
        self._ending.go_away(debug_data)

    def prepare_to_go_away(self, debug_data: bytes = b"") -> None:
        """Have the peer open no more streams, and take those that it opens before it knows: the
        answer to a ping says that it does, and then this goes away (RFC 9113 §6.8)."""
        self._ending.prepare_to_go_away(debug_data)

    def reset(self, stream: Stream, code: ErrorCode) -> None:
        """Break the stream off; its user is told."""
        if stream.id in self._streams.by_id and not stream.sent_all:
            self._streams.reset(stream.id, code)

    def ping(self) -> None:
        """Ask the peer whether it is there."""
        if not self.closed:
            self.sending.out.append(frame(PING, 0, 0, bytes(8)))

    # --- what it is at -------------------------------------------------------------------

    @property
    def must_go_on_by(self) -> float | None:
        """When `give_up` is due, where the peer is in the middle of what it has to end."""
        return self._receiving.must_go_on_by

    @property
    def pending_size(self) -> int:
        """Bytes of answers that wait on all streams together."""
        return self.sending.pending_size

    @property
    def kept_size(self) -> int:
        """Bytes of requests that are kept on all streams together."""
        return self._intake.kept

    @property
    def open_streams(self) -> int:
        return len(self._streams.by_id)

    @property
    def users(self) -> list[StreamUser]:
        """Those of all open streams."""
        return [stream.user for stream in self._streams.by_id.values()]

    @property
    def streams(self) -> list[Stream]:
        """All that are open."""
        return list(self._streams.by_id.values())

    @property
    def is_going_away(self) -> bool:
        """No new streams are taken."""
        return self._ending.is_going_away

    @property
    def closed(self) -> bool:
        """The connection is over: send what `take_output` still has, then cut."""
        return self._ending.closed

    @property
    def failure(self) -> ConnectionFailure | None:
        """Why, where the peer broke a rule."""
        return self._ending.failure

    @property
    def is_done(self) -> bool:
        """Nothing will come of this connection any more: cut it once its output is sent."""
        ending = self._ending
        return ending.closed or (ending.is_going_away and not self._streams.by_id)


def _first_frames(max_concurrent_streams: int | None) -> list[bytes]:
    """Our settings, and as much of the connection's window as they cannot say."""
    settings = {
        Setting.INITIAL_WINDOW_SIZE: STREAM_RECEIVE_WINDOW,
        Setting.MAX_HEADER_LIST_SIZE: MAX_HEADER_LIST_SIZE,
    }
    if max_concurrent_streams is not None:
        settings[Setting.MAX_CONCURRENT_STREAMS] = max_concurrent_streams
    return [settings_frame(settings), window_update_frame(0, RECEIVE_WINDOW - DEFAULT_WINDOW)]
