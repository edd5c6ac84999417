"""Whole connections: any bytes, any split of good traffic, and `h2` as the client."""

from __future__ import annotations

import itertools

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_etcd.api import errors
from fake_etcd.transport.http2 import frames
from fake_etcd.transport.http2.frames import Setting, frame

from . import wire
from .applications import (
    GrpcExchange,
    PlainApplication,
    PlainExchange,
    Recording,
    StreamRecorder,
    answering,
    streaming,
    unary,
)
from .wire import (
    HELLO,
    RANGE,
    RANGE_STREAM,
    WATCH,
    Client,
    data,
    message,
    ping,
    request_fields,
    rst_stream,
    window_update,
)

# --- any bytes ---------------------------------------------------------------------------

STREAM_IDS = st.one_of(st.integers(0, 9), st.sampled_from([2**31 - 1, 2**31, 2**32 - 1]))
PAYLOADS = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            message(),
            message(b"\x0a\x01a"),
            bytes(4),
            b"\xff" * 4,
            b"\x00\x00\x00\x01",
            b"\x00\x04\x00\x00\x00\x00",
            b"\x82\x87\x84\x41\x01a",
            Client().block(request_fields(RANGE)),
            Client().block(request_fields(WATCH, ("grpc-timeout", "1S"))),
            Client().block([("x", "y")]),
        ]
    ),
)
FRAMES = st.builds(
    frame,
    st.integers(0, 11),
    st.sampled_from([0, 1, 4, 5, 8, 13, 0x20, 0xFF]),
    STREAM_IDS,
    PAYLOADS,
)
ANY_BYTES = st.one_of(
    st.lists(st.binary(max_size=60), max_size=6),
    st.lists(FRAMES, max_size=20).map(lambda parts: [HELLO, *parts]),
    st.lists(st.one_of(FRAMES, st.binary(max_size=5)), max_size=12).map(lambda p: [HELLO, *p]),
)


def grpc_exchange() -> GrpcExchange:
    return GrpcExchange({**answering(b"answer"), **streaming(StreamRecorder())}, hello=b"")


def ends_in_goaway(output: bytes) -> bool:
    return [answer[0] for answer in Client().read(output)][-1:] == ["GOAWAY"]


@given(ANY_BYTES)
@settings(max_examples=300)
def test_no_bytes_break_the_http2_connection(parts):
    application = PlainApplication(body=b"body", max_concurrent_streams=3)
    http2 = application.http2
    output = b""
    for part in parts:
        http2.receive(part)
        output += http2.take_output()
    assert http2.closed == ends_in_goaway(output)
    assert http2._receiving.buffered <= 9 + 16_384
    http2.lost()
    assert http2.open_streams == http2.pending_size == 0


@given(ANY_BYTES)
@settings(max_examples=300)
def test_no_bytes_break_the_grpc_connection(parts):
    exchange = grpc_exchange()
    grpc, output = exchange.grpc, b""
    for now, part in enumerate(parts):
        grpc.receive(part, float(now))
        grpc.run_deadlines(float(now))
        output += exchange.take()
    assert grpc.http2.closed == ends_in_goaway(output)
    grpc.lost()
    assert grpc.next_deadline is None
    assert grpc.http2.open_streams == 0


@given(st.binary(max_size=200), st.data())
def test_one_wrong_byte_in_good_traffic_breaks_nothing(noise, draw):
    c = Client()
    good = (
        HELLO + c.call(1, b"\x0a\x01a") + c.headers(3, request_fields(WATCH)) + data(3, message())
    )
    at = draw.draw(st.integers(0, len(good)))
    exchange = grpc_exchange()
    exchange.grpc.receive(good[:at] + noise + good[at + len(noise) :], 0.0)
    assert exchange.grpc.http2.closed == ends_in_goaway(exchange.take())


# --- any split ---------------------------------------------------------------------------


