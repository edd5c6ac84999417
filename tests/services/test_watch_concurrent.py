"""Eight writers and fifty watchers that break and resume, over real sockets, against one server.

Some watchers share a stream, some stop reading until more is written than a stream holds for them,
some are told of progress as well. A few seconds by default; FAKE_ETCD_WATCH_SECONDS=60 goes on for
that long.
"""

from __future__ import annotations

import contextlib
import os
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from fake_etcd.api import messages as m
from fake_etcd.cli import background
from tests.services import watch_guarantees as guarantees
from tests.services.client import KvClient
from tests.services.watch_guarantees import Answer, Happened, History, Report, Request, told

WRITERS = 8
WATCHERS = 50
WRITES = 150  # of each writer, where no time is given
PAUSE_WRITES = 400  # of all writers, while a reader does not read: more than windows and sinks take
KEYS = [b"k%02d" % number for number in range(30)]
SECONDS = float(os.environ.get("FAKE_ETCD_WATCH_SECONDS", "0"))
PATIENCE_SECONDS = SECONDS + 60

EVERYTHING = Request(b"\0", b"", start_revision=2)


def requests(dice: random.Random) -> Request:
    """A watcher of any kind."""
    key = dice.choice(KEYS)
    range_end = dice.choice((None, b"", key[:2] + b"\xff", key + b"\xff", KEYS[-1] + b"\0"))
    filters = dice.choice(((False, False), (False, False), (True, False), (False, True)))
    return Request(key, range_end, 2, *filters, prev_kv=dice.random() < 0.5)


