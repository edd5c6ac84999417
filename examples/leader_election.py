"""Of several candidates one leads, and only what the leader writes counts.

The leader is who created the key; it has its candidate's lease, so that it goes when that ends.
Who has led and does not know yet that it no longer does is no danger: each write compares the
revision at which its writer came to lead.
"""

from __future__ import annotations

from examples.etcd import Etcd, Lost, created_at, get, put, retried

LEADER = b"election/leader"


class Candidate:
    """One who leads, or waits to.

    Args:
        etcd: where it is settled.
        name: its own.
        ttl_seconds: how long others wait for a leader that is gone.
    """

    def __init__(self, etcd: Etcd, name: str, ttl_seconds: int = 6) -> None:
        self._etcd = etcd
        self._name = name.encode()
        self._ttl_seconds = ttl_seconds
        self._lease = 0
        self._term = 0  # the revision at which it came to lead; 0: it does not

    @property
    def is_leader(self) -> bool:
        """Whether it was the leader at the last beat."""
        return self._term != 0

    def beat(self) -> None:
        """Stay the leader, or try to become it; to be called every third of the TTL."""
        try:
            if not self._lease or not self._etcd.keep_alive(self._lease):
                self._lease = self._etcd.grant(self._ttl_seconds)
            answer = self._etcd.txn(
                compare=[created_at(LEADER, 0)],
                success=[put(LEADER, self._name, self._lease), get(LEADER)],
                failure=[get(LEADER)],
            )
        except Lost:
            return  # the next beat makes up for it: who leads is who has the key
        (leader,) = answer.responses[-1].response_range.kvs
        self._term = leader.create_revision if leader.lease == self._lease else 0

    def write(self, key: bytes, value: bytes) -> bool:
        """Put a key as the leader. False: another leads by now, and it is not put."""
        if not self._term:
            return False
        answer = retried(
            lambda: self._etcd.txn(
                compare=[
                    created_at(LEADER, self._term),
                ],
                success=[put(key, value)],
            )
        )
        if not answer.succeeded:
            self._term = 0
        return answer.succeeded

    def resign(self) -> None:
        """Let another one lead."""
        self._term = 0
        if self._lease:
            self._etcd.revoke(self._lease)
            self._lease = 0
