"""Locks and elections that our client and etcdctl, which is Go's client, want at the same time.

The same is true of real etcd (`--real-etcd`).
"""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bench import golang
from conformance.oracle import Running
from fake_etcd.clientv3 import Client, Config
from fake_etcd.clientv3.concurrency import Election, ErrLocked, Mutex, Session
from tests.interop.conftest import built
from tests.interop.test_etcdctl_streams import SECONDS, Etcdctl, lines


@pytest.fixture
def etcdctl(server: Running) -> Etcdctl:
    return Etcdctl(built(golang.etcdctl), server.url)


@pytest.fixture
def cli(server: Running) -> Iterator[Client]:
    with Client(Config(endpoints=[server.url])) as client:
        yield client


@pytest.fixture
def session(cli: Client) -> Iterator[Session]:
    with Session(cli, ttl=60) as session:
        yield session


def until_there_are(cli: Client, prefix: str, count: int) -> None:
    """Wait until so many stand in a queue."""
    end = time.monotonic() + SECONDS
    while cli.get(prefix, prefix=True, count_only=True).count != count:
        assert time.monotonic() < end, f"there are never {count}"
        time.sleep(0.01)


def beside(function: Callable[..., Any], *args: Any) -> threading.Thread:
    thread = threading.Thread(target=function, args=args, daemon=True)
    thread.start()
    return thread


def end(process: subprocess.Popen[str]) -> None:
    """As Ctrl-C does."""
    process.send_signal(signal.SIGINT)
    process.wait(SECONDS)


def test_etcdctl_waits_for_our_lock_and_we_for_its(
    cli: Client, session: Session, etcdctl: Etcdctl
) -> None:
    mutex = Mutex(session, "/ours")
    mutex.lock(timeout=SECONDS)
    with etcdctl.running("lock", "/ours") as waits:
        until_there_are(cli, "/ours/", 2)
        mutex.unlock()
        (key,) = lines(waits, 1)
        assert re.fullmatch(r"/ours/[0-9a-f]+", key)
        assert [kv.key.decode() for kv in cli.get("/ours/", prefix=True).kvs] == [key]
        with pytest.raises(ErrLocked):
            mutex.try_lock()
        taken = beside(mutex.lock)
        until_there_are(cli, "/ours/", 2)
        end(waits)
    taken.join(SECONDS)
    assert [kv.key for kv in cli.get("/ours/", prefix=True).kvs] == [mutex.key]
    mutex.unlock()


def test_our_lock_is_etcdctls_when_our_process_is_gone(cli: Client, etcdctl: Etcdctl) -> None:
    session = Session(cli, ttl=60)
    Mutex(session, "/gone").lock(timeout=SECONDS)
    with etcdctl.running("lock", "/gone", "echo", "had") as waits:
        until_there_are(cli, "/gone/", 2)
        session.close()
        assert lines(waits, 1) == ["had"]


def test_etcdctl_follows_our_election_and_stands_in_it(
    cli: Client, session: Session, etcdctl: Etcdctl
) -> None:
    election = Election(session, "/boss")
    election.campaign("we", timeout=SECONDS)
    with etcdctl.running("elect", "-l", "/boss") as follows:
        assert lines(follows, 2) == [election.key.decode(), "we"]
        election.proclaim("we still")
        assert lines(follows, 2) == [election.key.decode(), "we still"]
        with etcdctl.running("elect", "/boss", "they") as stands:
            until_there_are(cli, "/boss/", 2)
            election.resign()
            key, value = lines(stands, 2)
            assert (key[:6], value) == ("/boss/", "they")
            assert lines(follows, 2) == [key, "they"]
            assert election.leader().kvs[0].key.decode() == key
            observed = election.observe()
            assert next(observed).kvs[0].value == b"they"
            again = beside(election.campaign, "we again")
            until_there_are(cli, "/boss/", 2)
            end(stands)
        again.join(SECONDS)
        assert next(observed).kvs[0].value == b"we again"
        assert lines(follows, 2) == [election.key.decode(), "we again"]
        end(follows)
    election.resign()
