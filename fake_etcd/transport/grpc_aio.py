"""The same endpoints under grpc.aio: a second opinion on the native transport.

Requests and answers pass as bytes; decoding, size limit and the statuses for what is unknown are
done here, since grpc.aio's own words for them are not grpc-go's. Slow beside the native listener,
but nothing of HTTP/2 in it is ours.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from fake_etcd.api.deep import decoder_of
from fake_etcd.api.errors import EtcdError, StatusError
from fake_etcd.api.methods import Kind
from fake_etcd.api.status import OK, Code, Status
from fake_etcd.core.node import Node
from fake_etcd.services import registry
from fake_etcd.services.call import Call, Endpoint, Endpoints, Metadata, Receiver, UnaryHandler
from fake_etcd.services.interceptor import admit
from fake_etcd.transport.grpc import errors
from fake_etcd.transport.grpc.handling import go_decode_reason
from fake_etcd.transport.grpc.head import status_of_unknown
from fake_etcd.transport.loop_host import NodeTimer

_log = logging.getLogger("fake_etcd.transport")

_SINK_LIMIT_MESSAGES = 2  # waiting answers from which on a handler should wait too

_Context = grpc.aio.ServicerContext[bytes, bytes]
_Behaviour = Callable[[object, _Context], Awaitable[None]]
_CODES = {code.value[0]: code for code in grpc.StatusCode}


async def serve(node: Node, address: str = "127.0.0.1:0") -> tuple[grpc.aio.Server, int]:
    """Serves a node from the running event loop, which also runs what is due.

    Returns:
        The started server (`await server.stop(grace_seconds)` ends it) and its port.
    """
    limit = node.config.max_receive_bytes
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
        ]
    )
    server.add_generic_rpc_handlers((Handlers(registry.endpoints(node), limit),))
    port = server.add_insecure_port(address)
    NodeTimer(node, asyncio.get_running_loop())
    await server.start()
    return server, port


class Handlers(grpc.GenericRpcHandler):
    """Finds the endpoint of a call.

    Args:
        endpoints: what is served.
        max_receive_bytes: size of the largest request message.
    """

    def __init__(self, endpoints: Endpoints, max_receive_bytes: int) -> None:
        self._endpoints = endpoints
        self._max_receive_bytes = max_receive_bytes

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        """All calls are streams to grpc.aio: on the wire a unary call is one of a message each."""
        details = handler_call_details
        endpoint = self._endpoints.get(details.method)
        if endpoint is None:
            status = status_of_unknown(details.method.encode())

            async def refuse(_: object, context: _Context) -> None:
                await _end(context, status)

            return _handler(refuse)

        async def serve_call(_: object, context: _Context) -> None:
            metadata: Metadata = [
                (name, value)
                for name, value in details.invocation_metadata or ()
                if not name.startswith("grpc-") and name != "user-agent"
            ]
            await _Session(endpoint, metadata, context, self._max_receive_bytes).run()

        return _handler(serve_call)


def _handler(behaviour: _Behaviour) -> grpc.RpcMethodHandler[bytes, bytes]:
    return grpc.stream_stream_rpc_method_handler(behaviour)


async def _end(context: _Context, status: Status) -> None:
    if status.code is not Code.OK:
        await context.abort(_CODES[status.code], status.message)


class _Connection:
    """What a call came over; its socket is grpc.aio's alone."""

    endpoint = 0

    def __init__(self, context: _Context) -> None:
        self.peer = context.peer()
        names = context.auth_context().get("x509_common_name", ())
        self.common_name = next((name.decode() for name in names), None)

    def cut(self) -> None:
        raise NotImplementedError("grpc.aio lets nobody cut its connections")


