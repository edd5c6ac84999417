"""So many requests in so many seconds, whichever of several servers they come to.

One key has the ids of the requests that were admitted in the current window. It goes with its
lease, which is as long as the window; so no server's clock matters. A request is admitted by a
transaction that nobody comes between. Its id makes that safe to do again: who does not know
whether the first attempt was carried out finds its own id, and does not count it twice.
"""

from __future__ import annotations

from examples.etcd import Etcd, Lost, put, unchanged_since
from fake_etcd.api import messages as m


class RateLimiter:
    """A limit that several servers share.

    Args:
        etcd: where it is kept.
        name: of what is limited.
        limit: how many requests there may be in a window.
        window_seconds: how long that is.
    """

    def __init__(self, etcd: Etcd, name: str, limit: int, window_seconds: int) -> None:
        self._etcd = etcd
        self._key = f"rate/{name}".encode()
        self._limit = limit
        self._window_seconds = window_seconds

    def admit(self, request_id: str, attempts: int = 10) -> bool:
        """Whether a request may be served.

        Args:
            request_id: no other request's; without white space.
            attempts: how often to try, when others are faster or answers are lost.

        Raises:
            Lost: no attempt came to an end.
        """
        for _ in range(attempts):
            window = self._etcd.get(self._key)
            admitted = set(window.value.decode().split())
            # An attempt whose answer was lost may have admitted it.
            admitted.discard(request_id)
            if len(admitted) >= self._limit:
                return False
            admitted.add(request_id)
            try:
                if self._write(" ".join(sorted(admitted)), window):
                    return True
            except Lost:
                continue
        raise Lost(f"{request_id}: {attempts} attempts came to no end")

    def _write(self, admitted: str, before: m.KeyValue) -> bool:
        """Note who was admitted; False where somebody else wrote meanwhile."""
        lease = before.lease or self._etcd.grant(self._window_seconds)
        return self._etcd.txn(
            compare=[unchanged_since(before)],
            success=[put(self._key, admitted.encode(), lease)],
        ).succeeded
