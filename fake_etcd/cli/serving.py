"""A node that listens: what its settings ask for, started and stopped on an event loop.

Whose loop it is, and what tells it to stop, is up to a host: `host.py` for a process of its own,
`background.py` for a thread of somebody else's.
"""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import logging
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from fake_etcd.cli import etcd_lines as lines
from fake_etcd.cli import tls_flags
from fake_etcd.cli.flags import Settings
from fake_etcd.cli.served_node import CannotStart, config_of, node_of
from fake_etcd.cli.tls_flags import TlsSettings
from fake_etcd.cli.urls import Url
from fake_etcd.core import cluster
from fake_etcd.transport import loop_host
from fake_etcd.transport.listener import Server
from fake_etcd.transport.tls_transport import TlsError

if TYPE_CHECKING:
    from fake_etcd.cli.persist import Persistence
    from fake_etcd.transport.tls import ServerTls


_PAIRS = {"localhost": ("127.0.0.1", "::1"), "0.0.0.0": ("0.0.0.0", "::"), "::": ("::", "0.0.0.0")}
"""Hosts that stand for an address of each family: the one that must work, then the other.

etcd listens on 127.0.0.1 for localhost, and on both families for either wildcard (Go net.Listen).
A client that takes ::1 for localhost finds us too.
"""

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""What to connect to where a wildcard is listened on."""


def new_loop() -> asyncio.AbstractEventLoop:
    """As `loop_host.new_loop`.

    Raises:
        CannotStart: that kind is not there.
    """
    try:
        return loop_host.new_loop()
    except loop_host.NoSuchLoop as error:
        raise CannotStart(str(error)) from None


def server_tls(settings: TlsSettings, urls: Sequence[Url]) -> ServerTls | None:
    """The TLS of all addresses; None where none of them has any."""
    if not any(url.is_tls for url in urls):
        return None
    # Only here: most servers have no TLS, and are to start at once.
    from fake_etcd.transport.tls import FileSource, ServerTls

    if settings.generates:
        from fake_etcd.transport.certificates import self_signed  # which takes long to import

        pair = self_signed(
            [url.hostname for url in urls if not url.is_unix], settings.self_signed_cert_validity
        )
        return ServerTls(
            lambda: pair.certificate,
            lambda: pair.key,
            min_version=settings.tls_min_version,
            max_version=settings.tls_max_version,
            cipher_suites=settings.cipher_suites,
        )
    ca, crl = settings.trusted_ca_file, settings.client_crl_file
    return ServerTls(
        FileSource(settings.cert_file),
        FileSource(settings.key_file),
        FileSource(ca) if ca else None,
        settings.client_cert_auth,
        FileSource(crl) if crl else None,
        settings.client_cert_allowed_hostname,
        settings.tls_min_version,
        settings.tls_max_version,
        settings.cipher_suites,
    )


class _Place:
    """Where one listener is to be: etcd has one for all URLs that differ in nothing but TLS."""

    def __init__(self) -> None:
        self.encrypted: Url | None = None
        self.plain: Url | None = None

    @property
    def url(self) -> Url:
        url = self.encrypted or self.plain
        assert url is not None, "it was made for one"
        return url

    def advertised(self, address: str) -> Iterator[str]:
        """What to advertise for the address that it has in the end, as each URL has it."""
        for url in (self.plain, self.encrypted):
            if url is not None:
                yield _as_asked(url, address)


class NodeServer:
    """One node and its listeners, on the running event loop.

    Args:
        settings: what it is to be.

    Raises:
        CannotStart: there can be no tokens as --auth-token says, or what it is to begin with
            cannot be read.

    Attributes:
        addresses: where it listens once it is started, "http://127.0.0.1:2379" or "unix:path".
        advertise_client_urls: where clients are told to find it, once it is started.
        peers_served: the same of the peer URLs, "127.0.0.1:2380".
        served: each of them as etcd's log has it, "127.0.0.1:2379", and whether what is said there
            is encrypted; twice where both is taken.
        http_served, metrics_served: where pages alone are served, as `served`, and as URLs.
        goes_on: whether it is a member that was there before, with what was kept.
        notes: addresses of the other family that could not be had, and why.
        warned: what is to be logged of the settings.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._config, self.warned = config_of(settings)
        self._served = node_of(settings, self._config)
        self._tls: ServerTls | None = None
        self.addresses: list[str] = []
        self.peers_served: list[str] = []
        self.served: list[tuple[str, bool]] = []
        self.http_served: list[tuple[str, bool]] = []
        self.metrics_served: list[str] = []
        self._page_servers: list[Server] = []
        self.advertise_client_urls: tuple[str, ...] = ()
        self.notes: list[str] = []
        self.goes_on = False
        self._persistence: Persistence | None = None
        if settings.fake_persist or settings.fake_load:
            self._load()

    def _load(self) -> None:
        """Have the node begin with what was kept, or what it is to begin with."""
        settings, hold = self._settings, self._served.hold
        if settings.fake_persist:
            # Only here, as what keeps nothing is to start at once.
            from fake_etcd.cli import persist

            try:
                syncs = not settings.unsafe_no_fsync
                kept = persist.Persistence(settings.data_dir, settings.wal_dir, syncs=syncs)
                was_there = hold(kept.load)
            except persist.CannotPersist as error:
                raise CannotStart(str(error)) from None
            self._persistence = kept
            self.goes_on = was_there
            if was_there:
                return
            if not settings.fake_load:
                hold(kept.is_new)
        if settings.fake_load:
            self._load_snapshot(settings.fake_load)

    def _load_snapshot(self, path: str) -> None:
        from fake_etcd.cli import snapshot_file

        try:
            self._served.hold(lambda node: snapshot_file.load_file(node, path))
        except snapshot_file.BadSnapshot as error:
            raise CannotStart(str(error)) from None
        except OSError as error:
            raise CannotStart(f"--fake-load={path}: {_reason(error).lower()}") from None

    async def persist(self) -> None:
        """Keep what the node holds from now on, if that is asked for. To be called once started.

        Raises:
            CannotStart: the data folder cannot be used so.
        """
        if self._persistence is None:
            return
        from fake_etcd.cli import persist

        interval = self._settings.persist_interval_seconds
        try:
            self._persistence.begin(self._served.hold, interval, _say_not_kept)
        except persist.CannotPersist as error:
            await self.stop(0)
            raise CannotStart(str(error)) from None

    async def start(self) -> None:
        """Listen on every address of the settings, or on none.

        Raises:
            CannotStart: an address cannot be had, or the data cannot be kept.
        """
        await self.listen_to_peers()  # before clients, as etcd
        await self.listen_to_clients()
        await self.persist()

    async def listen_to_peers(self) -> None:
        """The first half of `start`."""
        try:
            await self._listen_to_peers()
        except CannotStart:
            await self.stop(0)
            raise

    async def listen_to_clients(self) -> None:
        """The second half of `start`."""
        urls = self._settings.listen_client_urls
        places: dict[str, _Place] = {}
        for url in urls:
            place = places.setdefault(url.host + url.path, _Place())
            if url.is_tls:
                place.encrypted = url
            else:
                place.plain = url
        found: list[str] = []
        try:
            if any(url.is_tls for url in urls):
                _check_files(self._settings.tls, lines.LISTENER_FAILED)
            self._tls = server_tls(self._settings.tls, urls)
            for place in places.values():
                addresses = await self._listen(place)
                self.addresses += addresses
                for address in map(_without_scheme, addresses):
                    if place.encrypted is not None:
                        self.served.append((address, True))
                    if place.plain is not None:
                        self.served.append((address, False))
                found += place.advertised(addresses[0])
            await self._listen_for_pages()
            # etcd's connections to peers go by these whatever the addresses are.
            _check_files(self._settings.peer_tls)
        except CannotStart:
            await self.stop(0)  # and take away the unix sockets made so far
            raise
        given = tuple(url.text for url in self._settings.advertise_client_urls)
        self.advertise_client_urls = given or tuple(sorted(found))
        self._served.advertise(self.advertise_client_urls)

    @property
    def ids(self) -> tuple[str, str]:
        """Of the member and of its cluster, in hexadecimal as etcd logs them."""
        token = self._config.initial_cluster_token
        member = cluster.member_id(self._config.initial_advertise_peer_urls, token)
        members = [cluster.member_id(urls, token) for _, urls in self._config.initial_cluster]
        return format(member, "x"), format(cluster.cluster_id(members or [member]), "x")

    async def stop(self, grace_seconds: float) -> None:
        """Take no new calls, let open streams go on for so long and calls end, then cut."""
        for server in self._page_servers:
            await server.close(0)
        await self._served.close(grace_seconds)
        if self._persistence is not None:
            await self._persistence.end()

    async def _listen_for_pages(self) -> None:
        """Listen where there are pages alone."""
        clients, metrics = (
            self._settings.listen_client_http_urls,
            self._settings.listen_metrics_urls,
        )
        if not clients and not metrics:
            return
        from fake_etcd.cli import page_doors

        node = self._served
        if not isinstance(node, page_doors.HasPages):
            raise CannotStart("addresses for HTTP alone are for --transport=native, no --control")
        tls = server_tls(self._settings.tls, (*clients, *metrics))
        if clients:
            server = page_doors.client_pages(node)
            self._page_servers.append(server)
            for url in clients:
                at = await _listen_at(url, tls, server.listen)
                self.http_served.append((_without_scheme(at), url.is_tls))
                await self._listen_on_the_other(url, at, tls, server)
        if metrics:
            server = page_doors.metrics_pages(node)
            self._page_servers.append(server)
            for url in metrics:
                at = await _listen_at(url, tls, server.listen)
                self.metrics_served.append(at)
                await self._listen_on_the_other(url, at, tls, server)

    async def _listen_on_the_other(
        self, url: Url, at: str, tls: ServerTls | None, server: Server
    ) -> None:
        """Listen on the other family's address of a name or a wildcard, too, if it can be had."""
        _, other = _PAIRS.get(url.hostname, (None, None))
        if other is None or url.is_unix:
            return
        host = f"[{other}]" if ":" in other else other
        port = at.rpartition(":")[2]
        there = dataclasses.replace(url, host=f"{host}:{port}")
        try:
            await _listen_at(there, tls, server.listen)
        except CannotStart as error:
            self.notes.append(str(error))

    async def _listen_to_peers(self) -> None:
        urls, settings = self._settings.listen_peer_urls, self._settings.peer_tls
        if settings.generates and not settings.self_signed_cert_validity:
            raise CannotStart(tls_flags.NO_VALIDITY, lines.NO_PEER_CERTIFICATE)
        encrypted = [url for url in urls if url.is_tls]
        if encrypted and not settings.has_files and not settings.auto_tls:
            raise CannotStart(
                f"cannot listen on TLS for {encrypted[0].host}: "
                "KeyFile and CertFile are not presented"
            )
        if encrypted:
            _check_files(settings)
        tls = server_tls(settings, urls)
        for url in urls:
            at = await _listen_at(url, tls, self._served.listen_to_peers)
            self.peers_served.append(_without_scheme(at))

    async def _listen(self, place: _Place) -> list[str]:
        """The addresses really listened on; the first is the one that had to work."""
        url, tls = place.url, self._tls
        if place.encrypted is not None and place.plain is not None and tls is not None:
            tls = dataclasses.replace(tls, takes_plain=True)
        if url.is_unix:
            path = url.host + url.path
            return [await self._bind(f"{url.scheme}:{path}", f"unix {path}", tls)]
        host, other = _PAIRS.get(url.hostname, (url.hostname, None))
        first = await self._bind_tcp(url.scheme, host, url.port or "0", tls)
        if other is None:
            return [first]
        try:
            port = first.rpartition(":")[2]
            return [first, await self._bind_tcp(url.scheme, other, port, tls)]
        except CannotStart as error:
            # No IPv6 (or IPv4) here, or somebody else has the port there: etcd would not look.
            self.notes.append(str(error))
            return [first]

    async def _bind_tcp(self, scheme: str, host: str, port: str, tls: ServerTls | None) -> str:
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return await self._bind(f"{scheme}://{address}", f"tcp {address}", tls)

    async def _bind(self, url: str, name: str, tls: ServerTls | None) -> str:
        """Listen, or say what is wrong in the words of Go's net package."""
        try:
            return await self._served.listen(url, tls)
        except TlsError as error:
            raise CannotStart(str(error), lines.LISTENER_FAILED) from None
        except OSError as error:
            raise CannotStart(f"listen {name}: bind: {_reason(error).lower()}") from None
        except ValueError as error:
            raise CannotStart(f"listen {name}: {error}") from None


