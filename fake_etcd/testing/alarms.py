"""Alarms that a test raises, on ours or on a real etcd, to see how a client bears with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

from fake_etcd.api import messages as m
from fake_etcd.testing.store import Ask

Kind = Literal["NOSPACE", "CORRUPT"]

_PATH = "/etcdserverpb.Maintenance/Alarm"
KINDS: tuple[Kind, ...] = ("NOSPACE", "CORRUPT")


class Alarm(NamedTuple):
    """An alarm that is raised.

    Args:
        kind: "NOSPACE", after which nothing can be put and no lease granted, or "CORRUPT", after
            which nothing can be changed.
        member: id of the member that it is of.
    """

    kind: str
    member: int


class Alarms:
    """The alarms of an etcd.

    Args:
        ask: makes calls.

    >>> from fake_etcd.testing import FakeEtcd
    >>> with FakeEtcd() as etcd:
    ...     with etcd.alarms.raised("NOSPACE"):
    ...         [alarm.kind for alarm in etcd.alarms.listed()]
    ...     etcd.alarms.listed()
    ['NOSPACE']
    []
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def listed(self) -> list[Alarm]:
        """All that are raised."""
        return [
            Alarm(m.AlarmType.Name(alarm.alarm), alarm.memberID)
            for alarm in self._call(m.AlarmRequest()).alarms
        ]

    def activate(self, kind: Kind, member: int | None = None) -> None:
        """Raise one, as a member does that is out of space or finds its data corrupt.

        Args:
            kind: see `Alarm`.
            member: of whom; None: of the member that is asked.

        Raises:
            ValueError: there is no such kind.
        """
        if member is None:
            member = self._call(m.AlarmRequest()).header.member_id
        self._change(Alarm(_known(kind), member), is_on=True)

    def deactivate(self, kind: Kind) -> int:
        """Take away all of a kind, whoever's they are.

        Returns:
            how many there were.

        Raises:
            ValueError: there is no such kind.
        """
        _known(kind)
        found = [alarm for alarm in self.listed() if alarm.kind == kind]
        for alarm in found:
            self._change(alarm, is_on=False)
        return len(found)

    @contextmanager
    def raised(self, kind: Kind) -> Iterator[None]:
        """One that is raised for a while.

        Raises:
            ValueError: there is no such kind.
        """
        self.activate(kind)
        try:
            yield
        finally:
            self.deactivate(kind)

    def _change(self, alarm: Alarm, is_on: bool) -> None:
        action = m.AlarmRequest.ACTIVATE if is_on else m.AlarmRequest.DEACTIVATE
        kind = m.AlarmType.Value(alarm.kind)
        self._call(m.AlarmRequest(action=action, memberID=alarm.member, alarm=kind))

    def _call(self, request: m.AlarmRequest) -> Any:
        (answer,) = self._ask(_PATH, [request])
        return answer


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no alarm: there are {' and '.join(KINDS)}")
    return kind