class Progress:
    """How much is written; a reader that is to be slow waits for more of it, not for time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._is_over = False

    def wrote(self) -> None:
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def wait_for(self, writes: int) -> None:
        """Until so many more are written, or there will be no more."""
        with self._changed:
            goal = self._count + writes
            self._changed.wait_for(lambda: self._is_over or self._count >= goal, PATIENCE_SECONDS)


class Watcher:
    """One client: it watches, is cut off, and resumes behind the last revision it has seen.

    Args:
        address: of the server.
        request: what it watches.
        seed: decides when it breaks off, and how; None: never, and it wants no progress.
        progress: of the writers.
    """

    def __init__(
        self, address: str, request: Request, seed: int | None, progress: Progress
    ) -> None:
        self._address = address
        self._request = request
        self._progress = progress
        self._dice = random.Random(seed) if seed is not None else None
        self.pauses = 0
        self._asking: queue.SimpleQueue[m.WatchRequest | None] = queue.SimpleQueue()
        self.last: int | None = None
        """The revision at which it is done, once that is known."""
        self.lives: list[Report] = []
        self._call: Any = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def ask_for_progress(self) -> None:
        """Be told even if there is nothing more of its own; silence where it is behind."""
        self._asking.put(m.WatchRequest(progress_request=m.WatchProgressRequest()))

    @property
    def is_done(self) -> bool:
        return self.last is not None and bool(self.lives) and self.lives[-1].seen >= self.last

    def _run(self) -> None:
        first = self._request.start_revision
        while not self.is_done:
            report = Report(self._request, first)
            self.lives.append(report)
            self._live(report)
            first = report.seen + 1

    def _live(self, report: Report) -> None:
        """From a creation to a break: of the watcher, of the call, or of the connection."""
        dice = self._dice or random.Random(0)
        asking = self._asking = queue.SimpleQueue()
        # Half of all share their stream with a watcher that nobody listens to.
        for watch_id in (0, 1) if dice.random() < 0.5 else (0,):
            create = _create(self._request, report.first)
            create.watch_id = watch_id + 1
            create.progress_notify = self._dice is not None and dice.random() < 0.5
            asking.put(m.WatchRequest(create_request=create))
        answers = dice.randint(1, 60) if self._dice else 1 << 30
        pause_at = dice.randint(1, 30) if self._dice and dice.random() < 0.2 else 0
        how = dice.choice(("watcher", "call", "channel")) if self._dice else "call"
        # A window that does not grow, so that who does not read is slow in every run.
        options = [("grpc.http2.bdp_probe", 0)]
        with grpc.insecure_channel(self._address, options) as channel:
            call = channel.stream_stream(
                "/etcdserverpb.Watch/Watch",
                m.WatchRequest.SerializeToString,
                m.WatchResponse.FromString,
            )(iter(asking.get, None))
            self._call = call
            for response in self._answers(call):
                if response.canceled:
                    assert how == "watcher", f"nothing is compacted: {response}"
                    break
                if response.created or response.watch_id == 2:
                    continue
                events = tuple(told(event) for event in response.events)
                report.answers.append(Answer(response.header.revision, events))
                answers -= 1
                if answers == pause_at:
                    self.pauses += 1
                    self._progress.wait_for(PAUSE_WRITES)
                if self.is_done or (answers <= 0 and how != "watcher"):
                    break
                if answers == 0:  # what is told before the answer to this is told to be kept
                    cancel = m.WatchCancelRequest(watch_id=1)
                    asking.put(m.WatchRequest(cancel_request=cancel))
            if how != "channel":
                call.cancel()
        asking.put(None)

    def _answers(self, call: Iterator[m.WatchResponse]) -> Iterator[m.WatchResponse]:
        """To the end of the call, which `end` may bring about."""
        try:
            yield from call
        except grpc.RpcError:
            if not self.is_done:
                raise

    def end(self) -> None:
        """It has seen all, perhaps before anybody knew what that is, and asked for what comes
        then: of that it is told nothing, not even by notices of progress."""
        if self._call is not None:
            self._call.cancel()


def _create(request: Request, start: int) -> m.WatchCreateRequest:
    filters = [m.WatchCreateRequest.NOPUT] * request.no_put
    filters += [m.WatchCreateRequest.NODELETE] * request.no_delete
    range_end = {None: b"", b"": b"\0"}.get(request.range_end, request.range_end)
    return m.WatchCreateRequest(
        key=request.key,
        range_end=range_end,
        start_revision=start,
        filters=filters,
        prev_kv=request.prev_kv,
    )


def write(address: str, seed: int, goes_on: Callable[[int], bool], progress: Progress) -> None:
    """Puts of up to 4 KB, deletions, ranges of them, and transactions."""
    dice = random.Random(seed)
    with KvClient(address) as client:
        count = 0
        while goes_on(count):
            count += 1
            progress.wrote()
            key, value = dice.choice(KEYS), b"%d.%d" % (seed, count)
            value += bytes(dice.choice((0, 0, 4_000)))
            what = dice.random()
            if what < 0.6:
                client.put(key=key, value=value)
            elif what < 0.75:
                client.delete_range(key=key, range_end=dice.choice((b"", key[:2] + b"9")))
            else:
                chosen = dice.sample(KEYS, 4)
                puts = [m.PutRequest(key=each, value=value) for each in chosen[:3]]
                operations = [m.RequestOp(request_put=put) for put in puts]
                gone = m.DeleteRangeRequest(key=chosen[3])
                operations.append(m.RequestOp(request_delete_range=gone))
                client.txn(success=operations)


@contextlib.contextmanager
def server() -> Iterator[str]:
    with background.serve(["--watch-progress-notify-interval=100ms"]) as url:
        yield url.removeprefix("http://")


def finish(watchers: list[Watcher], last: int) -> None:
    """Let all come to revision `last`."""
    for watcher in watchers:
        watcher.last = last
    end = time.monotonic() + PATIENCE_SECONDS
    for watcher in watchers:
        while watcher.thread.is_alive():
            assert time.monotonic() < end, f"a watcher never comes to {last}: {watcher.lives[-1]}"
            watcher.ask_for_progress()
            if watcher.is_done:
                watcher.end()
            watcher.thread.join(0.05)
        assert watcher.is_done, f"a watcher has ended by an error: {watcher.lives[-1]}"


def test_no_watcher_loses_doubles_or_disorders_anything() -> None:
    begin = time.monotonic()

    def goes_on(count: int) -> bool:
        return time.monotonic() - begin < SECONDS if SECONDS else count < WRITES

    with server() as address:
        dice, progress = random.Random(7), Progress()
        watchers = [Watcher(address, requests(dice), seed, progress) for seed in range(WATCHERS)]
        writers = [
            threading.Thread(target=write, args=(address, seed, goes_on, progress), daemon=True)
            for seed in range(WRITERS)
        ]
        for each in (*(watcher.thread for watcher in watchers), *writers):
            each.start()
        for writer in writers:
            writer.join(PATIENCE_SECONDS)
            assert not writer.is_alive(), "a writer hangs"
        progress.end()
        with KvClient(address) as client:
            last = client.put(key=b"z", value=b"").header.revision
            state = {found.key: found.value for found in client.range(key=b"k", range_end=b"l").kvs}
        onlooker = Watcher(address, EVERYTHING, None, progress)
        onlooker.thread.start()
        finish([*watchers, onlooker], last)
    events = [event.happened for event in onlooker.lives[0].events]
    history = History(events)
    _check_state(events, state)
    assert {event.revision for event in events} == set(range(2, last + 1))
    for watcher in watchers:
        for report in watcher.lives:
            guarantees.check_all(report, history)
            guarantees.check_previous_is_there(report, history)
        guarantees.check_complete(watcher.lives, history, last)
    lives = sum(len(watcher.lives) for watcher in watchers)
    answers = [a for watcher in watchers for report in watcher.lives for a in report.answers]
    events_told = sum(len(answer.events) for answer in answers)
    notices = sum(answer.is_progress for answer in answers)
    pauses = sum(watcher.pauses for watcher in watchers)
    assert lives > 2 * WATCHERS, "they broke and resumed"
    assert pauses, "some were slow"
    print(
        f"{last} revisions, {lives} lives of {WATCHERS} watchers, {pauses} pauses, "
        f"{events_told} events and {notices} notices of progress in {len(answers)} answers"
    )


def _check_state(events: list[Happened], state: dict[bytes, bytes]) -> None:
    """The onlooker's history ends in what a range finds."""
    played: dict[bytes, bytes] = {}
    for event in events:
        if event.value is None:
            del played[event.key]
        else:
            played[event.key] = event.value
    played.pop(b"z")
    assert played == state
