"""Who is in the cluster, and changes of that.

A change goes through two doors. The first, which can be left open, asks whether enough members
would still be there; what passes it comes into the log. The second asks of what the log has whether
it makes sense, and does it.

Of the members that the cluster began with each counts as started and reached. One that is added
never starts: nobody runs it. A cluster of etcd's would soon have no majority and stand still; here
it goes on.
etcd: server/etcdserver/server.go (mayAddMember and others),
server/etcdserver/api/membership/cluster.go (ValidateConfigurationChange, IsReadyTo...).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fake_etcd.api import errors
from fake_etcd.api.status import Code, Status
from fake_etcd.core.cluster import Member
from fake_etcd.core.journal import Journal

_NOT_ENOUGH_STARTED = Status(Code.UNKNOWN, errors.MEMBER_NOT_ENOUGH_STARTED.message)
"""The server forgets to give it the code that it has in its table."""


class Membership:
    """The members of a cluster, by their ids.

    Args:
        members: whom it begins with.
        own_id: of whom this is the view.
        journal: undo.
        max_learners: `--max-learners`.
        is_strict: `--strict-reconfig-check`: whether the first door is shut.
    """

    def __init__(
        self,
        members: Iterable[Member],
        own_id: int,
        journal: Journal,
        *,
        max_learners: int,
        is_strict: bool,
    ) -> None:
        self._own_id = own_id
        self._journal = journal
        self._max_learners = max_learners
        self._is_strict = is_strict
        self._removed: frozenset[int] = frozenset()
        self.all: tuple[Member, ...] = tuple(members)
        """In order of their ids."""

    @property
    def removed(self) -> frozenset[int]:
        """Ids that once were members', and never will be again."""
        return self._removed

    def load(self, members: Iterable[Member], removed: Iterable[int]) -> None:
        """Be these, and no longer those that it began with."""
        self._set(members, frozenset(removed))

    def get(self, id: int) -> Member | None:
        """The member with this id."""
        return next((member for member in self.all if member.id == id), None)

    # The first door

    def check_add(self, is_learner: bool) -> None:
        """Whether anybody may be added now.

        Raises:
            UNKNOWN, errors.UNHEALTHY
        """
        if not self._is_strict:
            return
        voters, started = self._counted()
        # Of a cluster of one a second one may be added, or it could never grow.
        is_first = (voters, started) == (1, 1)
        if not is_learner and not is_first and started < _majority(voters + 1):
            raise errors.StatusError(_NOT_ENOUGH_STARTED)
        if voters > 1 and started < _majority(voters + 1):
            raise errors.UNHEALTHY

    def check_remove(self, id: int) -> None:
        """Whether a member may be removed now; of nobody that is said later.

        Raises:
            UNKNOWN, errors.UNHEALTHY
        """
        member = self.get(id)
        if not self._is_strict or (member is not None and member.is_learner):
            return
        voters, started = self._counted(without=id)
        if started < _majority(voters):
            raise errors.StatusError(_NOT_ENOUGH_STARTED)
        if member is None or not member.name:
            return
        voters, reached = self._counted()
        if reached - 1 < 1 + (voters - 1) // 2:
            raise errors.UNHEALTHY

    def check_promote(self, id: int) -> None:
        """Whether a member has all of the log, and may be promoted now.

        Raises:
            errors.MEMBER_NOT_FOUND, errors.LEARNER_NOT_READY, UNKNOWN
        """
        member = self.get(id)
        if member is None:
            raise errors.MEMBER_NOT_FOUND
        if not member.name:
            raise errors.LEARNER_NOT_READY
        voters, started = self._counted()
        if self._is_strict and started + 1 < _majority(voters + 1):
            raise errors.StatusError(_NOT_ENOUGH_STARTED)

    def _counted(self, without: int | None = None) -> tuple[int, int]:
        """How many members have a vote, and how many of those have started."""
        voters = [each for each in self.all if not each.is_learner and each.id != without]
        return len(voters), sum(bool(each.name) for each in voters)

    # The second

    def add(self, member: Member) -> None:
        """Raises: errors.MEMBER_NOT_FOUND: it was one; errors.MEMBER_EXIST: it is one;
        errors.PEER_URL_EXIST, errors.TOO_MANY_LEARNERS
        """
        self._check_not_removed(member.id)
        if self.get(member.id) is not None:
            raise errors.MEMBER_EXIST
        self._check_peer_urls(member.peer_urls, None)
        learners = sum(each.is_learner for each in self.all)
        if member.is_learner and learners + 1 > self._max_learners:
            raise errors.TOO_MANY_LEARNERS
        self._set((*self.all, member), self._removed)

    def remove(self, id: int) -> None:
        """Raises: errors.MEMBER_NOT_FOUND"""
        self._require(id)
        self._set((each for each in self.all if each.id != id), self._removed | {id})

    def update(self, id: int, peer_urls: tuple[str, ...]) -> None:
        """Give a member other URLs, whatever they are.

        Raises:
            errors.MEMBER_NOT_FOUND, errors.PEER_URL_EXIST
        """
        member = self._require(id)
        self._check_peer_urls(peer_urls, id)
        others = (each for each in self.all if each.id != id)
        self._set((*others, replace(member, peer_urls=peer_urls)), self._removed)

    def promote(self, id: int) -> None:
        """Nobody ever is: a learner that was added never has the log, and others have a vote.

        Raises:
            errors.MEMBER_NOT_FOUND, errors.MEMBER_NOT_LEARNER
        """
        self._require(id)
        raise errors.MEMBER_NOT_LEARNER

    def _require(self, id: int) -> Member:
        self._check_not_removed(id)
        member = self.get(id)
        if member is None:
            raise errors.MEMBER_NOT_FOUND
        return member

    def _check_not_removed(self, id: int) -> None:
        if id in self._removed:
            raise errors.MEMBER_NOT_FOUND

    def _check_peer_urls(self, urls: Iterable[str], but_of: int | None) -> None:
        taken = {url for each in self.all if each.id != but_of for url in each.peer_urls}
        if not taken.isdisjoint(urls):
            raise errors.PEER_URL_EXIST

    def _set(self, members: Iterable[Member], removed: frozenset[int]) -> None:
        if self._journal.recording:
            self._journal.record(self._undo, self.all, self._removed)
        self.all = tuple(sorted(members, key=_id))
        self._removed = removed

    def _undo(self, members: tuple[Member, ...], removed: frozenset[int]) -> None:
        self.all, self._removed = members, removed


def _majority(voters: int) -> int:
    return voters // 2 + 1


def _id(member: Member) -> int:
    return member.id
