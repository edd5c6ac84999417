"""What unary and streaming calls share: framed answers, and statuses of failed handling."""

from __future__ import annotations

import logging

from google.protobuf.message import DecodeError

from fake_etcd.api.deep import TooDeep
from fake_etcd.api.status import Status
from fake_etcd.transport.grpc.errors import HANDLER_BUG
from fake_etcd.transport.grpc.head import Head
from fake_etcd.transport.grpc.messages import GZIP, compress, pack_prefix

_log = logging.getLogger("fake_etcd.transport")


def frame_message(message: bytes, encoding: bytes) -> bytes:
    """A message behind its prefix, packed as the request was."""
    if encoding == GZIP:
        packed = compress(message)
        return pack_prefix(1, len(packed)) + packed
    return pack_prefix(0, len(message)) + message


def internal_error(head: Head) -> Status:
    _log.exception("bug in the handler of %s", head.endpoint.method.path)
    return HANDLER_BUG


def go_decode_reason(error: DecodeError) -> str:
    # protobuf's Python runtimes name no reason that could be mapped; Go has two. Its "proto:" has
    # a no-break space behind it in some builds and a plain one in others, so that nobody relies
    # on it (protobuf-go: internal/errors).
    if isinstance(error, TooDeep):
        return "proto: exceeded maximum recursion depth"
    if "utf" in str(error).lower():
        return "string field contains invalid UTF-8"
    return "proto: cannot parse invalid wire-format data"
