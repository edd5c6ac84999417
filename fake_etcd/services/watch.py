"""The Watch service: many watchers on one stream, and what each is told.

Requests and answers are here; who is told of which change is `core.mvcc.watch`'s business.
etcd: server/etcdserver/api/v3rpc/watch.go, server/storage/mvcc/watcher.go (watchStream).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.status import Code
from fake_etcd.core.mvcc.encoding import varint
from fake_etcd.core.mvcc.watch import Events, Watcher
from fake_etcd.core.node import Node
from fake_etcd.core.schedule import Appointment
from fake_etcd.services import access
from fake_etcd.services.call import Call, Receiver, Sink, StreamHandler, UnaryHandler
from fake_etcd.services.kv_range import end_of

SHORTEST_PROGRESS_INTERVAL_SECONDS = 0.1
"""etcd: minWatchProgressInterval."""

EMPTY_RANGE = "mvcc: watcher range is empty"
DUPLICATE_ID = "mvcc: duplicate watch ID provided on the WatchStream"

_GO_CODES = {
    Code.INVALID_ARGUMENT: "InvalidArgument",
    Code.PERMISSION_DENIED: "PermissionDenied",
    Code.UNAUTHENTICATED: "Unauthenticated",
}
"""Of what a watcher can be refused for, by their names in grpc-go."""

_AUTO_ID = 0
_NO_ID = -1
"""In answers that are about no watcher, or about all of a stream."""

_LARGE = 1_024
"""Bytes of an answer that is not worth gathering with others."""

_MANY = 64
"""Answers that are gathered at the most, so that a full sink is soon noticed."""

_CREATED, _CANCELED, _FRAGMENT = b"\x18\x01", b"\x20\x01", b"\x38\x01"
_NOPUT, _NODELETE = m.WatchCreateRequest.NOPUT, m.WatchCreateRequest.NODELETE


def unary(node: Node) -> dict[str, UnaryHandler]:
    """There are none."""
    return {}


def streams(node: Node) -> dict[str, StreamHandler]:
    """Handlers by their names in the method table."""

    # It takes its own request class; the transport decodes that very class from the table.
    def open_watch(call: Call, sink: Sink) -> Receiver:
        return cast(Receiver, WatchCall(node, call, sink))

    return {"watch": open_watch}


class _Options:
    """What a watcher's creator asked for, beside the range."""

    __slots__ = ("fragment", "notice_is_due", "prev_kv", "progress_notify", "watch_id_field")

    def __init__(self, request: m.WatchCreateRequest, watch_id: int) -> None:
        self.watch_id_field = _watch_id(watch_id)
        self.prev_kv = request.prev_kv
        self.fragment = request.fragment
        self.progress_notify = request.progress_notify
        self.notice_is_due = request.progress_notify
        """Nothing was told since the last interval began."""


