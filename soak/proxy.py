"""A TCP proxy that cuts its connections at random, in the middle of whatever is on its way."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct

_READ_BYTES = 65_536
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time


class Proxy:
    """One port in front of a server.

    Args:
        port: the server's, on the loopback interface.
        seed: of what is cut when.

    Attributes:
        url: where it listens, once it is started.
        cuts: connections that were cut so far.
    """

    def __init__(self, port: int, seed: int) -> None:
        self._port = port
        self._random = random.Random(seed)
        self._pairs: set[_Pair] = set()
        self._listener: asyncio.Server | None = None
        self.url = ""
        self.cuts = 0

    async def start(self) -> None:
        """Listen on a free port."""
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Cut everything and listen no more."""
        if self._listener is not None:
            self._listener.close()
        for pair in list(self._pairs):
            pair.cut(reset=False)
        while self._pairs:
            await asyncio.sleep(0.01)

    async def cut_at_random(self, least_seconds: float, most_seconds: float) -> None:
        """Cut one connection, or now and then all, again and again until this is cancelled."""
        while True:
            await asyncio.sleep(self._random.uniform(least_seconds, most_seconds))
            self.cut_some()

    def cut_some(self) -> None:
        """Cut one connection, or, one time in eight, all: at once, or some bytes later."""
        pairs = sorted(self._pairs, key=lambda pair: pair.number)
        if not pairs:
            return
        chosen = pairs if self._random.random() < 1 / 8 else [self._random.choice(pairs)]
        for pair in chosen:
            self.cuts += 1
            reset = self._random.random() < 0.5
            if self._random.random() < 0.5:
                pair.cut(reset)
            else:
                pair.cut_after(self._random.randrange(200), reset)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.close()
            return
        pair = _Pair(self.cuts + len(self._pairs), (reader, writer), there)
        self._pairs.add(pair)
        try:
            await pair.carry()
        finally:
            self._pairs.discard(pair)


class _Pair:
    """A client's connection and the one to the server."""

    def __init__(
        self,
        number: int,
        here: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.number = number
        self._here, self._there = here, there
        self._left: int | None = None
        self._reset = False

    async def carry(self) -> None:
        """Carry bytes both ways until either side ends, then end both."""
        (here, to_here), (there, to_there) = self._here, self._there
        ways = [
            asyncio.create_task(self._one_way(here, to_there)),
            asyncio.create_task(self._one_way(there, to_here)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        self.cut(self._reset)
        await asyncio.wait(ways)

    async def _one_way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_READ_BYTES):
                if self._left is not None:
                    data, self._left = data[: self._left], self._left - len(data)
                    if self._left <= 0:
                        writer.write(data)
                        return
                writer.write(data)
                await writer.drain()

    def cut_after(self, count: int, reset: bool) -> None:
        """Cut when so many bytes more have been carried, in whichever direction."""
        self._left, self._reset = count, reset

    def cut(self, reset: bool) -> None:
        """End both connections, by a reset where that is said."""
        for _, writer in (self._here, self._there):
            if reset:
                sock = writer.get_extra_info("socket")
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            writer.close()
