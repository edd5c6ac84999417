"""The process around a node: event loop, addresses, signals.

It says where the node listens and stops it when told to. What a flag may be is in `flags.py`; what
is started for them is in `serving.py`.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import os
import platform
import shlex
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from fake_etcd import __version__
from fake_etcd.api import version
from fake_etcd.cli import console, logs, memory, open_files, sd_notify, tls_flags
from fake_etcd.cli import etcd_lines as lines
from fake_etcd.cli.durations import format_duration
from fake_etcd.cli.etcd_lines import say
from fake_etcd.cli.flags import Settings
from fake_etcd.cli.served_node import CannotStart
from fake_etcd.cli.serving import NodeServer, new_loop
from fake_etcd.cli.urls import Url
from fake_etcd.cli.usage import BAD_CONFIGURATION, UsageError, Warned

_GO_NAMES = {signal.SIGINT: "interrupt", signal.SIGTERM: "terminated"}
"""What Go calls them."""


def run(settings: Settings) -> signal.Signals:
    """Serve until SIGINT or SIGTERM, then return which it was.

    Raises:
        SystemExit: the program's name is etcd, and what kept it from starting is logged as etcd
            logs it.
        UsageError: an output of the log cannot be had.
        CannotStart: an address, --ready-fd or the keys of --auth-token cannot be had, or the loop
            that was asked for does not exist.
    """
    try:
        log = logs.set_up(
            settings.log_level,
            settings.log_format,
            settings.log_outputs,
            settings.log_rotation_config_json if settings.enable_log_rotation else None,
        )
    except logs.LogError as error:
        raise UsageError(str(error), BAD_CONFIGURATION) from None
    _check_ready_fd(settings.ready_fd)  # before we open files, one of which may get its number
    open_files.allow_most()
    loop = new_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(_serve(settings, log))
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _check_ready_fd(number: int) -> None:
    try:
        if number:
            os.write(number, b"")
    except (OSError, OverflowError):
        raise CannotStart(
            f"--ready-fd={number}: whoever starts this server has to pass it that descriptor, open "
            "for writing"
        ) from None


async def _serve(settings: Settings, log: logging.Logger) -> signal.Signals:
    stop = _StopSignals(log)
    start = _StartLog(log, settings)
    try:
        server = await _start(settings, start)
    except CannotStart as error:
        if not settings.as_etcd:
            raise
        say(log, error.line, error=str(error))
        raise SystemExit(1) from None
    start.flush()
    for note in server.notes:
        log.debug("only one address family", extra={"fields": {"error": note}})
    if not settings.control:
        memory.tune()  # which leaves alone what is old, and `reset` throws whole stores away
    _say_started(settings, log, server)
    ready = _ready_line(server.addresses, settings)
    if settings.ready_json:
        console.say(ready)
    elif not settings.as_etcd:
        console.say(_greeting(server.addresses, has_pages=settings.transport == "native"))
    if settings.ready_fd:
        console.say_to(settings.ready_fd, ready)
    number = await stop.wait()
    closing = _closing(settings, server.advertise_client_urls)
    say(log, lines.CLOSING, **closing)
    await server.stop(settings.stop_grace_seconds)
    member, _ = server.ids
    say(
        log,
        lines.SKIPPED_TRANSFER,
        local_member_id=member,
        current_leader_member_id=member,
    )
    for address in server.peers_served:
        say(log, lines.STOPPING_PEERS, address=address)
        say(log, lines.STOPPED_PEERS, address=address)
    say(log, lines.CLOSED, **closing)
    return number


class _StartLog:
    """The lines of a start: at once where etcd's place is taken.

    Otherwise they wait until all is well, so that what is wrong is all that is said.
    """

    def __init__(self, log: logging.Logger, settings: Settings) -> None:
        self._log = log
        self._waiting: list[Callable[[], None]] | None = None if settings.as_etcd else []

    def say(self, line: lines.Line, **fields: object) -> None:
        self._do(functools.partial(say, self._log, line, **fields))

    def warn(self, warned: Iterable[Warned]) -> None:
        for message, fields in warned:
            self._do(functools.partial(lines.warn, self._log, message, fields))

    def flush(self) -> None:
        """Say what waits."""
        waiting, self._waiting = self._waiting, None
        for step in waiting or ():
            step()

    def _do(self, step: Callable[[], None]) -> None:
        if self._waiting is None:
            step()
        else:
            self._waiting.append(step)


async def _start(settings: Settings, log: _StartLog) -> NodeServer:
    """A server that listens, and what etcd says on the way there, in its order."""
    if settings.as_etcd and not settings.listen_client_http_urls:
        log.warn([lines.SINGLE_PORT])
    log.warn(settings.warnings)
    log.say(lines.RUNNING, args=sys.argv)
    if settings.default_host:
        log.say(lines.DEFAULT_HOST, host=settings.default_host)
    if settings.default_data_dir:
        log.say(lines.DEFAULT_DATA_DIR, data_dir=settings.data_dir)
    begins, dir_type = lines.INITIALIZE, "empty"
    if settings.data_dir and _look_into_data_dir(settings, log):
        begins, dir_type = lines.INITIALIZED, "member"
    log.say(begins, data_dir=settings.data_dir, dir_type=dir_type)
    closing = _closing(settings, _texts(settings.advertise_client_urls))
    try:
        return await _listen(settings, log)
    except CannotStart:
        if settings.as_etcd:
            log.say(lines.CLOSING, **closing)
            log.say(lines.CLOSED, **closing)
        raise


async def _listen(settings: Settings, log: _StartLog) -> NodeServer:
    server = NodeServer(settings)
    if settings.socket_reuse_port or settings.socket_reuse_address:
        address, port = settings.socket_reuse_address, settings.socket_reuse_port
        log.say(lines.SOCKET_OPTIONS, reuse_address=address, reuse_port=port)
    peers = _texts(settings.listen_peer_urls)
    if peers:
        log.say(lines.CONFIGURING_PEERS, listen_peer_urls=peers)
    try:
        await server.listen_to_peers()
    except CannotStart as error:
        log.say(lines.NO_PEER_LISTENER, error=str(error))
        raise
    listened = _texts(settings.listen_client_urls)
    log.say(lines.CONFIGURING_CLIENTS, listen_client_urls=listened)
    of_tls = tls_flags.warnings(settings.tls, settings.listen_client_urls)
    log.warn((warning.message, warning.fields) for warning in of_tls)
    await server.listen_to_clients()
    log.warn(server.warned)
    log.say(
        lines.STARTING_AN_ETCD_SERVER,
        etcd_version=version.SERVER,
        fake_etcd_version=__version__,
        python_version=platform.python_version(),
        name=settings.name,
        data_dir=settings.data_dir,
        heartbeat_interval=_milliseconds(settings.heartbeat_interval_ms),
        election_timeout=_milliseconds(settings.election_timeout_ms),
        initial_advertise_peer_urls=_texts(settings.initial_advertise_peer_urls),
        listen_peer_urls=peers,
        listen_client_urls=listened,
        initial_cluster_state=settings.initial_cluster_state,
        initial_cluster_token=settings.initial_cluster_token,
        max_request_bytes=settings.max_request_bytes,
    )
    if settings.data_dir:
        await _make_data_dir(settings, log, server)
    await server.persist()
    return server


def _look_into_data_dir(settings: Settings, log: _StartLog) -> bool:
    """Say what is odd about it; whether a member has been started with it before."""
    from fake_etcd.cli import data_dir

    try:
        log.warn(data_dir.look_into(settings.data_dir))
    except data_dir.NotListed as error:
        if settings.as_etcd:
            log.say(lines.NO_DATA_DIR, dir=settings.data_dir, error=str(error))
            raise SystemExit(1) from None
        raise CannotStart(f"{lines.NO_DATA_DIR.message}: {error}") from None
    has_member = data_dir.has_member(settings.data_dir)
    if data_dir.has_proxy(settings.data_dir):
        _refuse_proxy(settings, log, has_member=has_member)
    return has_member


def _refuse_proxy(settings: Settings, log: _StartLog, *, has_member: bool) -> NoReturn:
    """Raises: SystemExit, as etcd ends; CannotStart: under our own name."""
    line = lines.BOTH_TYPES if has_member else lines.OF_A_PROXY
    if not settings.as_etcd:
        raise CannotStart(f"{settings.data_dir}: {line.message}")
    if has_member:
        log.say(line)
        raise SystemExit(1)
    log.say(lines.INITIALIZED, data_dir=settings.data_dir, dir_type="proxy")
    log.say(line, dir_type="proxy")
    console.complain(f"panic: {line.message}")
    raise SystemExit(2)


async def _make_data_dir(settings: Settings, log: _StartLog, server: NodeServer) -> None:
    from fake_etcd.cli import data_dir

    try:
        log.warn(data_dir.prepare(settings.data_dir, settings.wal_dir))
    except data_dir.DataDirError as error:
        log.say(lines.BOOTSTRAP_FAILED, error=str(error))
        await server.stop(0)
        raise CannotStart(str(error)) from None


def _closing(settings: Settings, advertise_client_urls: Sequence[str]) -> dict[str, object]:
    return {
        "name": settings.name,
        "data_dir": settings.data_dir,
        "advertise_peer_urls": _texts(settings.initial_advertise_peer_urls),
        "advertise_client_urls": advertise_client_urls,
    }


def _milliseconds(number: int) -> str:
    return format_duration(number * 1_000_000)


def _say_started(settings: Settings, log: logging.Logger, server: NodeServer) -> None:
    member, cluster = server.ids
    advertised = server.advertise_client_urls
    ids = {"local_member_id": member, "local_server_version": version.SERVER}
    if server.goes_on:
        major_minor = version.CLUSTER.rpartition(".")[0]
        say(log, lines.STARTING_AGAIN, **ids, cluster_id=cluster, cluster_version=major_minor)
    else:
        say(log, lines.STARTING_ETCD_SERVER, **ids, cluster_version="to_be_decided")
    say(
        log,
        lines.NOW_SERVING,
        local_member_id=member,
        initial_advertise_peer_urls=_texts(settings.initial_advertise_peer_urls),
        listen_peer_urls=_texts(settings.listen_peer_urls),
        advertise_client_urls=advertised,
        listen_client_urls=_texts(settings.listen_client_urls),
        listen_metrics_urls=_texts(settings.listen_metrics_urls),
    )
    for address in server.metrics_served:
        say(log, lines.SERVING_METRICS, address=address)
    for address in server.peers_served:
        say(log, lines.SERVING_PEERS, address=address)
    say(
        log,
        lines.PUBLISHED,
        local_member_id=member,
        # As Go prints a struct with its fields' names.
        local_member_attributes=f"{{Name:{settings.name} ClientURLs:[{' '.join(advertised)}]}}",
        cluster_id=cluster,
        publish_timeout="7s",
    )
    say(log, lines.READY)
    _notify(log)
    for address, is_secure in server.served:
        line = lines.SECURELY if is_secure else lines.INSECURELY
        has_pages = settings.transport == "native" and not server.http_served
        say(log, line, traffic="grpc+http" if has_pages else "grpc", address=address)
    for address, is_secure in server.http_served:
        line = lines.SECURELY if is_secure else lines.INSECURELY
        say(log, line, traffic="http", address=address)


def _texts(urls: Sequence[Url]) -> list[str]:
    return [url.text for url in urls]


def _notify(log: logging.Logger) -> None:
    """Tell the init daemon, where there is one; etcd logs the same where there is none."""
    say(log, lines.NOTIFYING)
    wrong = sd_notify.ready()
    if wrong is None:
        say(log, lines.NOTIFIED)
    else:
        say(log, lines.NOT_NOTIFIED, error=wrong)


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


def _greeting(listening: Sequence[str], *, has_pages: bool) -> str:
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
    lines.append(f"try: etcdctl{trust} --endpoints={etcdctl} put greeting hello")
    if has_pages:
        lines.append(f"try: curl {k}{curl}")
    return "\n".join(lines) + "\n"


class _StopSignals:
    """SIGINT and SIGTERM: the first asks to stop, the second ends the process at once."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._asked = asyncio.Event()
        self._first = signal.SIGTERM
        for number in (signal.SIGINT, signal.SIGTERM):
            if sys.platform == "win32":  # its loops have no add_signal_handler
                signal.signal(number, self._from_python)
            else:
                self._loop.add_signal_handler(number, self._stop, number)

    async def wait(self) -> signal.Signals:
        """Return the first signal, when it has come."""
        while not self._asked.is_set():
            # Windows runs signal handlers only between steps of the loop, so give it some.
            timeout = 0.2 if sys.platform == "win32" else None
            try:
                await asyncio.wait_for(self._asked.wait(), timeout)
            except asyncio.TimeoutError:
                continue
        return self._first

    def _from_python(self, number: int, frame: object) -> None:
        self._loop.call_soon_threadsafe(self._stop, signal.Signals(number))

    def _stop(self, number: signal.Signals) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            if sys.platform != "win32":
                self._loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        self._first = number
        say(self._log, lines.SIGNAL, signal=_GO_NAMES[number])
        self._asked.set()
