"""What makes the calls of a method on a channel, whichever of grpcio's two kinds that is."""

from __future__ import annotations

from typing import Any

from fake_etcd.api.methods import Kind, Method


def stub(channel: Any, method: Method) -> Any:
    """A multi-callable for a method.

    Args:
        channel: a `grpc.Channel` or a `grpc.aio.Channel`.
        method: from the table.
    """
    make = {
        Kind.UNARY: channel.unary_unary,
        Kind.SERVER_STREAM: channel.unary_stream,
        Kind.BIDI: channel.stream_stream,
    }[method.kind]
    return make(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.response.FromString,
    )
