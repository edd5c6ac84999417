"""What names a change: its revision.

etcd: server/storage/mvcc/revision.go.
"""

from __future__ import annotations

from typing import NamedTuple


class Revision(NamedTuple):
    """Main is the transaction, sub the change within it (0 for the first). They sort in order.

    >>> Revision(4, 1) < Revision(5, 0)
    True
    """

    main: int
    sub: int