def good_traffic() -> bytes:
    """Everything that a client may send, once."""
    c = Client()
    c.table_size(200)
    fields = request_fields(RANGE, ("x-bin", "AAE"), ("token", "t" * 300))
    watch = request_fields(WATCH, ("grpc-timeout", "5S"))
    ranged, asked = message(b"\x0a\x01a"), message(b"\x1a\x00")
    return b"".join(
        (
            wire.PREFACE,
            wire.settings((Setting.INITIAL_WINDOW_SIZE, 20), (Setting.HEADER_TABLE_SIZE, 64)),
            frames.SETTINGS_ACK,
            window_update(0, 10_000),
            c.headers(1, fields, pieces=4, padding=3, depends_on=0),
            wire.priority(3, 1),
            c.headers(3, watch),
            data(3, message(b"\x0a\x03\x0a\x01k") + asked[:3]),
            data(1, ranged[:2], padding=10),
            ping(),
            frame(0x77, 0, 1, b"unknown"),
            data(1, ranged[2:]),
            c.headers(1, [("x-trailer", "y")], end=True),
            c.call(5, b"\xff\xff"),
            c.call(7, b"", "/unknown.Service/Method"),
            data(3, asked[3:]),
            wire.settings((Setting.INITIAL_WINDOW_SIZE, 5)),
            c.headers(9, request_fields(RANGE_STREAM)),
            data(9, message(b"\x0a\x01z"), end=True),
            c.call(11, b"\x0a\x01a", RANGE, ("connection", "close")),
            window_update(1, 50),
            wire.settings((Setting.HEADER_TABLE_SIZE, 4_096), (Setting.INITIAL_WINDOW_SIZE, 90)),
            c.headers(13, request_fields(WATCH)),
            rst_stream(13),
            data(3, b"", end=True),
            wire.goaway(),
        )
    )


GOOD = good_traffic()


def answer_at_the_end(recording: Recording) -> None:
    def answer() -> None:
        recording.sink.send(b"streamed")
        recording.sink.close()

    recording.on["half close"] = answer


def served(chunks: list[bytes]) -> tuple[list[object], bytes]:
    """What the handlers were told, and all output."""
    recorder = StreamRecorder(answer_at_the_end)
    told: list[object] = []

    def handle(request: object, call: object) -> bytes:
        told.append((str(request), call.metadata))
        if not request.key:
            raise errors.EMPTY_KEY
        return b"an answer that takes several windows"

    exchange = GrpcExchange({**unary(handle), **streaming(recorder)}, hello=b"")
    for chunk in chunks:
        exchange.grpc.receive(chunk, 1.0)
    told += [recording.told for recording in recorder.opened]
    return told, exchange.take()


WHOLE = served([GOOD])


def test_the_good_traffic_is_served_as_it_should_be():
    told, output = WHOLE
    assert [entry if isinstance(entry, list) else entry[0] for entry in told] == [
        'key: "a"\n',
        [
            'message create_request {\n  key: "k"\n}',
            "message progress_request {\n}",
            "half close",
        ],
        ['message key: "z"', "half close"],
        ["cancelled"],
    ]
    answers = Client().read(output)
    ends = {answer[1]: answer[0] for answer in answers if answer[-1] == "END"}
    resets = [answer for answer in answers if answer[0] in ("RST_STREAM", "GOAWAY")]
    assert sorted(ends) == [1, 3, 5, 7, 9]
    assert resets == [("RST_STREAM", 11, "PROTOCOL_ERROR")]


@given(st.lists(st.integers(0, len(GOOD)), max_size=12).map(sorted))
@settings(max_examples=150)
def test_any_split_of_good_traffic_gives_the_same_calls_and_the_same_bytes(cuts):
    bounds = [0, *cuts, len(GOOD)]
    told, output = served([GOOD[a:b] for a, b in itertools.pairwise(bounds)])
    assert told == WHOLE[0]
    assert output == WHOLE[1]


def test_good_traffic_byte_by_byte_gives_the_same_calls_and_the_same_bytes():
    assert served([GOOD[n : n + 1] for n in range(len(GOOD))]) == WHOLE


# --- h2 as the client --------------------------------------------------------------------

POST = [(":method", "POST"), (":scheme", "http"), (":path", "/p"), (":authority", "a")]
BODY = b"the body of every answer" * 100

PLANS = st.lists(
    st.fixed_dictionaries(
        {
            "fields": st.lists(
                st.tuples(
                    st.sampled_from(["x-a", "x-b", "content-type"]),
                    st.sampled_from(["", "v", "long" * 10, "longer" * 1_000]),
                ),
                max_size=5,
            ),
            "priority": st.booleans(),
            "chunks": st.lists(
                st.tuples(
                    st.sampled_from([b"", b"x", b"chunk" * 200]),
                    st.one_of(st.none(), st.integers(0, 255)),
                ),
                max_size=4,
            ),
            "end": st.sampled_from(["data", "trailers", "reset"]),
        }
    ),
    min_size=1,
    max_size=6,
)


