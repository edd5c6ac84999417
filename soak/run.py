"""One soak: a server, a proxy before it that cuts, clients that work, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc.aio
from google.protobuf.message import Message

from conformance.oracle import Running
from fake_etcd.api import messages as m
from soak import check, memory
from soak.check import Event, History
from soak.proxy import Proxy
from soak.told import Told, parse

COMPACT_EVERY_SECONDS = 5.0
KEPT_COMPACTIONS = 12
"""How many of these pass before history is thrown away: a minute, in which a client that was cut
comes back."""

SAMPLE_EVERY_SECONDS = 2.0
END_SECONDS = 120.0
"""The longest that clients may take to end once they are told to."""

_EXPIRY_SECONDS = 4.0
"""What a lease of two seconds has at most: etcd looks every half second."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Args:
        commands: of each client, by its name.
        seed: of what is done and cut.
        steps: that each worker takes; 0: until `seconds` are over.
        seconds: how long to work, where `steps` is 0.
        workers: of each client.
        pause_milliseconds: before each step.
        cut_seconds: the least and the most between two cuts.
    """

    commands: Mapping[str, Sequence[str]]
    seed: int
    steps: int = 0
    seconds: float = 0.0
    workers: int = 4
    pause_milliseconds: int = 20
    cut_seconds: tuple[float, float] = (0.5, 3.0)


@dataclass(slots=True)
class Outcome:
    """What came of it.

    Attributes:
        problems: whatever is not as it has to be.
        told: lines of each client, by its name, counted by their words.
        errors: of each client: which kind of call failed with which words how often.
        revision: the server's, in the end.
        cuts: connections that were cut.
        seconds: how long it took.
        samples: of the server's memory while clients worked.
        descriptors: open ones of the server before the first client and after the last.
    """

    problems: list[str] = field(default_factory=list)
    told: dict[str, Counter[str]] = field(default_factory=dict)
    errors: dict[str, Counter[str]] = field(default_factory=dict)
    revision: int = 0
    cuts: int = 0
    seconds: float = 0.0
    samples: list[memory.Sample] = field(default_factory=list)
    descriptors: tuple[int, int] = (0, 0)


async def soak(server: Running, plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Do as planned with a server that has nothing in it."""
    outcome = Outcome()
    begin = time.monotonic()
    proxy = Proxy(urlsplit(server.url).port or 0, plan.seed)
    async with grpc.aio.insecure_channel(urlsplit(server.url).netloc) as channel:
        direct = _Direct(channel)
        async with _background(direct.follow()):
            await direct.revision()  # so that its connection is there
            before = memory.look(server.pid, 0.0).descriptors
            await proxy.start()
            async with (
                _background(proxy.cut_at_random(*plan.cut_seconds)),
                _background(direct.compact_regularly()),
                _background(_sample(server.pid, begin, outcome.samples)),
            ):
                told = await _clients(proxy.url, plan, say)
            outcome.cuts = proxy.cuts
            await proxy.close()
            await asyncio.sleep(_EXPIRY_SECONDS)
            outcome.revision, final = await direct.all()
            await direct.until(outcome.revision)
            outcome.descriptors = (before, memory.look(server.pid, 0.0).descriptors)
    outcome.seconds = time.monotonic() - begin
    outcome.problems = check.problems(direct.history, told, final, outcome.revision)
    outcome.told = {name: Counter(line.word for line in lines) for name, lines in told.items()}
    outcome.errors = {name: check.errors(lines) for name, lines in told.items()}
    return outcome


