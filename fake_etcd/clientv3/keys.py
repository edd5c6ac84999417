"""Keys and values as bytes, and the ends of ranges of keys.

etcd: client/v3/op.go, getPrefix.
"""

from __future__ import annotations

Text = bytes | str
"""A key or a value: bytes, or a str that stands for its UTF-8."""

FROM_KEY_END = b"\x00"
"""The end of a range that has none."""


def to_bytes(given: object, name: str) -> bytes:
    """`given` as bytes. Raises TypeError, with `name` in its text, for all but bytes and str."""
    if type(given) is bytes:
        return given
    if isinstance(given, str):
        return given.encode()
    if isinstance(given, bytes):
        return bytes(given)
    raise TypeError(f"{name} is bytes or str, not {type(given).__name__}")


def prefix_range_end(prefix: Text) -> bytes:
    r"""The end of the range of the keys that begin with `prefix`.

    Where no key is after all of them, as behind b"\xff", the range has no end.

    >>> prefix_range_end("foo"), prefix_range_end(b"a\xff"), prefix_range_end(b"\xff")
    (b'fop', b'b', b'\x00')
    """
    stem = to_bytes(prefix, "prefix").rstrip(b"\xff")
    if not stem:
        return FROM_KEY_END
    return stem[:-1] + bytes((stem[-1] + 1,))
