"""Floods on real sockets, plain and over TLS, while others call: the bound is the same for them.

And each peer that comes back again and again: memory, tasks and objects are where they were.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import select
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import pytest

from fake_etcd.api import messages as m
from fake_etcd.cli import background
from fake_etcd.testing import FakeEtcd
from fake_etcd.transport import bounds
from fake_etcd.transport.shared_listener import SharedConnection

from .attacks import CALM, ENDINGS, FLOODS, Attack, Remains, pings, windows_moved_up_and_down
from .wire import HELLO, Client, without_housekeeping

SECONDS = 30.0
CALLERS = 2
PUT = "/etcdserverpb.KV/Put"

ALL = [(attack, CALM) for attack in FLOODS] + list(ENDINGS.items())


COMING_BACK = [attack for attack, _ in ALL if attack is not windows_moved_up_and_down]
"""Without the one that opens a thousand streams first, each time."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server on another thread, and clients of it that mean well."""

    port: int
    tls: ssl.SSLContext | None
    channels: list[grpc.Channel]

    def put(self, caller: int, number: int) -> None:
        call = self.channels[caller].unary_unary(PUT)
        request = m.PutRequest(key=b"%d" % caller, value=b"%d" % number)
        response = m.PutResponse.FromString(call(request.SerializeToString(), timeout=SECONDS))
        assert response.header.revision > 1


