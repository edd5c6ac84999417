"""The etcds that an API server is started on: ours as a user starts it, and the real one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from bench import servers
from conformance import oracle
from fake_etcd.testing import Tls, real_tls
from fake_etcd.testing.tls import Files
from tests.cli import dev_server


@dataclass(frozen=True, slots=True)
class Etcd:
    """One that answers, with nothing in it.

    Args:
        url: where.
        files: what a client shows to it, where it wants certificates.
        pid: its process.
    """

    url: str
    files: Files | None
    pid: int


@contextlib.contextmanager
def plain(is_real: bool) -> Iterator[Etcd]:
    """Without TLS."""
    with oracle.start() if is_real else servers.ours() as running:
        yield Etcd(running.url, None, running.pid)


@contextlib.contextmanager
def with_tls(is_real: bool) -> Iterator[Etcd]:
    """With certificates on both sides."""
    with contextlib.closing(real_tls.new_kit(Tls(client_cert_auth=True))) as kit:
        flags = real_tls.flags(kit)
        files = kit.files()
        if is_real:
            with oracle.start(flags=flags, context=real_tls.unverified(kit)) as running:
                yield Etcd(running.url, files, running.pid)
        else:
            where = "--listen-client-urls=https://127.0.0.1:0"
            with dev_server.serving(where, "--log-level=error", *flags) as server:
                yield Etcd(server.addresses[0], files, server.process.pid)
