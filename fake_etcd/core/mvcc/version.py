"""One version of a key: what a put or a deletion left at one revision.

etcd keeps this as a KeyValue message in its database under the revision's bytes
(server/storage/mvcc/kvstore_txn.go, put and delete).
"""

from __future__ import annotations

from fake_etcd.core.mvcc.encoding import encode_field, encode_tombstone_field, varint
from fake_etcd.core.mvcc.revision import Revision

_FIRST_SUB = b"_" + bytes(8)


class Version:
    """A version of a key. Never changed once made.

    Attributes:
        create_revision: main revision of the put that brought the key to life; 0 in a tombstone.
        mod_revision: main revision of this change.
        sub: which change of its revision it is, from 0.
        version: number of puts since the key came to life, from 1; 0 in a tombstone.
        lease: id of the lease, 0 for none.
        field: the KeyValue message, with the tag and length of field 2 in front. A tombstone's
            has the key and mod_revision, as the event of a deletion has.

    Key and value are not kept apart from `field`: with 32-byte keys and 100-byte values that
    would be half as much memory again. All in all a version takes 80 bytes and its `field`.

    >>> one = Version.of_put(b"k", b"v", create_revision=2, mod_revision=5, sub=0, version=3)
    >>> one.key, one.value, one.is_tombstone
    (b'k', b'v', False)
    """

    __slots__ = ("create_revision", "field", "lease", "mod_revision", "sub", "version")

    def __init__(
        self,
        create_revision: int,
        mod_revision: int,
        sub: int,
        version: int,
        lease: int,
        field: bytes,
    ) -> None:
        self.create_revision = create_revision
        self.mod_revision = mod_revision
        self.sub = sub
        self.version = version
        self.lease = lease
        self.field = field

    @classmethod
    def of_put(
        cls,
        key: bytes,
        value: bytes,
        create_revision: int,
        mod_revision: int,
        sub: int,
        version: int,
        lease: int = 0,
    ) -> Version:
        """What a put leaves. The hot path does without this frame, see `Store.put`."""
        field = encode_field(key, value, create_revision, mod_revision, version, lease)
        return cls(create_revision, mod_revision, sub, version, lease, field)

    @classmethod
    def of_delete(cls, key: bytes, mod_revision: int, sub: int) -> Version:
        """A tombstone."""
        return cls(0, mod_revision, sub, 0, 0, encode_tombstone_field(key, mod_revision))

    @property
    def is_tombstone(self) -> bool:
        """Whether this is a deletion."""
        return not self.version

    @property
    def revision(self) -> Revision:
        """Main and sub revision."""
        return Revision(self.mod_revision, self.sub)

    @property
    def key(self) -> bytes:
        """The key, cut out of `field`; about 0.3 us."""
        field = self.field
        start, length = _length_at(field, _after_varint(field, 1) + 1)
        return field[start : start + length]

    @property
    def value(self) -> bytes:
        """The value, cut out of `field`; empty in a tombstone. About 1 us."""
        field = self.field
        position = self._end_of_version()
        if position == len(field) or field[position] != 0x2A:
            return b""
        start, length = _length_at(field, position + 1)
        return field[start : start + length]

    @property
    def database_key(self) -> bytes:
        """Under which etcd's database has it: its revision (etcd: mvcc/revision.go).

        >>> Version.of_delete(b"k", 5, 1).database_key.hex(" ", -8)
        '0000000000000005 5f00000000000000 0174'
        """
        main = self.mod_revision.to_bytes(8, "big")
        if not self.version:
            return main + b"_" + self.sub.to_bytes(8, "big") + b"t"
        return main + (b"_" + self.sub.to_bytes(8, "big") if self.sub else _FIRST_SUB)

    @property
    def database_value(self) -> bytes:
        """What etcd's database has there: the KeyValue, of which a tombstone has the key only."""
        if not self.version:
            key = self.key
            return b"\x0a" + varint(len(key)) + key
        field = self.field
        return field[2:] if field[1] < 0x80 else field[_after_varint(field, 1) :]

    @property
    def field_3(self) -> bytes:
        """The same message as field 3: DeleteRangeResponse.prev_kvs and Event.prev_kv."""
        return b"\x1a" + self.field[1:]

    def keys_only_field(self, with_lease: bool = False) -> bytes:
        """`field` without the value, for keys_only answers.

        etcd: without the lease too where it answers from its index alone, which is whenever the
        sort target is not VALUE (server/etcdserver/txn/range.go, FastKeysOnly).
        """
        field = self.field
        body = field[_after_varint(field, 1) : self._end_of_version()]
        if with_lease and self.lease:
            body += b"\x30" + varint(self.lease)
        return b"\x12" + varint(len(body)) + body

    def _end_of_version(self) -> int:
        """Where in `field` the numbers end; value and lease follow, if any."""
        field = self.field
        start, length = _length_at(field, _after_varint(field, 1) + 1)
        position = start + length
        # create_revision, mod_revision, version; a tombstone has only the second.
        while position < len(field) and field[position] < 0x2A:
            position = _after_varint(field, position + 1)
        return position

    def __repr__(self) -> str:
        what = "deleted" if self.is_tombstone else f"{self.value!r} version {self.version}"
        return f"<{self.mod_revision}.{self.sub} {self.key!r} {what}>"


def _after_varint(data: bytes, position: int) -> int:
    while data[position] > 0x7F:
        position += 1
    return position + 1


def _length_at(data: bytes, position: int) -> tuple[int, int]:
    """The varint at `position`: where it ends, and its number."""
    number = data[position]
    if number > 0x7F:
        number &= 0x7F
        shift = 7
        while True:
            position += 1
            byte = data[position]
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
    return position + 1, number