@pytest.fixture(scope="module", params=["plain", "tls"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    is_encrypted = request.param == "tls"
    with FakeEtcd(tls=is_encrypted) as etcd, contextlib.ExitStack() as stack:
        port = int(
            etcd.listen(f"{'https' if is_encrypted else 'http'}://127.0.0.1:0").rpartition(":")[2]
        )
        context = None
        if is_encrypted:
            context = ssl.create_default_context(cadata=etcd.tls.ca_cert.decode())
            context.set_alpn_protocols(["h2"])
        channels = []
        for _ in range(CALLERS):
            options = [("grpc.use_local_subchannel_pool", 1)]
            if is_encrypted:
                credentials = etcd.tls.credentials()
                channel = grpc.secure_channel(f"127.0.0.1:{port}", credentials, options)
            else:
                channel = grpc.insecure_channel(f"127.0.0.1:{port}", options)
            channels.append(stack.enter_context(channel))
        it = Served(port, context, channels)
        for caller in range(CALLERS):
            it.put(caller, 0)
        yield it


class Load:
    """Calls of others, one behind the other, from several threads until it is left."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._is_over = False
        self.calls = [0] * CALLERS
        self.failures: list[grpc.RpcError] = []
        self._threads = [
            threading.Thread(target=self._go_on, args=(caller,)) for caller in range(CALLERS)
        ]

    def _go_on(self, caller: int) -> None:
        try:
            while not self._is_over:
                self._served.put(caller, self.calls[caller])
                self.calls[caller] += 1
        except grpc.RpcError as error:
            self.failures.append(error)

    def wait_for_more_than(self, calls: list[int]) -> None:
        """Until each has had another answer."""
        while not self.failures and any(map(int.__le__, self.calls, calls)):
            time.sleep(0.001)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        self.wait_for_more_than([0] * CALLERS)
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        for thread in self._threads:
            thread.join()


class Attacker:
    """Sends and reads at once, and reads on where the server has cut the connection."""

    def __init__(self, served: Served) -> None:
        self._socket = socket.create_connection(("127.0.0.1", served.port), SECONDS)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self.answers = bytearray()
        self.is_gone = False
        if served.tls is not None:
            self._tls = served.tls.wrap_bio(self._in, self._out, server_hostname="127.0.0.1")
            self._shake_hands(self._tls)

    def _shake_hands(self, tls: ssl.SSLObject) -> None:
        is_done = False
        while not is_done:
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                is_done = True
            self._socket.sendall(self._out.read())
            if not is_done:
                self._in.write(self._socket.recv(65_536))

    def send(self, sent: bytes) -> None:
        if self._tls is not None:
            self._tls.write(sent)
            sent = self._out.read()
        left = memoryview(sent)
        while left and not self.is_gone:
            readable, writable, _ = select.select([self._socket], [self._socket], [], SECONDS)
            if readable:
                self._read()
            if writable and not self.is_gone:
                try:
                    left = left[self._socket.send(left) :]
                except ConnectionError:
                    self.read_to_the_end()

    def _read(self) -> None:
        try:
            piece = self._socket.recv(65_536)
        except ConnectionError:
            piece = b""
        self.is_gone = not piece
        if self._tls is None:
            self.answers += piece
            return
        self._in.write(piece)
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            while piece := self._tls.read(65_536):
                self.answers += piece

    def read_until(self, said: bytes) -> None:
        """Until the server has said this, or is gone."""
        while not self.is_gone and said not in self.answers:
            self._read()

    def read_to_the_end(self) -> None:
        while not self.is_gone:
            self._read()
        self._socket.close()


def suffer(served: Served, attack: Attack) -> tuple[object, ...]:
    """The last thing that the attacker was told."""
    attacker = Attacker(served)
    attacker.send(HELLO)
    for piece in attack(Client()):
        if attacker.is_gone:
            break
        attacker.send(piece)
    attacker.read_to_the_end()
    said = _frames_of_no_headers(bytes(attacker.answers))
    return without_housekeeping(Client().read(said))[-1]


def _frames_of_no_headers(said: bytes) -> bytes:
    """Without HEADERS, whose blocks only the attacker's own tables would read."""
    kept, position = b"", 0
    while position + 9 <= len(said):
        end = position + 9 + int.from_bytes(said[position : position + 3], "big")
        if said[position + 3] not in (1, 9):
            kept += said[position:end]
        position = end
    return kept


def ending_of(attack: Attack, ending: tuple[str, str], served: Served) -> tuple[str, str]:
    """Over TLS net/http is in front, which counts no strikes: the flood's bound is what holds."""
    return CALM if attack is pings and served.tls is not None else ending


def server_loop() -> asyncio.AbstractEventLoop:
    (loop,) = {each._loop for each in gc.get_objects() if type(each) is SharedConnection}
    return loop


def until_gone(remains: Remains) -> None:
    """The server is on another thread: it has heard of the end a moment later."""
    deadline = time.monotonic() + SECONDS
    while remains.found() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert remains.found() == {}


def test_the_bounds_are_the_same_under_load_and_others_do_not_notice(
    served: Served, monkeypatch: pytest.MonkeyPatch
):
    # Some floods take a request for each frame, which the machine that tests has to make as well.
    monkeypatch.setattr(bounds, "IDLE_WORK", 1_500)
    remains, tasks = Remains(), asyncio.all_tasks(server_loop())
    endings = {}
    with Load(served) as load:
        for attack, _ in ALL:
            calls = list(load.calls)
            last = suffer(served, attack)
            endings[attack] = (last[0], *last[2:])
            load.wait_for_more_than(calls)
    assert load.failures == []
    assert endings == {
        attack: ("GOAWAY", *ending_of(attack, ending, served)) for attack, ending in ALL
    }
    until_gone(remains)
    assert asyncio.all_tasks(server_loop()) <= tasks


TIMES = 20


def test_memory_is_where_it_was_after_every_peer_came_back_twenty_times(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(bounds, "IDLE_WORK", 100)
    tracemalloc.start()
    try:
        with background.serve(["--listen-client-urls=http://127.0.0.1:0"]) as url:
            served = Served(int(url.rpartition(":")[2]), None, [])
            for attack in COMING_BACK:
                suffer(served, attack)  # what is remembered for everybody is there now
            remains = Remains()
            grown = {}
            for attack in COMING_BACK:
                before = _traced()
                for _ in range(TIMES):
                    suffer(served, attack)
                until_gone(remains)
                grown[attack.__name__] = _traced() / before
    finally:
        tracemalloc.stop()
    assert {name: by for name, by in grown.items() if not 0.95 < by < 1.05} == {}


def _traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
