"""The same valid traffic read by our HTTP/2 and by hyper-h2: the same comes out on both sides.

A client of hyper-h2 takes the same steps with a server of ours and with one of hyper-h2, which have
the same application. What each server understood is compared, and what each client was answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import pytest
from hypothesis import given
from hypothesis import strategies as st

from .applications import OK_HEAD, OK_TRAILERS, PlainApplication

Event = tuple[object, ...]
Headers = list[tuple[str, str]]

BODY = b"an answer of some length" * 40
POST: Headers = [(":method", "POST"), (":scheme", "http"), (":path", "/a"), (":authority", "b")]


class Server(Protocol):
    """What is at the other end of a client."""

    told: list[Event]

    def receive(self, data: bytes) -> bytes:
        """Take bytes, and give those to be sent back."""


class Ours:
    """The connection under test."""

    def __init__(self) -> None:
        self._application = PlainApplication(BODY)

    def receive(self, data: bytes) -> bytes:
        http2 = self._application.http2
        http2.receive(data)
        return b"".join(iter(http2.take_output, b""))

    @property
    def told(self) -> list[Event]:
        """What the application heard, in the form that `Theirs` has."""
        return list(self._heard())

    def _heard(self) -> Iterator[Event]:
        for what, stream_id, *rest in self._application.told:
            if what == "request":
                yield ("request", stream_id, rest[0])
            elif what == "data":
                if rest[0]:
                    yield ("data", stream_id, rest[0])
                if rest[1]:
                    yield ("ended", stream_id)
            elif what == "closed":
                yield ("reset", stream_id, rest[0])


class Theirs:
    """hyper-h2's own server with the same application."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        self._h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding=None)
        )
        self._h2.initiate_connection()
        self._waiting: dict[int, bytes] = {}

    def receive(self, data: bytes) -> bytes:
        for event in self._h2.receive_data(data):
            self._take(event)
        for stream_id in list(self._waiting):
            self._send_body(stream_id)
        return bytes(self._h2.data_to_send())

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self.told.append(("request", event.stream_id, tuple(event.headers)))
        elif isinstance(event, h2.events.DataReceived):
            if event.data:
                self.told.append(("data", event.stream_id, event.data))
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.told.append(("ended", event.stream_id))
            self._h2.send_headers(event.stream_id, OK_HEAD)
            self._waiting[event.stream_id] = BODY
        elif isinstance(event, h2.events.StreamReset):
            self.told.append(
                ("reset", event.stream_id, h2.errors.ErrorCodes(event.error_code).name)
            )

    def _send_body(self, stream_id: int) -> None:
        body = self._waiting[stream_id]
        while body:
            most = min(
                self._h2.local_flow_control_window(stream_id), self._h2.max_outbound_frame_size
            )
            if most <= 0:
                break
            self._h2.send_data(stream_id, body[:most])
            body = body[most:]
        self._waiting[stream_id] = body
        if not body:
            del self._waiting[stream_id]
            self._h2.send_headers(stream_id, OK_TRAILERS, end_stream=True)


@dataclass
class Client:
    """hyper-h2's client, joined to a server.

    Attributes:
        answers: what came of each stream: header lists, and data in one piece.
        acknowledged: pings and settings, in order.
    """

    server: Server
    answers: dict[int, list[Event]] = field(default_factory=dict)
    acknowledged: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        config = h2.config.H2Configuration(client_side=True, header_encoding=None)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()

    def talk(self) -> None:
        """Carry bytes to and fro until neither side has any left."""
        while sent := self.h2.data_to_send():
            for event in self.h2.receive_data(self.server.receive(sent)):
                self._take(event)

    def _take(self, event: h2.events.Event) -> None:
        assert not isinstance(event, h2.events.ConnectionTerminated | h2.events.StreamReset)
        if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
            self._add(event.stream_id, (type(event).__name__, tuple(event.headers)))
        elif isinstance(event, h2.events.DataReceived):
            self._add_data(event.stream_id, event.data)
            if event.stream_ended is None:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self._add(event.stream_id, ("ended",))
        elif isinstance(event, h2.events.PingAckReceived):
            self.acknowledged.append(("ping", event.ping_data))
        elif isinstance(event, h2.events.SettingsAcknowledged):
            self.acknowledged.append(("settings", len(event.changed_settings)))

    def _add(self, stream_id: int, event: Event) -> None:
        self.answers.setdefault(stream_id, []).append(event)

    def _add_data(self, stream_id: int, data: bytes) -> None:
        events = self.answers[stream_id]
        if events[-1][0] == "data":
            (_, before) = events.pop()
            assert isinstance(before, bytes)
            data = before + data
        if data:
            events.append(("data", data))


class Step(Protocol):
    """Something that a client does."""

    def __call__(self, client: Client) -> None: ...


@dataclass(frozen=True)
class Stream:
    """One request, taken apart into steps."""

    fields: Headers
    chunks: list[tuple[bytes, int | None]]
    end: str
    has_priority: bool

    def steps(self, stream_id: int) -> Iterator[Step]:
        def head(client: Client) -> None:
            more = {"priority_weight": 7, "priority_depends_on": 0} if self.has_priority else {}
            client.h2.send_headers(stream_id, [*POST, *self.fields], **more)

        yield head
        for payload, padding in self.chunks:
            yield self._data(stream_id, payload, padding)
        yield self._last(stream_id)

    def _data(self, stream_id: int, payload: bytes, padding: int | None) -> Step:
        return lambda client: client.h2.send_data(stream_id, payload, pad_length=padding)

    def _last(self, stream_id: int) -> Step:
        def last(client: Client) -> None:
            if self.end == "reset":
                client.h2.reset_stream(stream_id, h2.errors.ErrorCodes.CANCEL)
            elif self.end == "trailers":
                client.h2.send_headers(stream_id, [("x-trailer", "t" * 300)], end_stream=True)
            else:
                client.h2.end_stream(stream_id)

        return last


