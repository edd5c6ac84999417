"""Events, and what a watch is told.

etcd: mvccpb/kv.proto, api/mvccpb/extension.go, client/v3/watch.go.
"""

from __future__ import annotations

from dataclasses import dataclass

from fake_etcd.api import messages as m
from fake_etcd.api.status import Code
from fake_etcd.clientv3 import rpctypes
from fake_etcd.clientv3.errors import Error, StatusError
from fake_etcd.clientv3.records import OpenEnum, draft_of, new
from fake_etcd.clientv3.responses.header import ResponseHeader
from fake_etcd.clientv3.responses.kv import KeyValue


class EventType(OpenEnum):
    """What happened to a key."""

    PUT = m.Event.PUT
    DELETE = m.Event.DELETE


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one key.

    The `kv` of a deletion has the key and the revision that deleted it. `prev_kv` is what was
    there before, where that was asked for and is not compacted.
    """

    type: EventType
    kv: KeyValue
    prev_kv: KeyValue | None = None

    @classmethod
    def of(cls, pb: m.Event) -> Event:
        made = event_without_prev(pb)
        if not pb.HasField("prev_kv"):
            return made
        return cls(made.type, made.kv, KeyValue.of(pb.prev_kv))

    @property
    def is_create(self) -> bool:
        """A put of a key that was not there."""
        return self.type is _PUT and self.kv.create_revision == self.kv.mod_revision

    @property
    def is_modify(self) -> bool:
        """A put of a key that was there."""
        return self.type is _PUT and self.kv.create_revision != self.kv.mod_revision


_PUT, _DELETE = EventType.PUT, EventType.DELETE
_Event = draft_of(Event)
_KeyValue = draft_of(KeyValue)


def event_without_prev(pb: m.Event) -> Event:
    """`Event.of` where no pair was asked for that was there before.

    All in one function, for a watch makes these by the ten thousand: 0.97 µs in place of the 1.2 µs
    that `KeyValue.of` and a look for `prev_kv` make it (Python 3.11).
    """
    pair, kv = pb.kv, new(_KeyValue)
    kv.key = pair.key
    kv.value = pair.value
    kv.create_revision = pair.create_revision
    kv.mod_revision = pair.mod_revision
    kv.version = pair.version
    kv.lease = pair.lease
    kv.__class__ = KeyValue
    number, made = pb.type, new(_Event)
    made.type = _DELETE if number == 1 else EventType(number) if number else _PUT
    made.kv = kv
    made.prev_kv = None
    made.__class__ = Event
    done: Event = made
    return done


@dataclass(frozen=True, slots=True)
class WatchResponse:
    """One message to a watch: events of one or more revisions, or a notice without any.

    `created`: the watch is made. `canceled`: it has ended, see `error`. `compact_revision` is
    the first revision that a watch can have now, where that is why it ended.
    """

    header: ResponseHeader
    events: tuple[Event, ...] = ()
    compact_revision: int = 0
    canceled: bool = False
    created: bool = False
    cancel_reason: str = ""

    @classmethod
    def of(cls, pb: m.WatchResponse) -> WatchResponse:
        made = new(_WatchResponse)
        made.header = _header_of(pb.header)
        made.events = tuple([_event_of(event) for event in pb.events])
        made.compact_revision = pb.compact_revision
        made.canceled = pb.canceled
        made.created = pb.created
        made.cancel_reason = pb.cancel_reason
        made.__class__ = WatchResponse
        done: WatchResponse = made
        return done

    @property
    def is_progress_notify(self) -> bool:
        """Nothing happened up to the header's revision."""
        return (
            not self.events
            and not self.canceled
            and not self.created
            and self.compact_revision == 0
            and self.header.revision != 0
        )

    @property
    def error(self) -> Error | None:
        """Why the watch has ended, None if it has not.

        ErrCompacted with its `compact_revision`, or what the server's reason stands for: a
        StatusError where that is not in etcd's table, ErrFutureRev where there is none.
        """
        if self.compact_revision:
            return rpctypes.ErrCompacted(self.compact_revision)
        if not self.canceled:
            return None
        if not self.cancel_reason:
            return rpctypes.ErrFutureRev()
        # Of some reasons the server tells the text that Go has for the whole status. A reason comes
        # without a code; Go's client gives it this one.
        _, is_status, text = self.cancel_reason.partition(" desc = ")
        reason = text if is_status else self.cancel_reason
        known = rpctypes.from_status(Code.FAILED_PRECONDITION, reason)
        return known or StatusError(Code.FAILED_PRECONDITION, self.cancel_reason)


_event_of = Event.of
_header_of = ResponseHeader.of
_WatchResponse = draft_of(WatchResponse)