class H2Client:
    """`h2` joined to a connection of ours."""

    def __init__(self) -> None:
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self.h2 = h2.connection.H2Connection(config)
        self.exchange = PlainExchange(body=BODY, hello=b"")
        self.answers: dict[int, bytes] = {}
        self.ended: list[int] = []
        self.h2.initiate_connection()

    def talk(self) -> None:
        """Carry bytes to and fro until neither side has any left."""
        while sent := self.h2.data_to_send():
            self.exchange.http2.receive(sent)
            for event in self.h2.receive_data(self.exchange.take()):
                if isinstance(event, h2.events.DataReceived):
                    self.answers[event.stream_id] = (
                        self.answers.get(event.stream_id, b"") + event.data
                    )
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    self.ended.append(event.stream_id)
                assert not isinstance(event, h2.events.ConnectionTerminated | h2.events.StreamReset)


def steps_of(plan: dict[str, object]) -> list[str]:
    return ["headers", *["data"] * len(plan["chunks"]), "end"]


@given(PLANS, st.randoms(use_true_random=False), st.sampled_from([100, 5_000, 65_535]))
def test_h2_understands_us_and_we_understand_h2(plans, random, initial_window):
    client = H2Client()
    client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: initial_window})
    left = {2 * n + 1: steps_of(plan) for n, plan in enumerate(plans)}
    started: list[int] = []
    sent = dict.fromkeys(left, 0)
    while left:
        # Streams begin in the order of their numbers; beyond that, in any order.
        fresh = next((n for n in left if n not in started), None)
        stream_id = random.choice([*[n for n in left if n in started], *([fresh] if fresh else [])])
        plan = plans[stream_id // 2]
        step = left[stream_id].pop(0)
        if step == "headers":
            started.append(stream_id)
            # h2 itself forgets the priority's bytes where it cuts a block into frames.
            is_long = sum(len(value) for _, value in plan["fields"]) > 10_000
            wants = plan["priority"] and not is_long
            more = {"priority_weight": 20, "priority_depends_on": 0} if wants else {}
            client.h2.send_headers(stream_id, [*POST, *plan["fields"]], **more)
        elif step == "data":
            payload, padding = plan["chunks"][sent[stream_id]]
            sent[stream_id] += 1
            client.h2.send_data(stream_id, payload, pad_length=padding)
        elif plan["end"] == "reset":
            client.h2.reset_stream(stream_id, h2.errors.ErrorCodes.CANCEL)
        elif plan["end"] == "trailers":
            client.h2.send_headers(stream_id, [("x-trailer", "y" * 20_000)], end_stream=True)
        else:
            client.h2.end_stream(stream_id)
        if not left[stream_id]:
            del left[stream_id]
        if random.random() < 0.4:
            client.h2.ping(b"pingpong")
            client.talk()
    client.talk()

    whole = [2 * n + 1 for n, plan in enumerate(plans) if plan["end"] != "reset"]
    assert client.answers == dict.fromkeys(whole, BODY)
    assert sorted(client.ended) == whole
    told = client.exchange.application.told
    for n, plan in enumerate(plans):
        mine = [entry for entry in told if entry[1] == 2 * n + 1]
        fields = tuple((name.encode(), value.encode()) for name, value in [*POST, *plan["fields"]])
        assert mine[0] == ("request", 2 * n + 1, fields)
        bodies = [entry for entry in mine if entry[0] == "data"]
        assert b"".join(entry[2] for entry in bodies) == b"".join(c[0] for c in plan["chunks"])
        ends = [entry for entry in mine if entry[-1] is True or entry[0] == "closed"]
        reset = [("closed", 2 * n + 1, "CANCEL")]
        assert ends == reset if plan["end"] == "reset" else len(ends) == 1
    assert client.exchange.http2.open_streams == 0


@pytest.mark.parametrize("size", [0, 64, 4_096])
def test_h2_may_change_its_header_table_at_any_time(size):
    client = H2Client()
    for stream_id, table in ((1, 4_096), (3, size), (5, 4_096), (7, size)):
        client.h2.update_settings({h2.settings.SettingCodes.HEADER_TABLE_SIZE: table})
        client.h2.send_headers(stream_id, POST, end_stream=True)
        client.talk()
    assert client.ended == [1, 3, 5, 7]
