"""Channels of grpcio's own whose calls have a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import grpc
import grpc.aio

_KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")


class _Details(NamedTuple):
    """What a call is, as grpcio takes it back from an interceptor."""

    method: Any
    timeout: Any
    metadata: Any
    credentials: Any
    wait_for_ready: Any
    compression: Any = None


def with_token(channel: grpc.Channel, token: str) -> grpc.Channel:
    """The same channel; each call on it has this token, behind its own metadata."""

    def intercept(self: object, proceed: Callable[..., Any], details: Any, request: Any) -> Any:
        metadata = (*(details.metadata or ()), ("token", token))
        return proceed(_changed(details, metadata), request)

    bases = (
        grpc.UnaryUnaryClientInterceptor,
        grpc.UnaryStreamClientInterceptor,
        grpc.StreamUnaryClientInterceptor,
        grpc.StreamStreamClientInterceptor,
    )
    methods = {f"intercept_{kind}": intercept for kind in _KINDS}
    return grpc.intercept_channel(channel, type("Token", bases, methods)())


def aio_interceptors(token: str) -> list[grpc.aio.ClientInterceptor]:
    """The same for a channel of `grpc.aio`, which wants one for each kind of call."""

    async def intercept(
        self: object, proceed: Callable[..., Any], details: Any, request: Any
    ) -> Any:
        metadata = grpc.aio.Metadata(*(details.metadata or ()), ("token", token))
        return await proceed(_changed(details, metadata), request)

    bases = (
        grpc.aio.UnaryUnaryClientInterceptor,
        grpc.aio.UnaryStreamClientInterceptor,
        grpc.aio.StreamUnaryClientInterceptor,
        grpc.aio.StreamStreamClientInterceptor,
    )
    return [
        cast(grpc.aio.ClientInterceptor, type("Token", (base,), {f"intercept_{kind}": intercept})())
        for kind, base in zip(_KINDS, bases, strict=True)
    ]


def _changed(details: Any, metadata: Any) -> _Details:
    return _Details(
        details.method,
        details.timeout,
        metadata,
        details.credentials,
        details.wait_for_ready,
        getattr(details, "compression", None),
    )
