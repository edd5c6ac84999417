"""A gRPC connection that writes down all that passes over it, good or bad.

Requests are messages or any bytes at all; a call that fails raises nothing, since to a scenario
a refusal is an answer like another. Every method of etcd's is reached by its name in the method
table; those of KV, which scenarios use most, have short forms.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import queue
from collections.abc import Iterator, Mapping
from typing import TypeVar, cast

import grpc
from google.protobuf.message import DecodeError, Message

from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS, Kind, Method
from fake_etcd.api.status import OK, Code, Status

from .dialogue import Dialogue, Pairs
from .transcript import Field, quote, word

CALL_SECONDS = 20.0
"""Longest call; a server that has said nothing by then is written down as DEADLINE_EXCEEDED."""

OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_metadata_size", 2**24),
    ("grpc.absolute_max_metadata_size", 2**24),
    ("grpc.use_local_subchannel_pool", 1),  # a connection of its own
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
)
"""Of every channel: no limits, no sharing, nothing tried twice."""

Answer = TypeVar("Answer", bound=Message)
Self = TypeVar("Self", bound="Connection")

_BY_NAME = {path.rpartition(".")[2]: method for path, method in METHODS.items()}


def method_named(name: str) -> Method:
    """The row for "KV/Put".

    Raises:
        KeyError: the table has no such method.
    """
    return _BY_NAME[name]


class Connection:
    """One connection to the server.

    Args:
        url: where the server is, "http://127.0.0.1:2379".
        dialogue: where to write.
        label: what sets this connection's parts apart, "connection#2 "; empty for the first.
    """

    def __init__(self, url: str, dialogue: Dialogue, label: str = "") -> None:
        self._dialogue = dialogue
        self._label = label
        self._channel = grpc.insecure_channel(url.removeprefix("http://"), OPTIONS)
        self._streams: list[Stream] = []
        self._metadata: tuple[tuple[str, str | bytes], ...] = ()

    def close(self) -> None:
        """End it, with all calls on it."""
        for stream in self._streams:
            stream.close()
        self._channel.close()

    # Who calls

    def with_metadata(self: Self, *metadata: tuple[str, str | bytes]) -> Self:
        """The same connection, with pairs that go along with every call, behind those it has."""
        other = copy.copy(self)
        other._metadata = (*self._metadata, *metadata)
        return other

    def log_in(self: Self, name: str, password: str) -> Self:
        """The same connection in somebody's name: with the token that they are given now.

        Without one where they are refused, which is written down as any answer.
        """
        request = m.AuthenticateRequest(name=name, password=password)
        token = cast(m.AuthenticateResponse, self.call("Auth/Authenticate", request)).token
        return self.with_metadata(("token", token)) if token else self

    @property
    def token(self) -> str:
        """The one that goes along; empty where there is none."""
        return next((str(value) for key, value in self._metadata if key == "token"), "")

    def name_token(self, token: str, word: str) -> str:
        """Let a token of the scenario's own making be written as `token#word`; gives the token."""
        self._dialogue.names.name_token(token, word)
        return token

    def read_token(self, token: str) -> None:
        """Write down what a JSON Web Token says: head and claims, of its end only that it is one.

        Nothing where it is no such token.
        """
        parts = token.split(".")
        if len(parts) != 3:
            return
        texts = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts[:2]]
        head, claims = (json.loads(text) for text in texts)
        fields = [*_json_fields("head", head), *_json_fields("claim", claims)]
        self._dialogue.came(f"{self._label}token", fields)

    # Any method

    def call(self, name: str, request: Message | bytes, metadata: Pairs = ()) -> Message:
        """A call with one answer at the most.

        Args:
            name: "KV/Put".
            request: a message of the method's, or bytes to send in its place.
            metadata: pairs to send along.

        Returns:
            The answer; an empty one where the call failed or the answer cannot be read.
        """
        answers = self.stream_call(name, request, metadata)
        return answers[-1] if answers else method_named(name).response()

    def stream_call(
        self, name: str, request: Message | bytes, metadata: Pairs = ()
    ) -> list[Message]:
        """A call with one request and any number of answers; gives all of them."""
        method = method_named(name)
        answers = []
        for answer in self._run(method.path, name, request, tuple(metadata)):
            self._dialogue.answered(method.response, answer, self._label)
            answers.append(decoded(method.response, answer))
        return answers

    def repeat(self, times: int, name: str, request: Message) -> None:
        """The same call many times, written down as one: with what came last, good or bad."""
        method = method_named(name)
        self._dialogue.asked(f"{self._label}{times} times {name}", request, self._metadata)
        encoded = request.SerializeToString()
        open_call: grpc.UnaryStreamMultiCallable[bytes, bytes]
        open_call = self._channel.unary_stream(method.path)
        for _ in range(times):
            answers: list[bytes] = []
            call = open_call(encoded, timeout=CALL_SECONDS, metadata=self._metadata)
            with contextlib.suppress(grpc.RpcError):
                answers += call
            if status_of(call) != OK:
                break
        for answer in answers:
            self._dialogue.answered(method.response, answer, self._label)
        self._dialogue.ended(status_of(call), metadata_of(call), self._label)

    def path_call(self, path: str, request: bytes) -> None:
        """A call of a path that is not in the method table."""
        for answer in self._run(path, word(path), request, ()):
            self._dialogue.came(self._label + "bytes", [Field("bytes", quote(answer))])

    def open(self, name: str, metadata: Pairs = ()) -> Stream:
        """A bidirectional stream, to be read and written step by step."""
        assert method_named(name).kind is Kind.BIDI, f"{name} is no bidirectional stream"
        return self._open(name, metadata)

    def begin(self, name: str, request: Message, seconds: float = CALL_SECONDS) -> Stream:
        """A call with one request that may wait for something, for so long at the most; its
        answers are taken one by one, the end behind them as well."""
        stream = self._open(name, (), seconds)
        stream.send(request)
        stream.close()
        return stream

    def _open(self, name: str, metadata: Pairs, seconds: float = CALL_SECONDS) -> Stream:
        label = f"{self._label}stream#{len(self._streams) + 1} "
        metadata = (*self._metadata, *metadata)
        stream = Stream(self._channel, self._dialogue, name, label, metadata, seconds)
        self._streams.append(stream)
        return self._streams[-1]

    def _run(
        self, path: str, name: str, request: Message | bytes, metadata: Pairs
    ) -> Iterator[bytes]:
        """The encoded answers, with the question and the status written down around them."""
        metadata = (*self._metadata, *metadata)
        self._dialogue.asked(self._label + name, request, metadata)
        encoded = request if isinstance(request, bytes) else request.SerializeToString()
        # Also for a unary method: whatever the server sends is to be seen, twice or not at all.
        open_call: grpc.UnaryStreamMultiCallable[bytes, bytes] = self._channel.unary_stream(path)
        call = open_call(encoded, timeout=CALL_SECONDS, metadata=metadata)
        with contextlib.suppress(grpc.RpcError):  # which is the call itself: see its status
            yield from call
        self._dialogue.ended(status_of(call), metadata_of(call), self._label)

    # KV

    def range(self, request: m.RangeRequest | None = None, /, **fields: object) -> m.RangeResponse:
        """KV.Range; the request's fields are the arguments, or `request` as a whole."""
        request = request or m.RangeRequest(**fields)  # type: ignore[arg-type]  # protobuf checks
        return cast(m.RangeResponse, self.call("KV/Range", request))

    def range_stream(
        self, request: m.RangeRequest | None = None, /, **fields: object
    ) -> list[m.RangeStreamResponse]:
        """KV.RangeStream, likewise; gives all chunks."""
        request = request or m.RangeRequest(**fields)  # type: ignore[arg-type]  # protobuf checks
        return cast(list[m.RangeStreamResponse], self.stream_call("KV/RangeStream", request))

    def put(self, request: m.PutRequest | None = None, /, **fields: object) -> m.PutResponse:
        """KV.Put, likewise."""
        request = request or m.PutRequest(**fields)  # type: ignore[arg-type]  # protobuf checks
        return cast(m.PutResponse, self.call("KV/Put", request))

    def delete_range(
        self, request: m.DeleteRangeRequest | None = None, /, **fields: object
    ) -> m.DeleteRangeResponse:
        """KV.DeleteRange, likewise."""
        request = request or m.DeleteRangeRequest(**fields)  # type: ignore[arg-type]  # protobuf checks
        return cast(m.DeleteRangeResponse, self.call("KV/DeleteRange", request))

    def txn(self, request: m.TxnRequest | None = None, /, **fields: object) -> m.TxnResponse:
        """KV.Txn, likewise."""
        request = request or m.TxnRequest(**fields)  # type: ignore[arg-type]  # protobuf checks
        return cast(m.TxnResponse, self.call("KV/Txn", request))

    def compact(
        self, request: m.CompactionRequest | None = None, /, **fields: object
    ) -> m.CompactionResponse:
        """KV.Compact, likewise."""
        request = request or m.CompactionRequest(**fields)  # type: ignore[arg-type]  # protobuf checks
        return cast(m.CompactionResponse, self.call("KV/Compact", request))


