"""Stubs of ours on any channel, for tests that need a client and no client library."""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio

from fake_etcd.api.methods import METHODS, Kind

_FACTORY = {
    Kind.UNARY: "unary_unary",
    Kind.SERVER_STREAM: "unary_stream",
    Kind.BIDI: "stream_stream",
}


def stub(channel: grpc.Channel | grpc.aio.Channel, name: str) -> Any:
    """The callable of a method, "KV/Put"."""
    path = f"/etcdserverpb.{name}"
    method = METHODS[path]
    make = getattr(channel, _FACTORY[method.kind])
    return make(path, method.request.SerializeToString, method.response.FromString)