@contextlib.asynccontextmanager
async def _background(work: Any) -> AsyncIterator[None]:
    """Something that goes on meanwhile, and whose failure is not lost."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _sample(pid: int, begin: float, samples: list[memory.Sample]) -> None:
    while True:
        await asyncio.sleep(SAMPLE_EVERY_SECONDS)
        samples.append(memory.look(pid, time.monotonic() - begin))


async def _clients(url: str, plan: Plan, say: Callable[[str], None]) -> dict[str, list[Told]]:
    """Run all of them to their ends; the lines of each."""
    arguments = [str(plan.workers), str(plan.steps), str(plan.pause_milliseconds), str(plan.seed)]
    processes = {}
    for name, command in plan.commands.items():
        processes[name] = await asyncio.create_subprocess_exec(
            *(*command, url, name, *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=Path(__file__).resolve().parent.parent,
        )
    reading = {name: asyncio.create_task(_lines(it)) for name, it in processes.items()}
    try:
        if not plan.steps:
            await asyncio.wait(reading.values(), timeout=plan.seconds)
            for process in processes.values():
                assert process.stdin is not None
                process.stdin.close()
        _, late = await asyncio.wait(reading.values(), timeout=END_SECONDS + plan.seconds)
        for name, task in reading.items():
            if task in late:
                say(f"{name} does not end")
    finally:
        for process in processes.values():
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
    return {name: await task for name, task in reading.items()}


async def _lines(process: asyncio.subprocess.Process) -> list[Told]:
    """All that a client says; its last words are on stderr where it failed."""
    assert process.stdout is not None
    assert process.stderr is not None
    complaining = asyncio.create_task(process.stderr.read())
    found = [parse(line.decode()) async for line in process.stdout]
    complaint = (await complaining).decode().strip()
    status = await process.wait()
    if status:
        found.append(Told("failed", error=f"exit status {status}: {complaint}"))
    return found


class _Direct:
    """What reads the server without a proxy between.

    Attributes:
        history: all changes so far.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self.history = History()
        self._news = asyncio.Event()

    async def follow(self) -> None:
        """Write down every change, until this is cancelled."""
        request = m.WatchRequest(
            create_request=m.WatchCreateRequest(key=b"\0", range_end=b"\0", start_revision=1)
        )

        async def requests() -> AsyncIterator[Message]:
            yield request
            await asyncio.Event().wait()

        stub = self._channel.stream_stream(
            "/etcdserverpb.Watch/Watch",
            m.WatchRequest.SerializeToString,
            m.WatchResponse.FromString,
        )
        async for answer in stub(requests()):
            for event in answer.events:
                value = None if event.type == m.Event.DELETE else event.kv.value.decode()
                self.history.add(Event(event.kv.mod_revision, event.kv.key.decode(), value))
            self._news.set()

    async def until(self, revision: int) -> None:
        """Wait for the change that made this revision."""
        while not self.history.events or self.history.events[-1].revision < revision:
            self._news.clear()
            await self._news.wait()

    async def compact_regularly(self) -> None:
        """Throw away history that is older than what a client can want that was cut."""
        revisions: deque[int] = deque(maxlen=KEPT_COMPACTIONS)
        while True:
            await asyncio.sleep(COMPACT_EVERY_SECONDS)
            if len(revisions) == KEPT_COMPACTIONS and revisions[0] > 1:
                request = m.CompactionRequest(revision=revisions[0])
                with contextlib.suppress(grpc.aio.AioRpcError):  # it may be compacted already
                    await self._call("KV/Compact", request, m.CompactionResponse)
            revisions.append(await self.revision())

    async def revision(self) -> int:
        """The server's, now."""
        answer = await self._call("KV/Range", m.RangeRequest(key=b"-"), m.RangeResponse)
        return int(answer.header.revision)

    async def all(self) -> tuple[int, dict[str, str]]:
        """The revision, and all keys and values."""
        request = m.RangeRequest(key=b"\0", range_end=b"\0")
        answer = await self._call("KV/Range", request, m.RangeResponse)
        pairs = {each.key.decode(): each.value.decode() for each in answer.kvs}
        return int(answer.header.revision), pairs

    async def _call(self, path: str, request: Message, answer: Any) -> Any:
        stub = self._channel.unary_unary(
            f"/etcdserverpb.{path}", type(request).SerializeToString, answer.FromString
        )
        return await stub(request, timeout=20)
