"""The process around a node: event loop, addresses, signals.

It says where the node listens and stops it when told to. What a flag may be is in `flags.py`; what
is started for them is in `serving.py`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shlex
import signal
import sys
from collections.abc import Sequence

from fake_etcd import __version__
from fake_etcd.api import version
from fake_etcd.cli import console, logs, memory, tls_flags
from fake_etcd.cli.flags import Settings
from fake_etcd.cli.serving import CannotStart, NodeServer, new_loop

GRACE_SECONDS = 0.7
"""How long open calls may take to end after the first signal; all is over within a second."""


def run(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM, then return 0.

    Raises:
        CannotStart: an address, --ready-fd or the keys of --auth-token cannot be had, or the loop
            that was asked for does not exist.
    """
    log = logs.set_up(settings.log_level)
    _check_ready_fd(settings.ready_fd)  # before we open files, one of which may get its number
    loop = new_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(_serve(settings, log))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    return 0


def _check_ready_fd(number: int) -> None:
    try:
        if number:
            os.write(number, b"")
    except (OSError, OverflowError):
        raise CannotStart(
            f"--ready-fd={number}: whoever starts this server has to pass it that descriptor, open "
            "for writing"
        ) from None


async def _serve(settings: Settings, log: logging.Logger) -> None:
    server = NodeServer(settings)
    stop = _StopSignals(log)
    await server.start()
    for warning in tls_flags.warnings(settings.tls, settings.listen_client_urls):
        log.warning(warning.message, extra={"fields": warning.fields})
    for message, fields in server.warned:
        log.warning(message, extra={"fields": fields})
    for note in server.notes:
        log.debug("only one address family", extra={"fields": {"error": note}})
    if not settings.control:
        memory.tune()  # which leaves alone what is old, and `reset` throws whole stores away
    ready = _ready_line(server.addresses, settings)
    console.say(ready if settings.ready_json else _greeting(server.addresses))
    if settings.ready_fd:
        console.say_to(settings.ready_fd, ready)
    for address in server.addresses:
        log.info("serving client traffic", extra={"fields": {"address": address}})
    advertised = server.advertise_client_urls
    log.info("ready to serve client requests", extra={"fields": {"advertise": advertised}})
    await stop.wait()
    await server.stop(GRACE_SECONDS)
    log.info("stopped")


def _ready_line(listening: Sequence[str], settings: Settings) -> str:
    """What a program that started this server reads."""
    ready = {
        "endpoints": list(listening),
        "control": settings.control,
        "etcd": version.SERVER,
        "fake_etcd": __version__,
        "pid": os.getpid(),
    }
    return json.dumps(ready) + "\n"


def _greeting(listening: Sequence[str]) -> str:
    """What a person, or a script that waits for "listening on ", reads on stdout."""
    lines = [f"fake_etcd {__version__} answers as etcd {version.SERVER}"]
    lines += [f"listening on {address}" for address in listening]
    endpoint = listening[0]
    scheme, _, path = endpoint.partition(":")
    # Who knows the authority says --cacert instead; this is for a first try.
    trust, k = (" --insecure-skip-tls-verify", "-k ") if scheme in ("https", "unixs") else ("", "")
    if scheme in ("unix", "unixs"):
        path = shlex.quote(os.path.abspath(path))
        http = "https" if scheme == "unixs" else "http"
        etcdctl, curl = f"{scheme}://{path}", f"--unix-socket {path} {http}://localhost/version"
    else:
        for wildcard, loopback in (("//0.0.0.0:", "//127.0.0.1:"), ("//[::]:", "//[::1]:")):
            endpoint = endpoint.replace(wildcard, loopback)
        etcdctl, curl = shlex.quote(endpoint), shlex.quote(f"{endpoint}/version")
    lines += [
        f"try: etcdctl{trust} --endpoints={etcdctl} put greeting hello",
        f"try: curl {k}{curl}",
    ]
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