class Stream:
    """An open call, bidirectional or with one request that is sent by now."""

    def __init__(
        self,
        channel: grpc.Channel,
        dialogue: Dialogue,
        name: str,
        label: str,
        metadata: Pairs,
        seconds: float,
    ) -> None:
        self._dialogue = dialogue
        self._label = label
        self._response = method_named(name).response
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        metadata = tuple(metadata)
        dialogue.did(f"{label}open {name}", dialogue.pairs("metadata", metadata))
        open_call: grpc.StreamStreamMultiCallable[bytes, bytes]
        open_call = channel.stream_stream(method_named(name).path)
        requests = cast(Iterator[bytes], iter(self._requests.get, None))
        self._call = open_call(requests, timeout=seconds, metadata=metadata)

    def send(self, request: Message | bytes) -> None:
        """Send one request."""
        head = "bytes" if isinstance(request, bytes) else request.DESCRIPTOR.name
        self._dialogue.asked(self._label + head, request)
        self._requests.put(request if isinstance(request, bytes) else request.SerializeToString())

    def receive(self) -> Message:
        """The next answer; an empty one, and the status written down, where the stream is over."""
        try:
            answer = next(self._call)
        except (StopIteration, grpc.RpcError):
            self._dialogue.ended(status_of(self._call), metadata_of(self._call), self._label)
            return self._response()
        self._dialogue.answered(self._response, answer, self._label)
        return decoded(self._response, answer)

    def half_close(self) -> None:
        """Send nothing more."""
        self._dialogue.did(self._label + "half-close")
        self.close()

    def close(self) -> None:
        """Let grpcio's thread go that waits for requests; nothing is written down."""
        self._requests.put(None)

    def cancel(self) -> None:
        """End it from this side."""
        self._dialogue.did(self._label + "cancel")
        self._call.cancel()


def _json_fields(name: str, members: Mapping[str, object]) -> Iterator[Field]:
    """A field for each member of a JSON object, in its order; the clock's time has a word."""
    for key, value in members.items():
        word = "<seconds>" if key == "exp" else quote(json.dumps(value).encode())
        yield Field(name, (Field("key", quote(key.encode())), Field("json", word)))


def decoded(kind: type[Answer], encoded: bytes) -> Answer:
    """The message, or an empty one where the bytes are none."""
    try:
        return kind.FromString(encoded)
    except DecodeError:
        return kind()


def status_of(call: grpc.Call) -> Status:
    """How a call ended; waits for that."""
    code = call.code()
    return OK if code is grpc.StatusCode.OK else Status(Code(code.value[0]), call.details() or "")


def metadata_of(call: grpc.Call) -> Pairs:
    """What came beside the answers and the status, before and after."""
    return [*(call.initial_metadata() or ()), *(call.trailing_metadata() or ())]
