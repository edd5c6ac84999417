"""bbolt files: one sorted tree of keys and values in pages, as etcd keeps its data on disk.

Read with `Database`, written with `plan`. Nothing here knows what etcd puts into such a file.
The format is that of go.etcd.io/bbolt: internal/common/page.go, meta.go, bucket.go.

A file is a row of pages of one size. The first two are metas, which say where all begins; of two
that are valid the one with the greater transaction is meant. A bucket is a tree: leaf pages hold
its pairs in order of keys, branch pages hold the first key of each page below them. A value may be
a bucket itself, which is how a file has many: all of them are in one root bucket. A bucket that is
small has no page, and its leaf is the value. What is larger than a page goes on in those behind
it. The freelist is a page with the numbers of pages that nothing is in.

Worked example: the bucket "b" with a pair, and what there is of it in a file of 4 pages:

    >>> from fake_etcd.bbolt import Database, plan
    >>> file = b"".join(plan({b"b": {b"key": b"value"}}).pages())
    >>> len(file) // 4096
    4

    page 0, meta       magic 0xed0cdaed, version 2, page size 4096, root bucket at page 3,
                       freelist at page 2, pages up to 4, transaction 0, FNV-1a of all that
    page 1, meta       the same with transaction 1: this one is meant
    page 2, freelist   of no pages
    page 3, leaf       one pair, the root bucket's: "b", and as its value a bucket, in it:

    >>> at = 3 * 4096
    >>> file[at : at + 16].hex(" ", -4)            # page 3, flags 2 (leaf), 1 pair, no overflow
    '03000000 00000000 02000100 00000000'
    >>> file[at + 16 : at + 32].hex(" ", -4)       # 1: a bucket; 16 on; key of 1, value of 56
    '01000000 10000000 01000000 38000000'
    >>> file[at + 32 : at + 33]
    b'b'
    >>> file[at + 33 : at + 49].hex(" ", -4)       # its root is page 0, so it is here; sequence 0
    '00000000 00000000 00000000 00000000'
    >>> file[at + 49 : at + 65].hex(" ", -4)       # page 0, flags 2 (leaf), 1 pair
    '00000000 00000000 02000100 00000000'
    >>> file[at + 65 : at + 81].hex(" ", -4)       # 0: a pair; 16 on; key of 3, value of 5
    '00000000 10000000 03000000 05000000'
    >>> file[at + 81 : at + 89]
    b'keyvalue'

    >>> bucket = Database.of(file).bucket(b"b")
    >>> bucket is not None and list(bucket.items())
    [(b'key', b'value')]
"""

from __future__ import annotations

from fake_etcd.bbolt.layout import Corrupt
from fake_etcd.bbolt.reader import Bucket, Database
from fake_etcd.bbolt.writer import Items, Plan, plan

__all__ = ["Bucket", "Corrupt", "Database", "Items", "Plan", "plan"]