class _Session:
    """One call; the `Sink` of a streaming handler."""

    def __init__(
        self, endpoint: Endpoint, metadata: Metadata, context: _Context, max_receive_bytes: int
    ) -> None:
        self._endpoint = endpoint
        self._context = context
        self._max_receive_bytes = max_receive_bytes
        left = context.time_remaining()
        deadline = None if left is None else asyncio.get_running_loop().time() + left
        self._call = Call(endpoint.method, metadata, deadline, _Connection(context))
        self._receiver: Receiver | None = None
        self._status: Status | None = None
        self._is_full = False
        self._queue: deque[bytes] = deque()
        self._news = asyncio.Event()

    async def run(self) -> None:
        try:
            if self._endpoint.unary is not None:
                request = await self._read_only_message()
                admit(self._call.metadata)
                await self._context.write(self._answer(self._endpoint.unary, request))
            else:
                await self._run_stream()
        except EtcdError as error:
            await _end(self._context, error.status)

    def _answer(self, handler: UnaryHandler, request: Message) -> bytes:
        try:
            return handler(request, self._call)
        except EtcdError:
            raise
        except Exception:
            _log.exception("bug in the handler of %s", self._endpoint.method.path)
            raise StatusError(errors.HANDLER_BUG) from None

    # Sink

    def send(self, message: bytes) -> bool:
        if self._status is None:
            self._queue.append(message)
            self._news.set()
            # Once full it owes a `writable`, whatever is sent meanwhile.
            self._is_full |= len(self._queue) >= _SINK_LIMIT_MESSAGES
        return not self._is_full

    def send_all(self, messages: Sequence[bytes]) -> bool:
        has_room = True
        for message in messages:
            has_room = self.send(message)
        return has_room

    def close(self, status: Status = OK) -> None:
        if self._status is None:
            self._status = status
            self._news.set()

    # The caller's half

    async def _run_stream(self) -> None:
        assert self._endpoint.stream is not None, "an endpoint is unary or a stream"
        reader: asyncio.Task[None] | None = None
        try:
            admit(self._call.metadata)
            self._receiver = self._endpoint.stream(self._call, self)
            reader = asyncio.ensure_future(self._read_all(self._receiver))
            await self._write_all(self._receiver)
        finally:
            if reader is not None:
                reader.cancel()
            if self._status is None and self._receiver is not None:
                self._receiver.cancelled()

    async def _read_all(self, receiver: Receiver) -> None:
        try:
            if self._endpoint.method.kind is Kind.BIDI:
                while (raw := await self._read()) is not None:
                    receiver.message(self._decode(raw))
            else:
                receiver.message(await self._read_only_message())
            receiver.half_close()
        except EtcdError as error:
            self.close(error.status)
            receiver.cancelled()
        except Exception:
            _log.exception("bug in the handler of %s", self._endpoint.method.path)
            self.close(errors.HANDLER_BUG)

    async def _write_all(self, receiver: Receiver) -> None:
        while True:
            while self._queue:
                await self._context.write(self._queue.popleft())
                if self._is_full and not self._queue:
                    self._is_full = False
                    receiver.writable()
            if self._status is not None:
                await _end(self._context, self._status)
                return
            self._news.clear()
            await self._news.wait()

    async def _read(self) -> bytes | None:
        raw = await self._context.read()
        if not isinstance(raw, bytes):
            return None  # half-closed, or cancelled: grpc.aio says which only later
        if len(raw) > self._max_receive_bytes:
            raise StatusError(errors.message_too_large(len(raw), self._max_receive_bytes))
        return raw

    async def _read_only_message(self) -> Message:
        """The request of a method that takes one. A streaming method insists that there is no
        other; for a unary one grpc-go does not look."""
        streaming = self._endpoint.method.kind is not Kind.UNARY
        raw = await self._read()
        if raw is None:
            raise StatusError(errors.NO_STREAM_MESSAGE if streaming else errors.NO_MESSAGE)
        request = self._decode(raw)
        if streaming and await self._read() is not None:
            raise StatusError(errors.TOO_MANY_MESSAGES)
        return request

    def _decode(self, raw: bytes) -> Message:
        try:
            return decoder_of(self._endpoint.method.request)(raw)
        except DecodeError as error:
            is_unary = self._endpoint.method.kind is Kind.UNARY
            status = errors.cannot_unmarshal if is_unary else errors.cannot_unmarshal_in_stream
            raise StatusError(status(go_decode_reason(error))) from None