def _check_files(tls: TlsSettings, line: lines.Line = lines.DISCOVERY_FAILED) -> None:
    """
    Raises:
        CannotStart: the files that it names are not in order.
    """
    if not (tls.has_files or tls.trusted_ca_file):
        return
    from fake_etcd.cli import tls_files  # most servers have no TLS, and are to start at once

    try:
        tls_files.check(tls)
    except TlsError as error:
        raise CannotStart(str(error), line) from None


def _say_not_kept(why: str) -> None:
    logging.getLogger("fake_etcd").error(
        "the data cannot be kept", extra={"fields": {"error": why}}
    )


async def _listen_at(
    url: Url, tls: ServerTls | None, listen: Callable[[str, ServerTls | None], Awaitable[str]]
) -> str:
    """Listen on one address of a URL, the first of its host's.

    Raises:
        CannotStart: it cannot be had, in the words of Go's net package.
    """
    host, _ = _PAIRS.get(url.hostname, (url.hostname, None))
    address = f"[{host}]:{url.port}" if ":" in host else f"{host}:{url.port}"
    where, name = f"{url.scheme}://{address}", f"tcp {address}"
    if url.is_unix:
        address = url.host + url.path
        where, name = f"{url.scheme}:{address}", f"unix {address}"
    try:
        return await listen(where, tls)
    except TlsError as error:
        raise CannotStart(str(error)) from None
    except OSError as error:
        raise CannotStart(f"listen {name}: bind: {_reason(error).lower()}") from None


def _without_scheme(address: str) -> str:
    return address.partition(":")[2].removeprefix("//")


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
        return f"{url.scheme}:{url.host}{url.path}"
    host = _LOOPBACK.get(url.hostname, url.hostname)
    port = address.rpartition(":")[2]
    return f"{url.scheme}://[{host}]:{port}" if ":" in host else f"{url.scheme}://{host}:{port}"
