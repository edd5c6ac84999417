"""gRPC calls written header by header and frame by frame, for what no gRPC client would send.

HTTP/2 is the `h2` library's, told to let wrong headers through.
"""

from __future__ import annotations

import gzip
import socket
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import hpack

from fake_etcd.api.methods import METHODS, Method

from . import normal_form
from .connection import method_named
from .dialogue import Dialogue, Pairs
from .transcript import Field, quote, word

_SILENCE_SECONDS = 5.0
"""How long a server may say nothing until that is taken for its answer."""

_DATES = {"date"}
"""Headers whose value is a time."""


def message(encoded: bytes, *, compressed: int = 0, length: int | None = None) -> bytes:
    """A gRPC message as a stream carries it: flag, length, bytes.

    Args:
        encoded: the message.
        compressed: the flag; 1 says that the bytes are compressed.
        length: what to claim, where that is not the true one.
    """
    return struct.pack(">BI", compressed, len(encoded) if length is None else length) + encoded


def comparable(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str | bytes]]:
    """Headers by name, which is an order of no meaning, with times replaced by their class.

    Args:
        headers: decoded from Latin-1, so that any bytes are a text.
    """
    return [
        (name, b"<date>" if name.lower() in _DATES else normal_form.data(value.encode("latin-1")))
        for name, value in sorted(headers)
    ]


def call(
    url: str,
    dialogue: Dialogue,
    name: str,
    data: Sequence[bytes],
    headers: Pairs,
    without: tuple[str, ...],
) -> None:
    """Make a call and write down what came; see `Session.grpc_by_hand`."""
    path = name if name.startswith("/") else method_named(name).path
    fields = [*dialogue.pairs("header", headers), *(Field("without", key) for key in without)]
    dialogue.did(
        f"by hand {word(name)}", [*fields, *(Field("data", quote(chunk)) for chunk in data)]
    )
    usual = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": urlsplit(url).netloc,
        "content-type": "application/grpc",
        "te": "trailers",
    }
    sent: list[tuple[str, str | bytes]] = []
    for key, value in usual.items():
        instead = [pair for pair in headers if pair[0] == key]
        sent += instead or ([(key, value)] if key not in without else [])
    sent += [pair for pair in headers if pair[0] not in usual]
    answer = _exchange(url, sent, data)
    dialogue.came("headers", dialogue.pairs("header", comparable(answer.headers)))
    gzipped = ("grpc-encoding", "gzip") in answer.headers
    _write_data(dialogue, bytes(answer.data), METHODS.get(path), gzipped)
    if answer.trailers:
        dialogue.came("trailers", dialogue.pairs("header", comparable(answer.trailers)))
    dialogue.came(answer.end, ())


@dataclass(slots=True)
class _Answer:
    """What came on a stream, and how it ended (empty until then)."""

    headers: list[tuple[str, str]] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)
    trailers: list[tuple[str, str]] = field(default_factory=list)
    end: str = ""


class _PlainEncoder(hpack.Encoder):
    """Leaves Huffman's coding out, which takes minutes for megabytes."""

    def encode(self, headers: Any, huffman: bool = False) -> bytes:  # the library's own type
        return super().encode(headers, huffman=huffman)


def _exchange(url: str, headers: Pairs, data: Sequence[bytes]) -> _Answer:
    parts = urlsplit(url)
    assert parts.hostname is not None, f"{url} has a host"
    http2 = h2.connection.H2Connection(
        h2.config.H2Configuration(
            client_side=True,
            header_encoding="latin-1",
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
            validate_inbound_headers=False,
        )
    )
    http2.encoder = _PlainEncoder()
    answer = _Answer()
    with socket.create_connection(
        (parts.hostname, parts.port or 80), _SILENCE_SECONDS
    ) as connection:
        http2.initiate_connection()
        http2.send_headers(1, list(headers), end_stream=not data)
        rest = [chunk for whole in data for chunk in _frames(whole, http2.max_outbound_frame_size)]
        try:
            connection.sendall(http2.data_to_send())
            while not answer.end:
                while rest and len(rest[0]) <= http2.local_flow_control_window(1):
                    http2.send_data(1, rest.pop(0), end_stream=not rest)
                connection.sendall(http2.data_to_send())
                _take(answer, http2, connection.recv(2**16))
        except TimeoutError:
            answer.end = answer.end or "nothing more"
        except ConnectionError:
            answer.end = answer.end or "connection lost"
    return answer


def _frames(data: bytes, size: int) -> Iterator[bytes]:
    yield data[:size]
    for start in range(size, len(data), size):
        yield data[start : start + size]


def _take(answer: _Answer, http2: h2.connection.H2Connection, received: bytes) -> None:
    if not received:
        answer.end = answer.end or "connection closed"
        return
    try:
        events = http2.receive_data(received)
    except h2.exceptions.ProtocolError as error:
        answer.end = answer.end or f"{type(error).__name__} in HTTP/2"
        return
    for event in events:
        if isinstance(event, h2.events.ResponseReceived):
            answer.headers = [(str(key), str(value)) for key, value in event.headers]
        elif isinstance(event, h2.events.TrailersReceived):
            answer.trailers = [(str(key), str(value)) for key, value in event.headers]
        elif isinstance(event, h2.events.DataReceived):
            answer.data += event.data
            http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            answer.end = answer.end or "end of stream"
        elif isinstance(event, h2.events.StreamReset):
            answer.end = answer.end or f"reset {_name(event.error_code)}"
        elif isinstance(event, h2.events.ConnectionTerminated):
            answer.end = answer.end or f"goaway {_name(event.error_code)}"


def _name(code: h2.errors.ErrorCodes | int | None) -> str:
    return code.name if isinstance(code, h2.errors.ErrorCodes) else str(code)


def _write_data(dialogue: Dialogue, data: bytes, method: Method | None, gzipped: bool) -> None:
    """The gRPC messages in the data of an answer, and as bytes whatever is none.

    A message that is compressed is marked "gzip": its own bytes are anybody's choice.
    """
    position = 0
    while method is not None and len(data) - position >= 5:
        compressed, length = struct.unpack_from(">BI", data, position)
        end = position + 5 + length
        if compressed > gzipped or end > len(data):
            break
        encoded = data[position + 5 : end]
        if compressed:
            try:
                encoded = gzip.decompress(encoded)
            except (OSError, EOFError, zlib.error):
                break  # no gzip, or half of it
        dialogue.answered(method.response, encoded, "gzip " if compressed else "")
        position = end
    if position < len(data):
        dialogue.came("data", [Field("bytes", quote(data[position:]))])
