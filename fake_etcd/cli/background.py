"""The dev server inside this process, on a thread with an event loop of its own.

For callers that talk to it as any client would, over a socket, and want no second process.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fake_etcd.cli import flags
from fake_etcd.cli.serving import NodeServer, new_loop

_STOP_SECONDS = 10.0
"""The longest that a loop may take to do what it was asked; it takes milliseconds."""


@contextmanager
def serve(arguments: Sequence[str] = ()) -> Iterator[str]:
    """A server with nothing in it, on a free port of the loopback interface, until the end.

    Args:
        arguments: the dev server's flags ("--max-txn-ops=4"); --listen-client-urls may be one.

    Yields:
        Its first address, "http://127.0.0.1:43127".

    Raises:
        flags.UsageError: an argument is wrong.
        served_node.CannotStart: the address, or the keys of --auth-token, cannot be had.

    >>> with serve(["--max-txn-ops=4"]) as url:
    ...     url.rpartition(":")[0]
    'http://127.0.0.1'
    """
    settings = flags.parse(["--listen-client-urls=http://127.0.0.1:0", *arguments])
    loop = new_loop()
    thread = threading.Thread(target=loop.run_forever, name="fake-etcd", daemon=True)
    thread.start()

    async def start() -> NodeServer:
        server = NodeServer(settings)
        await server.start()
        return server

    try:
        server = asyncio.run_coroutine_threadsafe(start(), loop).result(_STOP_SECONDS)
        try:
            yield server.addresses[0]
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(0), loop).result(_STOP_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_STOP_SECONDS)
        loop.close()
