"""Alarms: which are raised, and what they forbid.

An alarm is of a kind and of a member. Any of a kind forbids what that kind forbids, whoever's it
is: without space nothing may be added, and where the data is corrupt nothing may be changed at
all. Reads, users and the alarms themselves are as ever.
etcd: server/etcdserver/api/v3alarm/alarms.go,
server/etcdserver/apply/{uber_applier,capped,corrupt}.go.
"""

from __future__ import annotations

from typing import NamedTuple

from fake_etcd.api import errors
from fake_etcd.core.journal import Journal

NONE, NOSPACE, CORRUPT = 0, 1, 2
"""Kinds, by their numbers in AlarmType; others can be raised, too, and forbid nothing."""


class Alarm(NamedTuple):
    """An alarm.

    Args:
        kind: `NOSPACE`, `CORRUPT` or another number but 0.
        member: id of the member that it is of; any number of 64 bits.
    """

    kind: int
    member: int


class Alarms:
    """The alarms of a cluster.

    Attributes:
        forbid_growth: whether any that is raised forbids to put keys and to grant leases.
        corrupt: whether one is that forbids all changes.

    >>> alarms = Alarms(Journal())
    >>> alarms.activate(Alarm(NOSPACE, 5)), alarms.forbid_growth, alarms.listed()
    (True, True, [Alarm(kind=1, member=5)])
    """

    __slots__ = ("_journal", "_raised", "corrupt", "forbid_growth")

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._raised: frozenset[Alarm] = frozenset()
        self.forbid_growth = False
        self.corrupt = False

    def listed(self, kind: int = NONE) -> list[Alarm]:
        """Those of a kind, or all of them, in order."""
        return sorted(alarm for alarm in self._raised if kind in (NONE, alarm.kind))

    def activate(self, alarm: Alarm) -> bool:
        """Raise it, if it is not.

        Returns:
            False where there is no such kind: `NONE`.
        """
        if alarm.kind == NONE:
            return False
        if alarm not in self._raised:
            self._change(self._raised | {alarm})
        return True

    def deactivate(self, alarm: Alarm) -> bool:
        """Take it away.

        Returns:
            whether it was raised.
        """
        if alarm not in self._raised:
            return False
        self._change(self._raised - {alarm})
        return True

    def check_growth(self) -> None:
        """Before a key is put, or a lease granted.

        Raises:
            errors.CORRUPT, errors.NO_SPACE
        """
        if self.forbid_growth:
            raise errors.CORRUPT if self.corrupt else errors.NO_SPACE

    def check_change(self) -> None:
        """Before any other change of keys, leases and history.

        Raises:
            errors.CORRUPT
        """
        if self.corrupt:
            raise errors.CORRUPT

    def _change(self, raised: frozenset[Alarm]) -> None:
        if self._journal.recording:
            self._journal.record(self._set, self._raised)
        self._set(raised)

    def _set(self, raised: frozenset[Alarm]) -> None:
        self._raised = raised
        kinds = {alarm.kind for alarm in raised}
        self.corrupt = CORRUPT in kinds
        self.forbid_growth = self.corrupt or NOSPACE in kinds