class WatchCall:
    """Receiver of one Watch stream, and its watchers' `WatchStream`.

    A half-close leaves the watchers running, as etcd does.
    """

    def __init__(self, node: Node, call: Call, sink: Sink) -> None:
        self._node = node
        self._call = call
        self._hub = node.watches
        self._sink = sink
        self._watchers: dict[int, Watcher] = {}
        self._options: dict[int, _Options] = {}
        self._next_id = 0
        self._opened = node.clock.now()
        self._interval = _progress_interval(node)
        self._ticks = 0
        self._tick: Appointment | None = None
        self._gathered: list[bytes] = []
        self.is_full = False

    # Receiver

    def message(self, request: m.WatchRequest) -> None:
        """One request; what is none of the three is passed over."""
        arm = request.WhichOneof("request_union")
        if arm == "create_request":
            self._create(request.create_request)
        elif arm == "cancel_request":
            self._cancel(request.cancel_request.watch_id)
        elif arm == "progress_request":
            self._request_progress()

    def half_close(self) -> None:
        """The watchers go on."""

    def cancelled(self) -> None:
        """Nobody listens any more."""
        for watcher in self._watchers.values():
            self._hub.remove(watcher)
        self._watchers.clear()
        self._options.clear()
        self._stop_ticking()

    def writable(self) -> None:
        """Those who fell behind may catch up."""
        self.is_full = False
        self._hub.resume()

    # Requests

    def _create(self, request: m.WatchCreateRequest) -> None:
        key = request.key or b"\0"
        range_end = end_of(request.range_end)
        if request.start_revision < 0:
            self._refuse(errors.COMPACTED.message)
        elif (refusal := refused_to(self._node, self._call, key, request.range_end)) is not None:
            self._refuse(refusal)
        elif range_end and key >= range_end:
            self._refuse(EMPTY_RANGE)
        elif request.watch_id != _AUTO_ID and request.watch_id in self._watchers:
            self._refuse(DUPLICATE_ID)
        else:
            self._watch(request, key, range_end)

    def _watch(self, request: m.WatchCreateRequest, key: bytes, range_end: bytes | None) -> None:
        watch_id = request.watch_id
        if watch_id == _AUTO_ID:
            watch_id = self._free_id()
        watcher = Watcher(
            self,
            watch_id,
            key,
            range_end,
            request.start_revision,
            no_put=_NOPUT in request.filters,
            no_delete=_NODELETE in request.filters,
        )
        self._watchers[watch_id] = watcher
        self._options[watch_id] = _Options(request, watch_id)
        self._send(self._answer(watch_id, _CREATED))
        self._hub.add(watcher)
        if request.progress_notify:
            self._start_ticking()

    def _free_id(self) -> int:
        while self._next_id in self._watchers:
            self._next_id += 1
        self._next_id += 1
        return self._next_id - 1

    def _refuse(self, reason: str) -> None:
        encoded = reason.encode()
        why = b"\x32" + varint(len(encoded)) + encoded
        self._send(self._answer(_NO_ID, _CREATED + _CANCELED + why))

    def _cancel(self, watch_id: int) -> None:
        """etcd says nothing of an id that it does not know."""
        watcher = self._watchers.pop(watch_id, None)
        if watcher is not None:
            self._hub.remove(watcher)
            del self._options[watch_id]
            self._send(self._answer(watch_id, _CANCELED))

    def _request_progress(self) -> None:
        """One notice for all, if there are any and none has something to be told."""
        if self._watchers and all(map(self._hub.in_step, self._watchers.values())):
            self._send(self._answer(_NO_ID, b""))

    # Progress, unasked

    def _start_ticking(self) -> None:
        """Ticks are whole intervals from when the stream was opened, whenever anyone wants one."""
        if self._tick is None:
            passed = int((self._node.clock.now() - self._opened) // self._interval)
            # Counted, for the division may find a tick not quite over that has just been.
            self._ticks = max(passed, self._ticks) + 1
            time = self._opened + self._ticks * self._interval
            self._tick = self._node.schedule.at(time, self._on_tick)

    def _stop_ticking(self) -> None:
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None

    def _on_tick(self) -> None:
        """Tell those who want it, were told nothing since the last tick, and are in step.

        A notice that finds no room is dropped (etcd: watcher.send).
        """
        for watch_id, options in self._options.items():
            if options.progress_notify:
                in_step = self._hub.in_step(self._watchers[watch_id])
                if options.notice_is_due and in_step and not self.is_full:
                    self._send(self._answer(watch_id, b""))
                options.notice_is_due = True
        self._tick = None
        if any(options.progress_notify for options in self._options.values()):
            self._start_ticking()

    # WatchStream

    def tell(self, watcher: Watcher, events: Events, revision: int) -> None:
        options = self._options[watcher.watch_id]
        options.notice_is_due = False
        header = self._node.header(revision)
        if len(events) == 1:
            # `_gather` by hand: there may be hundreds of watchers to tell.
            gathered = self._gathered
            if not gathered:
                self._hub.told.append(self._send_gathered)
            message = header + options.watch_id_field + events[0].encoded(options.prev_kv)
            gathered.append(message)
            if len(message) > _LARGE or len(gathered) >= _MANY:
                self._send_gathered()
            return
        self._node.counts.events += len(events) - 1  # and one when it is sent
        start = header + options.watch_id_field
        prev_kv = options.prev_kv
        whole = events.encoded(prev_kv)
        limit = self._node.config.max_receive_bytes
        if not options.fragment or len(start) + len(whole) < limit:
            self._gather(start + whole)
            return
        encoded = [event.encoded(prev_kv) for event in events]
        for piece in _pieces(encoded, len(start) + len(_FRAGMENT), limit):
            is_last = piece[1] == len(encoded)
            flag = b"" if is_last else _FRAGMENT
            self._gather(start + flag + b"".join(encoded[slice(*piece)]))

    def tell_compacted(self, watcher: Watcher, compact_revision: int) -> None:
        # The stream keeps the id: it can be canceled, and cannot be given away (etcd: chooseAll).
        self._send(
            self._node.header_without_revision
            + _watch_id(watcher.watch_id)
            + _CANCELED
            + b"\x28"
            + varint(compact_revision)
        )

    def _answer(self, watch_id: int, rest: bytes) -> bytes:
        return self._node.header(self._node.store.current_revision) + _watch_id(watch_id) + rest

    def _gather(self, message: bytes) -> None:
        """Send it with what the stream's other watchers are told of the same transaction."""
        if not self._gathered:
            self._hub.told.append(self._send_gathered)
        self._gathered.append(message)
        if len(message) > _LARGE or len(self._gathered) >= _MANY:
            self._send_gathered()

    def _send_gathered(self) -> None:
        messages, self._gathered = self._gathered, []
        self._node.counts.events += len(messages)
        if messages and not self._sink.send_all(messages):
            self.is_full = True

    def _send(self, message: bytes) -> None:
        if not self._sink.send(message):
            self.is_full = True


def refused_to(node: Node, call: Call, key: bytes, range_end: bytes) -> str | None:
    """Why a caller may not watch, in grpc-go's words; None where it may. Asked once, when the
    watcher is made."""
    try:
        info = access.auth_info(node, call)
        node.auth.check_range_permitted(info, key, range_end)
    except errors.EtcdError as error:
        return f"rpc error: code = {_GO_CODES[error.code]} desc = {error.message}"
    return None


def _progress_interval(node: Node) -> float:
    """Seconds; up to a tenth more than configured, so that streams do not all tick at once."""
    interval = node.config.progress_notify_interval_seconds
    return max(interval, SHORTEST_PROGRESS_INTERVAL_SECONDS) * (1 + node.noise.fraction() / 10)


def _watch_id(watch_id: int) -> bytes:
    return b"\x10" + varint(watch_id) if watch_id else b""


def _pieces(encoded: Sequence[bytes], overhead: int, limit: int) -> list[tuple[int, int]]:
    """Where to cut events, so that each piece has one or is smaller than `limit` bytes.

    etcd: sendFragments; a piece's size is measured with the fragment flag, the last one's too.
    """
    pieces = []
    start, size = 0, overhead
    for place, event in enumerate(encoded):
        if place > start and size + len(event) >= limit:
            pieces.append((start, place))
            start, size = place, overhead
        size += len(event)
    return [*pieces, (start, len(encoded))]
