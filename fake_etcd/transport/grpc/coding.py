"""How gRPC writes small things into HTTP/2: timeouts, status texts, binary metadata.

Sources: grpc/doc/PROTOCOL-HTTP2.md; where that leaves room, grpc-go's
`internal/transport/http_util.go`.
"""

from __future__ import annotations

import base64
import re

from fake_etcd.transport.grpc.errors import go_quote

_UNIT_SECONDS = {
    b"H": 3600.0,
    b"M": 60.0,
    b"S": 1.0,
    b"m": 1e-3,
    b"u": 1e-6,
    b"n": 1e-9,
}


def decode_timeout(text: bytes) -> float:
    """A `grpc-timeout` in seconds.

    Raises:
        ValueError: with grpc-go's words for what is wrong.
    """
    if len(text) < 2:
        raise ValueError(f"transport: timeout string is too short: {go_quote(text)}")
    if len(text) > 9:
        raise ValueError(f"transport: timeout string is too long: {go_quote(text)}")
    unit = _UNIT_SECONDS.get(text[-1:])
    if unit is None:
        raise ValueError(f"transport: timeout unit is not recognized: {go_quote(text)}")
    digits = text[:-1]
    if not digits.isdigit():
        raise ValueError(f"strconv.ParseUint: parsing {go_quote(digits)}: invalid syntax")
    return int(digits) * unit


_PLAIN = frozenset(range(0x20, 0x7F)) - {ord("%")}
_SURROGATES = re.compile("[\ud800-\udfff]")


def encode_message(text: str) -> bytes:
    """A status text for `grpc-message`: UTF-8, all but printable ASCII percent-encoded."""
    try:
        raw = text.encode()
    except UnicodeEncodeError:  # lone surrogates: bytes of the caller's that were not UTF-8
        raw = _SURROGATES.sub("\ufffd", text).encode()
    if _PLAIN.issuperset(raw):
        return raw
    return b"".join(bytes((byte,)) if byte in _PLAIN else b"%%%02X" % byte for byte in raw)


_BASE64_BODY = re.compile(rb"[A-Za-z0-9+/]*")


def decode_binary(text: bytes) -> bytes:
    """The value of a `-bin` header, padded or not.

    Raises:
        ValueError: with Go's words for what is wrong.
    """
    match = _BASE64_BODY.match(text)
    assert match is not None, "it matches nothing at all, too"
    end = match.end()
    if end < len(text):
        _check_padding(text, end)
    elif end % 4 == 1:
        raise _bad_base64(end - 1)
    return base64.b64decode(text[:end] + b"=" * (-end % 4))


def _check_padding(text: bytes, start: int) -> None:
    """What stands at `start` is not of the alphabet: it must be all the padding there may be.

    Go's decoder takes padding where the text is whole groups of four (StdEncoding), and none
    elsewhere (RawStdEncoding); it names the byte at which it gave up.
    """
    padding = -start % 4
    if text[start] != ord("=") or len(text) % 4 or padding not in (1, 2):
        raise _bad_base64(start)
    if text[start : start + padding] != b"=" * padding:
        raise _bad_base64(start)
    if start + padding < len(text):
        raise _bad_base64(start + padding)


def _bad_base64(at: int) -> ValueError:
    return ValueError(f"illegal base64 data at input byte {at}")
