"""Keys and values as tests write them: text, which means its UTF-8, or bytes."""

from __future__ import annotations

from fake_etcd.core.mvcc import prefixes

Text = str | bytes
"""A key or value; text means its UTF-8."""


def raw(text: Text) -> bytes:
    """The bytes that it means."""
    return text.encode() if isinstance(text, str) else text


def text(raw: bytes) -> Text:
    """As text where it is UTF-8, else the bytes."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def prefix_end(prefix: bytes) -> bytes:
    """The first key behind all that begin so; a zero byte where there is none.

    >>> prefix_end(b"a/"), prefix_end(b"a\\xff"), prefix_end(b"")
    (b'a0', b'b', b'\\x00')
    """
    return prefixes.prefix_end(prefix) or b"\0"
