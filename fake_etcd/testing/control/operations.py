"""The one table of what the control API does: method and path, fields, and what is run.

A row is run for a `Desk`: a FakeEtcd, and what has to be remembered between requests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fake_etcd import __version__
from fake_etcd.api import version
from fake_etcd.api.errors import EtcdError
from fake_etcd.core.quota import DEFAULT_BYTES
from fake_etcd.testing.alarms import KINDS
from fake_etcd.testing.control import plain, rules
from fake_etcd.testing.control.fields import Field, Kind, Refused
from fake_etcd.testing.control.plain import Json
from fake_etcd.testing.faults.rules import Rule
from fake_etcd.testing.snapshots import Snapshot

if TYPE_CHECKING:
    from fake_etcd.testing.fake import FakeEtcd

MOST_SNAPSHOTS = 1_000
"""How many are kept at once: each keeps what takes back every later change."""

Given = Mapping[str, Any]


class Desk:
    """What an operation works on.

    Args:
        etcd: that is controlled.
    """

    def __init__(self, etcd: FakeEtcd) -> None:
        self.etcd = etcd
        self._snapshots: dict[int, Snapshot] = {}
        self._taken = 0
        self._rules: dict[Rule, int] = {}
        self._numbered = 0

    # What there is

    def health(self, given: Given) -> Json:
        return {"etcd": version.SERVER, "fake_etcd": __version__, **self._state()}

    def dump(self, given: Given) -> Json:
        return plain.dump(self.etcd.node)

    def history(self, given: Given) -> Json:
        fields = {"key": given["key"]} if "key" in given else {}
        try:
            found = self.etcd.history.calls(given.get("method"), **fields)
        except ValueError as error:
            raise Refused(400, str(error)) from None
        return {
            "calls": [plain.call(each, given.get("secrets", False)) for each in found],
            "forgotten": self.etcd.history.forgotten,
        }

    def clear_history(self, given: Given) -> Json:
        self.etcd.history.clear()
        return self.history({})

    # Users

    def auth(self, given: Given) -> Json:
        return plain.auth(self.etcd.node.auth)

    def token(self, given: Given) -> Json:
        try:
            return {"token": self.etcd.token(given["user"])}
        except ValueError as error:
            raise Refused(404, str(error)) from None
        except EtcdError as error:
            raise Refused(409, str(error)) from None

    def expire_tokens(self, given: Given) -> Json:
        try:
            self.etcd.tokens.expire(given.get("user"))
        except ValueError as error:
            raise Refused(409, str(error)) from None
        return self._state()

    def _state(self) -> Json:
        return {"revision": self.etcd.node.current_revision, "now": self._now}

    # State

    def reset(self, given: Given) -> Json:
        self.etcd.reset()
        self._snapshots.clear()
        return self._state()

    def seed(self, given: Given) -> Json:
        try:
            self.etcd.seed(given)
        except ValueError as error:
            raise Refused(400, str(error)) from None
        except EtcdError as error:
            raise Refused(400, f"etcd refuses this, and what follows it: {error}") from None
        return self._state()

    def snapshot(self, given: Given) -> Json:
        self._forget_invalid()
        if len(self._snapshots) >= MOST_SNAPSHOTS:
            raise Refused(
                409,
                f"there are {MOST_SNAPSHOTS} snapshots; DELETE /_fake/snapshot?snapshot=ID those "
                "that are not needed any more",
            )
        self._taken += 1
        self._snapshots[self._taken] = self.etcd.snapshot()
        return {"snapshot": self._taken, **self._state()}

    def snapshots(self, given: Given) -> Json:
        self._forget_invalid()
        found = self._snapshots.items()
        return {
            "snapshots": [{"snapshot": id, "now": plain.seconds(kept.time)} for id, kept in found]
        }

    def restore(self, given: Given) -> Json:
        self.etcd.restore(self._find(given["snapshot"]))
        return self._state()

    def release(self, given: Given) -> Json:
        self.etcd.release(self._find(given["snapshot"]))
        return self.snapshots({})

    def _find(self, id: int) -> Snapshot:
        self._forget_invalid()
        found = self._snapshots.get(id)
        if found is not None:
            return found
        if 0 < id <= self._taken:
            raise Refused(
                409,
                f"snapshot {id} is no longer valid: it was deleted, an older one was restored "
                "since, or all was reset; take another with POST /_fake/snapshot",
            )
        raise Refused(404, f"there never was a snapshot {id}; POST /_fake/snapshot takes one")

    def _forget_invalid(self) -> None:
        self._snapshots = {id: kept for id, kept in self._snapshots.items() if kept.is_valid}

    # Faults

    def faults(self, given: Given) -> Json:
        return {"rules": [self._rule(rule, number) for rule, number in self._numbers().items()]}

    def add_fault(self, given: Given) -> Json:
        rule = rules.add(self.etcd.faults, given)
        return self._rule(rule, self._numbers()[rule])

    def remove_faults(self, given: Given) -> Json:
        if "rule" not in given:
            self.etcd.faults.clear()
        else:
            found = [rule for rule, number in self._numbers().items() if number == given["rule"]]
            if not found:
                raise Refused(404, f"there is no rule {given['rule']}; GET /_fake/faults has them")
            self.etcd.faults.remove(found[0])
        return self.faults({})

    def fault_now(self, given: Given) -> Json:
        rules.now(self.etcd.faults, given)
        return self._state()

    def _numbers(self) -> dict[Rule, int]:
        """All rules there are, those included that were not added here, with their numbers."""
        found = {}
        for rule in self.etcd.faults:
            number = self._rules.get(rule)
            if number is None:
                self._numbered += 1
                number = self._numbered
            found[rule] = number
        self._rules = found
        return found

    def _rule(self, rule: Rule, number: int) -> Json:
        return {"rule": number, "acted": rule.acted, "description": str(rule)}

    # Alarms

    def alarms(self, given: Given) -> Json:
        node = self.etcd.node
        return {
            "alarms": [plain.alarm(each) for each in node.alarms.listed()],
            "quota": node.config.quota_backend_bytes or DEFAULT_BYTES,
        }

    def raise_alarm(self, given: Given) -> Json:
        member = self.etcd.node.member_id
        if "member" in given:
            member = _member(given["member"])
        self._alarm(lambda kind: self.etcd.alarms.activate(kind, member), given["alarm"])
        return self.alarms({})

    def clear_alarms(self, given: Given) -> Json:
        for kind in [given["alarm"]] if "alarm" in given else KINDS:
            self._alarm(self.etcd.alarms.deactivate, kind)
        return self.alarms({})

    def _alarm(self, change: Callable[[Any], object], kind: str) -> None:
        try:
            change(kind)
        except ValueError as error:
            raise Refused(400, str(error)) from None

    def quota(self, given: Given) -> Json:
        self.etcd.set_quota(given["bytes"])
        return self.alarms({})

    # Time

    @property
    def _now(self) -> float:
        return plain.seconds(self.etcd.clock.now)

    def clock(self, given: Given) -> Json:
        return {"now": self._now, "frozen": self.etcd.clock.is_frozen}

    def freeze(self, given: Given) -> Json:
        self.etcd.clock.freeze()
        return self.clock({})

    def real(self, given: Given) -> Json:
        self.etcd.clock.real()
        return self.clock({})

    def advance(self, given: Given) -> Json:
        self._require_frozen()
        self.etcd.clock.advance(given["seconds"])
        return self.clock({})

    def advance_to_next(self, given: Given) -> Json:
        self._require_frozen()
        try:
            seconds = self.etcd.clock.advance_to_next()
        except RuntimeError:
            raise Refused(
                409,
                "nothing is due, no lease, progress notice or deadline; "
                "POST /_fake/clock/advance moves the clock all the same",
            ) from None
        return {"advanced": plain.seconds(seconds), **self.clock({})}

    def _require_frozen(self) -> None:
        if not self.etcd.clock.is_frozen:
            raise Refused(409, "the clock runs by itself; POST /_fake/clock/freeze before")


@dataclass(frozen=True, slots=True)
class Operation:
    """One row.

    Args:
        method: of HTTP.
        path: below `/_fake`.
        run: does it, and gives the answer.
        does: what that is.
        fields: what it takes.
        takes_any: where a POST takes an object with names of its own, what that is.
    """

    method: str
    path: str
    run: Callable[[Desk, Given], Json]
    does: str
    fields: tuple[Field, ...] = ()
    takes_any: str = ""


def _member(text: str) -> int:
    """Raises: Refused: it is no id."""
    if not (len(text) <= 20 and text.isascii() and text.isdigit() and int(text) < 2**64):
        raise Refused(
            400, f'"member" is an id of a member, a number below 2^64 as text, not {text!r}'
        )
    return int(text)


_SNAPSHOT = Field("snapshot", Kind.COUNT, "the number that taking it gave")

OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/health", Desk.health, "The versions, the revision and the time."),
    Operation(
        "POST",
        "/reset",
        Desk.reset,
        "Be empty and new: keys, history, leases, time. Open streams end with UNAVAILABLE.",
    ),
    Operation(
        "POST",
        "/seed",
        Desk.seed,
        "Put keys, in this order, each with a revision of its own; then make users and roles.",
        takes_any=(
            'An object from keys to values: text, `{"base64": TEXT}` for bytes, or '
            '`{"value": VALUE, "ttl": SECONDS}` for a key with a lease of its own. '
            "`auth` may be an object with users and roles, see below."
        ),
    ),
    Operation("GET", "/dump", Desk.dump, "The revision, all keys and all leases."),
    Operation("GET", "/auth", Desk.auth, "Whether auth is on, all users and all roles."),
    Operation(
        "POST",
        "/token",
        Desk.token,
        "A new token, as this user gets one for the right password.",
        (Field("user", Kind.TEXT, "whose"),),
    ),
    Operation(
        "POST",
        "/tokens/expire",
        Desk.expire_tokens,
        "No token that was made until now is one any more.",
        (Field("user", Kind.TEXT, "whose; everybody's where it is left out", optional=True),),
    ),
    Operation("GET", "/alarms", Desk.alarms, "The alarms that are raised, and the quota."),
    Operation(
        "POST",
        "/alarms",
        Desk.raise_alarm,
        "Raise an alarm, as a member does that is out of space or finds its data corrupt.",
        (
            Field("alarm", Kind.TEXT, "NOSPACE or CORRUPT"),
            Field(
                "member", Kind.TEXT, "id of whom; this one's where it is left out", optional=True
            ),
        ),
    ),
    Operation(
        "DELETE",
        "/alarms",
        Desk.clear_alarms,
        "Take alarms away, whoever's they are; gives those left.",
        (Field("alarm", Kind.TEXT, "which; NOSPACE and CORRUPT where left out", optional=True),),
    ),
    Operation(
        "POST",
        "/quota",
        Desk.quota,
        "Let the database become so large from now on, until all is reset; an alarm stays.",
        (Field("bytes", Kind.WHOLE, "how large; 0 is etcd's default, less than 0 no limit"),),
    ),
    Operation("POST", "/snapshot", Desk.snapshot, "Remember all there is; costs next to nothing."),
    Operation("GET", "/snapshot", Desk.snapshots, "The snapshots that can be restored."),
    Operation(
        "DELETE", "/snapshot", Desk.release, "Forget a snapshot; gives those left.", (_SNAPSHOT,)
    ),
    Operation(
        "POST",
        "/restore",
        Desk.restore,
        "Go back to a snapshot; those taken after it are gone. Open streams end with UNAVAILABLE.",
        (_SNAPSHOT,),
    ),
    Operation("GET", "/clock", Desk.clock, "The time in seconds, and whether it stands still."),
    Operation("POST", "/clock/freeze", Desk.freeze, "Have time stand still."),
    Operation(
        "POST",
        "/clock/advance",
        Desk.advance,
        "Move time on; all that becomes due on the way has happened when the answer comes.",
        (Field("seconds", Kind.SECONDS, "by how much"),),
    ),
    Operation(
        "POST",
        "/clock/advance-to-next",
        Desk.advance_to_next,
        "Move time on to what is due next; gives by how many seconds, too.",
    ),
    Operation("POST", "/clock/real", Desk.real, "Have time run by itself again."),
    Operation(
        "GET",
        "/history",
        Desk.history,
        "The calls that clients made, the oldest first; as many as are kept.",
        (
            Field("method", Kind.TEXT, '"Put", or "KV/Put"', optional=True),
            Field("key", Kind.TEXT, "that is in the request's field of this name", optional=True),
            Field("secrets", Kind.SWITCH, "whether to show passwords and tokens", optional=True),
        ),
    ),
    Operation("DELETE", "/history", Desk.clear_history, "Forget these calls."),
    Operation(
        "POST",
        "/faults",
        Desk.add_fault,
        "Have calls go wrong, behind all rules that there are: the first that is about a request "
        "acts on it.",
        rules.RULE,
    ),
    Operation("POST", "/faults/now", Desk.fault_now, "Do at once what needs no call.", rules.NOW),
    Operation("GET", "/faults", Desk.faults, "The rules, and how often each has acted."),
    Operation(
        "DELETE",
        "/faults",
        Desk.remove_faults,
        "Take rules away; gives those left.",
        (Field("rule", Kind.COUNT, "which; all where it is left out", optional=True),),
    ),
)
