"""The process around a node: event loop, addresses, signals.

It starts a node's services on the addresses asked for, says where they are, and stops them when
told to. What a flag may be is in `flags.py`; sockets are `transport/listener.py`'s.
"""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import functools
import logging
import os
import shlex
import signal
import sys
from collections.abc import Sequence

from fake_etcd import __version__
from fake_etcd.api import version
from fake_etcd.cli import console, logs, memory
from fake_etcd.cli.flags import Settings
from fake_etcd.cli.urls import Url
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services import http, registry
from fake_etcd.transport.listener import Limits, Server
from fake_etcd.transport.timer import NodeTimer

LOOP_VARIABLE = "FAKE_ETCD_LOOP"
"""Environment: "uvloop" or "asyncio" forces that event loop; without it, uvloop where it exists."""

GRACE_SECONDS = 0.7
"""How long open calls may take to end after the first signal; all is over within a second."""

_PAIRS = {"localhost": ("127.0.0.1", "::1"), "0.0.0.0": ("0.0.0.0", "::"), "::": ("::", "0.0.0.0")}
"""Hosts that stand for an address of each family: the one that must work, then the other.

etcd listens on 127.0.0.1 for localhost, and on both families for either wildcard (Go net.Listen).
A client that takes ::1 for localhost finds us too.
"""

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""What to connect to where a wildcard is listened on."""


class CannotStart(Exception):
    """Why there is no server; one line."""


def run(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM, then return 0.

    Raises:
        CannotStart: an address cannot be had, or the loop that was asked for does not exist.
    """
    log = logs.set_up(settings.log_level)
    loop = _new_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(_serve(settings, log))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    return 0


def _new_loop() -> asyncio.AbstractEventLoop:
    wanted = os.environ.get(LOOP_VARIABLE, "")
    if wanted not in ("", "asyncio", "uvloop"):
        raise CannotStart(f'{LOOP_VARIABLE}={wanted}: it can be "asyncio" or "uvloop"')
    if wanted != "asyncio":
        try:
            import uvloop
        except ImportError:
            if wanted:
                raise CannotStart(f"{LOOP_VARIABLE}=uvloop: uvloop is not installed") from None
        else:
            return uvloop.new_event_loop()
    return asyncio.new_event_loop()


async def _serve(settings: Settings, log: logging.Logger) -> None:
    node = Node(
        NodeConfig(
            name=settings.name,
            max_request_bytes=settings.max_request_bytes,
            max_txn_ops=settings.max_txn_ops,
        )
    )
    timer = NodeTimer(node, asyncio.get_running_loop())
    server = Server(
        registry.endpoints(node),
        functools.partial(http.handle, node),
        Limits(node.config.max_receive_bytes),
    )
    stop = _StopSignals(log)
    listening: list[str] = []
    found: list[str] = []
    try:
        for url in settings.listen_client_urls:
            addresses = await _listen(server, url, log)
            listening += addresses
            found.append(_as_asked(url, addresses[0]))
    except CannotStart:
        await server.close(0)  # and take away the unix sockets made so far
        raise
    advertised = tuple(url.text for url in settings.advertise_client_urls) or tuple(sorted(found))
    node.config = dataclasses.replace(node.config, advertise_client_urls=advertised)
    memory.tune()
    console.say(_greeting(listening))
    for address in listening:
        log.info("serving client traffic", extra={"fields": {"address": address}})
    log.info("ready to serve client requests", extra={"fields": {"advertise": advertised}})
    await stop.wait()
    await server.close(GRACE_SECONDS)
    timer.cancel()
    log.info("stopped")


async def _listen(server: Server, url: Url, log: logging.Logger) -> list[str]:
    """The addresses really listened on; the first is the one that had to work."""
    if url.is_unix:
        return [await _bind(server, f"unix:{url.host}{url.path}", f"unix {url.host}{url.path}")]
    host, other = _PAIRS.get(url.hostname, (url.hostname, None))
    first = await _bind_tcp(server, host, url.port or "0")
    if other is None:
        return [first]
    try:
        return [first, await _bind_tcp(server, other, first.rpartition(":")[2])]
    except CannotStart as error:
        # No IPv6 (or IPv4) here, or somebody else has the port there: etcd would not look.
        log.debug("only one address family", extra={"fields": {"error": str(error)}})
        return [first]


async def _bind_tcp(server: Server, host: str, port: str) -> str:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return await _bind(server, f"http://{address}", f"tcp {address}")


async def _bind(server: Server, url: str, name: str) -> str:
    """Listen, or say what is wrong in the words of Go's net package."""
    try:
        return await server.listen(url)
    except OSError as error:
        raise CannotStart(f"listen {name}: bind: {_reason(error).lower()}") from None
    except ValueError as error:
        raise CannotStart(f"listen {name}: {error}") from None


def _reason(error: OSError) -> str:
    if error.errno is None and "could not bind on any address" in str(error):
        # asyncio since 3.13 says so of an address that is not this machine's.
        return os.strerror(errno.EADDRNOTAVAIL)
    # Outside errno it is a resolver's own number, which strerror does not know.
    if error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno)
    return error.strerror or str(error)


def _as_asked(url: Url, address: str) -> str:
    """What to advertise: the host as it was given, with the port really taken.

    A wildcard is no address to connect to, so it becomes this machine's own.
    """
    if url.is_unix:
        return address
    host = _LOOPBACK.get(url.hostname, url.hostname)
    port = address.rpartition(":")[2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _greeting(listening: Sequence[str]) -> str:
    """What a person, or a script that waits for "listening on ", reads on stdout."""
    lines = [f"fake_etcd {__version__} answers as etcd {version.SERVER}"]
    lines += [f"listening on {address}" for address in listening]
    endpoint = listening[0]
    if endpoint.startswith("unix:"):
        path = shlex.quote(os.path.abspath(endpoint.removeprefix("unix:")))
        etcdctl, curl = f"unix://{path}", f"--unix-socket {path} http://localhost/version"
    else:
        for wildcard, loopback in (("//0.0.0.0:", "//127.0.0.1:"), ("//[::]:", "//[::1]:")):
            endpoint = endpoint.replace(wildcard, loopback)
        etcdctl, curl = shlex.quote(endpoint), shlex.quote(f"{endpoint}/version")
    lines += [f"try: etcdctl --endpoints={etcdctl} put greeting hello", f"try: curl {curl}"]
    return "\n".join(lines) + "\n"


class _StopSignals:
    """SIGINT and SIGTERM: the first asks to stop, the second ends the process at once."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._asked = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            if sys.platform == "win32":  # its loops have no add_signal_handler
                signal.signal(number, self._from_python)
            else:
                self._loop.add_signal_handler(number, self._stop, number)

    async def wait(self) -> None:
        """Return when the first signal has come."""
        while not self._asked.is_set():
            # Windows runs signal handlers only between steps of the loop, so give it some.
            timeout = 0.2 if sys.platform == "win32" else None
            try:
                await asyncio.wait_for(self._asked.wait(), timeout)
            except asyncio.TimeoutError:
                continue

    def _from_python(self, number: int, frame: object) -> None:
        self._loop.call_soon_threadsafe(self._stop, signal.Signals(number))

    def _stop(self, number: signal.Signals) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            if sys.platform != "win32":
                self._loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        self._log.info("stopping", extra={"fields": {"signal": number.name}})
        self._asked.set()
