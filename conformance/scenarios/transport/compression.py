"""Compressed messages, good and bad."""

from __future__ import annotations

import struct
import zlib

from fake_etcd.api import messages as m

from ...by_hand import message
from ...scenario import scenario
from ...session import Session
from .asking import ASK, GZIP, KEY_A, ask


def _member(deflated: bytes, data: bytes) -> bytes:
    """A gzip file of data that was deflated somehow."""
    sums = struct.pack("<II", zlib.crc32(data), len(data))
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + deflated + sums


def _gzip(data: bytes) -> bytes:
    """A gzip file with the data as they are, so that the bytes depend on no zlib."""
    return _member(struct.pack("<BHH", 1, len(data), len(data) ^ 0xFFFF) + data, data)


_PACKED = _gzip(KEY_A)


@scenario
def a_request_in_gzip_is_answered_in_gzip(s: Session) -> None:
    s.put(key=b"a", value=b"v" * 100)
    s.grpc_by_hand("KV/Range", message(_PACKED, compressed=1), headers=GZIP)
    s.grpc_by_hand("KV/RangeStream", message(_PACKED, compressed=1), headers=GZIP)
    s.grpc_by_hand("KV/Range", ASK, headers=GZIP)
    s.grpc_by_hand("KV/Range", message(b""), headers=GZIP)
    garbage = _gzip(b"\xff")
    s.grpc_by_hand("KV/Range", message(garbage, compressed=1), headers=GZIP)


@scenario
def a_gzip_message_may_have_several_members_a_name_or_more(s: Session) -> None:
    for packed in (
        _gzip(KEY_A[:1]) + _gzip(KEY_A[1:]),
        _PACKED[:3] + b"\x08" + _PACKED[4:10] + b"name\0" + _PACKED[10:],
        _PACKED[:3] + b"\x04" + _PACKED[4:10] + b"\3\0abc" + _PACKED[10:],
    ):
        s.grpc_by_hand("KV/Range", message(packed, compressed=1), headers=GZIP)


@scenario
def a_compressed_flag_needs_an_encoding_and_other_flags_are_none(s: Session) -> None:
    for name in ("KV/Range", "KV/RangeStream"):
        for encoding in ((), [("grpc-encoding", "identity")], [("grpc-encoding", "")]):
            s.grpc_by_hand(name, message(_PACKED, compressed=1), headers=encoding)
        for flag in (2, 3, 255):
            s.grpc_by_hand(name, message(KEY_A, compressed=flag))


@scenario
def an_identity_or_empty_encoding_is_none(s: Session) -> None:
    ask(s, ("grpc-encoding", "identity"))
    ask(s, ("grpc-encoding", ""))
    last = (("grpc-encoding", "nope"), *GZIP)
    s.grpc_by_hand("KV/Range", message(_PACKED, compressed=1), headers=last)


@scenario(
    on_purpose="a grpc-encoding that is not known is UNIMPLEMENTED with a grpc-accept-encoding, "
    "for which gRPC's specification asks"
)
def an_unknown_encoding_is_unimplemented(s: Session) -> None:
    for encoding in ("snappy", "GZIP", "deflate", 'x"y'):
        ask(s, ("grpc-encoding", encoding))
    s.grpc_by_hand("KV/RangeStream", ASK, headers=[("grpc-encoding", "snappy")])


_BAD_GZIP = {
    "nothing": b"",
    "a byte": _PACKED[:1],
    "something else": b"x" * 20,
    "another method": b"\x1f\x8b\x07" + _PACKED[3:],
    "a header alone": _PACKED[:10],
    "cut in its data": _PACKED[:-9],
    "cut in its sums": _PACKED[:-3],
    "a wrong sum": _PACKED[:-8] + b"\0\0\0\0" + _PACKED[-4:],
    "a wrong length": _PACKED[:-4] + b"\1\1\1\1",
    "a little behind it": _PACKED + b"xyz",
    "more behind it": _PACKED + b"x" * 20,
    "a damaged block": _PACKED[:10] + b"\xff" * 9,
    "a damaged stored block": _PACKED[:10] + b"\x01\x05\0\0\0hello" + _PACKED[-8:],
}


@scenario
def bad_gzip_is_an_internal_error_that_says_what_is_wrong(s: Session) -> None:
    for packed in _BAD_GZIP.values():
        s.grpc_by_hand("KV/Range", message(packed, compressed=1), headers=GZIP)
    s.grpc_by_hand("KV/RangeStream", message(b"x" * 20, compressed=1), headers=GZIP)


_RUN = b"k" * 65_535


_DEFLATED_RUN = b"\xed\xc1!\x01\0\0\0\x80\xa0\xc1\xfe\xef\x1e\x01\n" + bytes(63) + b"\x1a"


@scenario
def a_message_has_its_limit_after_decompression_too(s: Session) -> None:
    for size in (2_097_152, 2_097_153, 10_000_000):
        request = m.RangeRequest(key=b"k" * (size - 4)).SerializeToString()
        runs, rest = divmod(len(request) - 10, len(_RUN))
        packed = _gzip(request[:10]) + _member(_DEFLATED_RUN, _RUN) * runs
        packed += _gzip(request[len(request) - rest :])
        s.grpc_by_hand("KV/Range", message(packed, compressed=1), headers=GZIP)
