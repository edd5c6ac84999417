"""The statuses that gRPC itself gives, before or instead of a handler; texts are grpc-go's.

Sources: grpc-go `server.go`, `rpc_util.go`, `internal/transport/http2_server.go`.
"""

from __future__ import annotations

from fake_etcd.api.status import Code, Status

HANDLER_BUG = Status(Code.INTERNAL, "fake_etcd: internal error, see the server's log")
"""The one that is ours: it should never be seen."""

EXPIRED = Status(Code.DEADLINE_EXCEEDED, "context deadline exceeded")
NO_MESSAGE = Status(Code.UNKNOWN, "EOF")
HALF_A_MESSAGE = Status(Code.UNKNOWN, "unexpected EOF")
HALF_A_STREAM_MESSAGE = Status(Code.INTERNAL, "unexpected EOF")
NO_STREAM_MESSAGE = Status(
    Code.INTERNAL,
    "cardinality violation: received no request message from non-client-streaming RPC",
)
TOO_MANY_MESSAGES = Status(
    Code.INTERNAL,
    "cardinality violation: received multiple request messages for non-client-streaming RPC",
)
COMPRESSED_WITHOUT_ENCODING = Status(
    Code.INTERNAL, "grpc: compressed flag set with identity or empty encoding"
)
NO_AUTHORITY = Status(Code.INTERNAL, "no host or :authority header present")


def unknown_service(service: str) -> Status:
    return Status(Code.UNIMPLEMENTED, f"unknown service {service}")


def unknown_method(service: str, method: str) -> Status:
    return Status(Code.UNIMPLEMENTED, f"unknown method {method} for service {service}")


def malformed_method_name(path: bytes) -> Status:
    return Status(Code.UNIMPLEMENTED, f"malformed method name: {go_quote(path)}")


def bad_content_type(content_type: bytes) -> Status:
    return Status(
        Code.INVALID_ARGUMENT, f"invalid gRPC request content-type {go_quote(content_type)}"
    )


def method_not_post(method: bytes) -> Status:
    return Status(
        Code.INTERNAL,
        f"Received a HEADERS frame with :method {go_quote(method)} which should be POST",
    )


def several_hosts(authorities: int, hosts: int) -> Status:
    return Status(
        Code.INTERNAL,
        f"num values of :authority: {authorities}, num values of host: {hosts}, "
        "both must only have 1 value as per HTTP/2 spec",
    )


def malformed_timeout(reason: str) -> Status:
    return Status(Code.INTERNAL, f"malformed grpc-timeout: {reason}")


def malformed_metadata(name: bytes, value: bytes, reason: str) -> Status:
    return Status(
        Code.INTERNAL,
        f"malformed binary metadata {go_quote(value)} in header {go_quote(name)}: {reason}",
    )


def no_decompressor(encoding: bytes) -> Status:
    return Status(
        Code.UNIMPLEMENTED,
        f"grpc: Decompressor is not installed for grpc-encoding {go_quote(encoding)}",
    )


def bad_payload_format(value: int) -> Status:
    return Status(Code.INTERNAL, f"grpc: received unexpected payload format {value}")


def message_too_large(size: int, limit: int) -> Status:
    return Status(
        Code.RESOURCE_EXHAUSTED, f"grpc: received message larger than max ({size} vs. {limit})"
    )


def decompressed_too_large(limit: int) -> Status:
    return Status(
        Code.RESOURCE_EXHAUSTED,
        f"grpc: received message after decompression larger than max {limit}",
    )


def cannot_decompress(reason: str) -> Status:
    return Status(Code.INTERNAL, f"grpc: failed to decompress the message: {reason}")


def cannot_read_compressed(reason: str) -> Status:
    return Status(Code.INTERNAL, f"grpc: failed to read decompressed data: {reason}")


def cannot_unmarshal(reason: str) -> Status:
    return Status(Code.INTERNAL, f"grpc: error unmarshalling request: {reason}")


def cannot_unmarshal_in_stream(reason: str) -> Status:
    return Status(Code.INTERNAL, f"grpc: failed to unmarshal the received message: {reason}")


_GO_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    '"': '\\"',
    "\\": "\\\\",
}


def go_quote(text: bytes) -> str:
    """`text` as Go's `%q` prints it: its errors quote what the caller sent (strconv.Quote)."""
    quoted = []
    for char in text.decode("utf-8", "surrogateescape"):
        if char in _GO_ESCAPES:
            quoted.append(_GO_ESCAPES[char])
        elif "\udc80" <= char <= "\udcff":
            quoted.append(f"\\x{ord(char) - 0xDC00:02x}")
        elif char.isprintable():
            quoted.append(char)
        elif ord(char) < 0x80:
            quoted.append(f"\\x{ord(char):02x}")
        elif ord(char) < 0x10000:
            quoted.append(f"\\u{ord(char):04x}")
        else:
            quoted.append(f"\\U{ord(char):08x}")
    return '"' + "".join(quoted) + '"'
