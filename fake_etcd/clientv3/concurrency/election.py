"""An election of one of several sessions; see `core.concurrency.election`."""

from __future__ import annotations

from fake_etcd.clientv3.blocking import blocking, iterating
from fake_etcd.clientv3.concurrency.session import Session
from fake_etcd.clientv3.core.concurrency import election
from fake_etcd.clientv3.keys import Text
from fake_etcd.clientv3.responses import ResponseHeader


class Election:
    """An election, as one session sees it; see `core.concurrency.election.Election`.

    Args:
        session: whose lease the candidate's key is held by.
        prefix: the election's name; its keys are "prefix/…".
    """

    def __init__(self, session: Session, prefix: Text) -> None:
        self._core = election.Election(session._core, prefix)

    @classmethod
    def resume(cls, session: Session, prefix: Text, leader_key: Text, leader_rev: int) -> Election:
        """The election of a leader who has begun anew; see `core.concurrency.election`."""
        resumed = cls(session, prefix)
        resumed._core = election.Election.resume(session._core, prefix, leader_key, leader_rev)
        return resumed

    campaign = blocking(election.Election.campaign)
    proclaim = blocking(election.Election.proclaim)
    resign = blocking(election.Election.resign)
    leader = blocking(election.Election.leader)
    observe = iterating(election.Election.observe)

    @property
    def key(self) -> bytes:
        """The key that it leads with, or stands for election; b"" where it does neither."""
        return self._core.key

    @property
    def rev(self) -> int:
        """The revision that made the key; 0 where there is none."""
        return self._core.rev

    @property
    def header(self) -> ResponseHeader | None:
        """Of the answer to what was last put or deleted; None before."""
        return self._core.header

    def __repr__(self) -> str:
        return repr(self._core)
