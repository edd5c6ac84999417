"""A user's login: a token with every call, and another one when etcd no longer takes it.

A token ends when it was not used for five minutes, or when the user's password changes. Whichever
call finds that out is made again with a new one, once: then the password itself is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import grpc

from fake_etcd.api import messages as m


def logged_in(channel: grpc.Channel, name: str, password: str) -> grpc.Channel:
    """The same channel, on which unary calls are made in a user's name."""
    return grpc.intercept_channel(channel, Login(channel, name, password))


class Login(grpc.UnaryUnaryClientInterceptor):
    """Who somebody is.

    Args:
        channel: where to log in, when the first call is made.
        name, password: the user's.
    """

    def __init__(self, channel: grpc.Channel, name: str, password: str) -> None:
        self._authenticate = channel.unary_unary(
            "/etcdserverpb.Auth/Authenticate",
            m.AuthenticateRequest.SerializeToString,
            m.AuthenticateResponse.FromString,
        )
        self._request = m.AuthenticateRequest(name=name, password=password)
        self._token: str | None = None

    def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: Any, request: Any
    ) -> Any:
        """Called by grpcio for each call."""
        call = continuation(self._with_token(client_call_details), request)
        if call.code() is not grpc.StatusCode.UNAUTHENTICATED:
            return call
        self._token = None
        return continuation(self._with_token(client_call_details), request)

    def _with_token(self, details: Any) -> _Details:
        if self._token is None:
            answer = self._authenticate(self._request, timeout=details.timeout, wait_for_ready=True)
            self._token = answer.token
        return _Details(
            details.method,
            details.timeout,
            (*(details.metadata or ()), ("token", self._token)),
            details.credentials,
            details.wait_for_ready,
            details.compression,
        )


class _Details(NamedTuple):
    """What a call is, beside its request."""

    method: str
    timeout: float | None
    metadata: tuple[tuple[str, str], ...]
    credentials: Any
    wait_for_ready: bool | None
    compression: Any
