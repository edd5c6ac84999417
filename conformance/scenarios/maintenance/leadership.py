"""Of one member: defragmentation, moving the leader, downgrades."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from .alarms import status

VALIDATE, ENABLE, CANCEL = (
    m.DowngradeRequest.DowngradeAction.Value(name) for name in ("VALIDATE", "ENABLE", "CANCEL")
)


def downgrade(s: Session, action: int, *versions: str) -> None:
    for version in versions or ("",):
        request = m.DowngradeRequest(action=action, version=version)
        s.call("Maintenance/Downgrade", request)


def _member(s: Session) -> int:
    answer = s.call("Maintenance/Status", m.StatusRequest())
    assert isinstance(answer, m.StatusResponse)
    return answer.leader


@scenario
def a_defragmentation_answers_nothing_and_changes_no_key(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.call("Maintenance/Defragment", m.DefragmentRequest())
    s.range(key=b"a")
    s.call("Maintenance/Defragment", m.DefragmentRequest())


@scenario
def the_leader_cannot_be_moved_to_nobody(s: Session) -> None:
    for target in (0, 5, 2**64 - 1):
        s.call("Maintenance/MoveLeader", m.MoveLeaderRequest(targetID=target))


@scenario
def the_leader_may_be_moved_to_itself(s: Session) -> None:
    s.call("Maintenance/MoveLeader", m.MoveLeaderRequest(targetID=_member(s)))
    status(s)


@scenario
def a_downgrade_may_go_to_the_release_before(s: Session) -> None:
    downgrade(s, VALIDATE, "3.6", "3.6.0", "3.6.9", "3.6.0-rc.1", "3.6.0+build", "03.06", "3.06.00")
    status(s)


@scenario
def a_downgrade_may_not_go_anywhere_else(s: Session) -> None:
    for action in (VALIDATE, ENABLE):
        downgrade(s, action, "3.7", "3.5", "3.8", "4.0", "2.6", "0.0", "3.7.3")
    status(s)


@scenario
def a_version_that_is_none_is_no_target_of_a_downgrade(s: Session) -> None:
    for action in (VALIDATE, ENABLE):
        downgrade(
            s, action, "", "3", "x", "v3.6", " 3.6", "3.6 ", "3.6.0.1", "3.6.x", "3.-6", "3.6-rc"
        )


@scenario(needs_fresh_server=True)
def a_downgrade_that_is_enabled_can_be_given_up(s: Session) -> None:
    # Nothing comes of it yet: every four seconds etcd looks, the first time after as many.
    downgrade(s, ENABLE, "3.6")
    status(s)
    downgrade(s, CANCEL)
    status(s)
    downgrade(s, VALIDATE, "3.6")
    downgrade(s, CANCEL, "", "3.6", "x")


@scenario
def an_unknown_action_of_a_downgrade_is_an_unknown_method(s: Session) -> None:
    for action in (3, -1):
        downgrade(s, action, "3.6", "x")


@scenario
def there_is_one_downgrade_at_a_time(s: Session) -> None:
    downgrade(s, ENABLE, "3.6.5")
    downgrade(s, ENABLE, "3.6")
    downgrade(s, VALIDATE, "3.6", "3.5")
    downgrade(s, CANCEL)
