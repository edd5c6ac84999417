"""The first thing a TLS client says, as far as its refusal depends on it (RFC 8446 §4.1.2).

The handshake is OpenSSL's. But it shows nobody what a client offers, goes on without a protocol
where Go refuses those that it does not know, and its log lines could not say what was on offer.
Go: crypto/tls/handshake_server.go (`readClientHello`, `negotiateALPN`), conn.go (`readRecord`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_HANDSHAKE = 0x16
_CLIENT_HELLO = 1
_RECORD_HEADER = 5
_MESSAGE_HEADER = 4
_MAX_RECORD_BYTES = 2**14 + 2048
_MAX_HELLO_BYTES = 65_536  # Go: maxHandshake

_MAX_RECORDS = 32
"""A hello in more pieces is left to OpenSSL: each piece that comes is a reason to look anew."""

_ALPN, _SUPPORTED_VERSIONS = 16, 43

_PROTOCOL_VERSION, _INTERNAL_ERROR = 70, 80  # RFC 8446 §6
NO_APPLICATION_PROTOCOL = 120

_OLD_VERSIONS = (0x303, 0x302, 0x301)


class NotHello(Exception):
    """What Go refuses before OpenSSL would: why, and the alert that it sends."""

    def __init__(self, reason: str, alert: int) -> None:
        super().__init__(reason)
        self.alert = alert


@dataclass(frozen=True, slots=True)
class Hello:
    """What a client offers, by its numbers and names, in its order."""

    versions: tuple[int, ...] = ()
    suites: tuple[int, ...] = ()
    protocols: tuple[bytes, ...] = ()


def read_hello(data: bytes) -> Hello | None:
    """The hello that a connection begins with; None while there is not all of it.

    What is no hello at all, or a broken one, makes an empty `Hello`: OpenSSL knows what to do.

    Raises:
        NotHello: it is one of SSL 2, or too large.
    """
    if data[0] & 0x80 and data[2:3] in (b"", b"\x01"):
        if len(data) < 3:
            return None
        raise NotHello("tls: unsupported SSLv2 handshake received", _PROTOCOL_VERSION)
    message = bytearray()
    position = 0
    for _ in range(_MAX_RECORDS):
        header = data[position : position + _RECORD_HEADER]
        if header[:1] not in (b"", bytes((_HANDSHAKE,))):
            return Hello()
        if len(header) < _RECORD_HEADER:
            return None
        size = int.from_bytes(header[3:], "big")
        if not 0 < size <= _MAX_RECORD_BYTES:
            return Hello()
        position += _RECORD_HEADER
        message += data[position : position + size]
        position += size
        if len(message) >= _MESSAGE_HEADER:
            size = int.from_bytes(message[1:_MESSAGE_HEADER], "big")
            if size > _MAX_HELLO_BYTES:
                raise NotHello(
                    f"tls: handshake message of length {size} bytes exceeds maximum of "
                    f"{_MAX_HELLO_BYTES} bytes",
                    _INTERNAL_ERROR,
                )
            if message[0] != _CLIENT_HELLO:
                return Hello()
            if len(message) >= _MESSAGE_HEADER + size:
                return _parse(bytes(message[_MESSAGE_HEADER : _MESSAGE_HEADER + size]))
        if position > len(data):
            return None
    return Hello()


class _Reader:
    """Fields of a message, one behind the other; what is cut off is shorter than it says."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, size: int) -> bytes:
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size_of_size: int) -> bytes:
        """Bytes behind their number, which has so many bytes itself."""
        return self.take(self.number(size_of_size))

    @property
    def has_more(self) -> bool:
        return bool(self._data)


def _parse(message: bytes) -> Hello:
    reader = _Reader(message)
    version = reader.number(2)
    reader.take(32)  # the random
    reader.vector(1)  # the session's id
    suites = _numbers(reader.vector(2))
    reader.vector(1)  # compression
    extensions = dict(_extensions(reader.vector(2)))
    if _SUPPORTED_VERSIONS in extensions:
        versions = _numbers(_Reader(extensions[_SUPPORTED_VERSIONS]).vector(1))
    else:
        versions = tuple(each for each in _OLD_VERSIONS if each <= version)
    protocols = _Reader(_Reader(extensions.get(_ALPN, b"")).vector(2))
    return Hello(versions, suites, tuple(_names(protocols)))


def _extensions(data: bytes) -> Iterator[tuple[int, bytes]]:
    reader = _Reader(data)
    while reader.has_more:
        yield reader.number(2), reader.vector(2)


def _names(reader: _Reader) -> Iterator[bytes]:
    while reader.has_more:
        yield reader.vector(1)


def _numbers(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2))
