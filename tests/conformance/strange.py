"""Servers that do what no etcd does, for tests of how that is written down."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import grpc
import h2.config
import h2.connection
import h2.events

GrpcMethod = Callable[[Iterator[bytes], grpc.ServicerContext], Iterator[bytes]]
"""Takes the encoded requests, gives the encoded answers."""


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, methods: Mapping[str, GrpcMethod]) -> None:
        self._methods = methods

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        method = self._methods.get(handler_call_details.method)
        # One stream to another has every other kind of call in it.
        return method and grpc.stream_stream_rpc_method_handler(method)


@contextlib.contextmanager
def grpc_server(methods: Mapping[str, GrpcMethod]) -> Iterator[str]:
    """A gRPC server with these methods, by path; gives its URL."""
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool, [_Handlers(methods)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.stop(0).wait()


@contextlib.contextmanager
def tcp_server(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does this with one connection; gives its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError), listener.accept()[0] as connection:
                serve(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextlib.contextmanager
def http2_server(answer: Callable[[h2.connection.H2Connection], None]) -> Iterator[str]:
    """A server that lets `answer` answer stream 1 of a connection once its request is there."""

    def serve(connection: socket.socket) -> None:
        configuration = h2.config.H2Configuration(
            client_side=False, header_encoding="latin-1", validate_inbound_headers=False
        )
        http2 = h2.connection.H2Connection(configuration)
        http2.initiate_connection()
        connection.sendall(http2.data_to_send())
        answered = False
        while data := connection.recv(2**16):
            if answered:
                continue  # whatever the client still says
            events = http2.receive_data(data)
            if any(isinstance(event, h2.events.StreamEnded) for event in events):
                answer(http2)
                answered = True
            connection.sendall(http2.data_to_send())

    with tcp_server(serve) as url:
        yield url