def ping(payload: bytes) -> Step:
    return lambda client: client.h2.ping(payload)


def settings(code: h2.settings.SettingCodes, value: int) -> Step:
    """A change that is acknowledged before anything else happens: hyper-h2's client counts by a
    window that it made smaller before the server knows of it."""

    def change(client: Client) -> None:
        client.talk()
        client.h2.update_settings({code: value})
        client.talk()

    return change


def window(increment: int) -> Step:
    return lambda client: client.h2.increment_flow_control_window(increment)


def talk(client: Client) -> None:
    client.talk()


NAMES = st.sampled_from(["x-a", "x-b", "accept", "user-agent", "x-" + "n" * 200])
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60)
CHUNKS = st.tuples(st.binary(max_size=3_000), st.none() | st.integers(0, 255))
STREAMS = st.builds(
    Stream,
    fields=st.lists(st.tuples(NAMES, VALUES), max_size=6),
    chunks=st.lists(CHUNKS, max_size=5),
    end=st.sampled_from(["data", "trailers", "reset"]),
    has_priority=st.booleans(),
)
OTHER_STEPS = st.one_of(
    st.just(talk),
    st.builds(ping, st.binary(min_size=8, max_size=8)),
    st.builds(
        settings,
        st.just(h2.settings.SettingCodes.INITIAL_WINDOW_SIZE),
        st.sampled_from([0, 1, 300, 65_535, 2**20]),
    ),
    st.builds(
        settings,
        st.just(h2.settings.SettingCodes.MAX_FRAME_SIZE),
        st.sampled_from([16_384, 20_000, 2**24 - 1]),
    ),
    st.builds(window, st.sampled_from([1, 1_000, 2**20])),
)


TABLES = st.none() | st.builds(
    settings,
    st.just(h2.settings.SettingCodes.HEADER_TABLE_SIZE),
    st.sampled_from([0, 100, 4_096, 65_536]),
)
"""One change at the most: hyper-h2's server forgets a size that is said twice, and sends what its
own client then refuses."""


@st.composite
def programs(draw: st.DrawFn) -> list[Step]:
    """Steps of several streams, of which each keeps its order, mixed with what has no stream."""
    streams = draw(st.lists(STREAMS, min_size=1, max_size=5))
    left = [list(stream.steps(2 * number + 1)) for number, stream in enumerate(streams)]
    begun = 0
    steps: list[Step] = []
    while any(left):
        steps += draw(st.lists(OTHER_STEPS, max_size=2))
        choices = [number for number in range(begun) if left[number]]
        if begun < len(left):
            choices.append(begun)  # streams begin in the order of their numbers
        number = draw(st.sampled_from(choices))
        begun = max(begun, number + 1)
        steps.append(left[number].pop(0))
    if (table := draw(TABLES)) is not None:
        steps.insert(draw(st.integers(0, len(steps))), table)
    # Whatever the window was, in the end each answer comes whole.
    return [*steps, settings(h2.settings.SettingCodes.INITIAL_WINDOW_SIZE, 2**20)]


def play(server: Server, steps: list[Step]) -> Client:
    client = Client(server)
    client.talk()
    for step in steps:
        step(client)
    client.talk()
    return client


def joined(events: list[Event]) -> list[Event]:
    """The same events, with data that follows data of its stream in one piece."""
    found: list[Event] = []
    for event in events:
        before = found[-1] if found else ("",)
        if event[0] == before[0] == "data" and event[1] == before[1]:
            (_, stream_id, first), second = found.pop(), event[2]
            assert isinstance(first, bytes)
            assert isinstance(second, bytes)
            event = ("data", stream_id, first + second)
        found.append(event)
    return found


@given(programs())
def test_both_understand_the_same_and_answer_the_same(steps: list[Step]) -> None:
    ours, theirs = Ours(), Theirs()
    with_ours, with_theirs = play(ours, steps), play(theirs, steps)
    assert joined(ours.told) == joined(theirs.told)
    assert with_ours.answers == with_theirs.answers
    assert with_ours.acknowledged == with_theirs.acknowledged


def test_goaway_of_a_client_leaves_its_open_stream() -> None:
    for server in (Ours(), Theirs()):
        client = Client(server)
        client.h2.send_headers(1, POST)
        client.talk()
        answer = server.receive(b"\0\0\x08\x07\0\0\0\0\0" + bytes(8))  # GOAWAY, NO_ERROR
        assert not [
            event for event in client.h2.receive_data(answer) if hasattr(event, "stream_id")
        ]
        assert server.told == [
            ("request", 1, tuple((name.encode(), value.encode()) for name, value in POST))
        ]


def test_what_is_compared_can_differ() -> None:
    def send_one(client: Client) -> None:
        client.h2.send_headers(1, POST)
        client.h2.send_data(1, b"x", end_stream=True)

    server = Ours()
    client = play(server, [send_one])
    assert server.told[1:] == [("data", 1, b"x"), ("ended", 1)]
    assert client.answers == {
        1: [
            ("ResponseReceived", OK_HEAD),
            ("data", BODY),
            ("TrailersReceived", OK_TRAILERS),
            ("ended",),
        ]
    }
    with pytest.raises(h2.exceptions.StreamClosedError):
        client.h2.send_data(1, b"y")
