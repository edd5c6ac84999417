"""The README's program, and each arm of its switch, entered by the cause that its text names."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc

from examples.clientv3_readme import main, put
from fake_etcd import clientv3
from fake_etcd.clientv3 import context
from fake_etcd.testing import FakeEtcd, faults, on

DEAD = ("127.0.0.1:1", "127.0.0.1:2")
"""Where nobody listens."""


@contextmanager
def client(*endpoints: str) -> Iterator[clientv3.Client]:
    with clientv3.Client(clientv3.Config(endpoints=endpoints, dial_timeout=5.0)) as cli:
        yield cli


def test_one_of_three_endpoints_lives(fake_etcd: FakeEtcd) -> None:
    told = main([*DEAD, *fake_etcd.endpoints])
    assert told.splitlines()[1:] == ["sample_key = sample_value"]
    assert told.startswith("revision ")


def test_it_is_a_program(fake_etcd: FakeEtcd) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.clientv3_readme", *DEAD, *fake_etcd.endpoints],
        cwd=Path(__file__).resolve().parent.parent,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.endswith("\nsample_key = sample_value\n")


def test_none_lives() -> None:
    with client(*DEAD) as cli:
        ctx, _ = context.with_timeout(context.background(), 0.05)
        assert put(cli, "sample_key", "sample_value", ctx) == (
            "ctx is attached with a deadline is exceeded: context deadline exceeded"
        )


def test_the_server_is_too_slow(fake_etcd: FakeEtcd) -> None:
    fake_etcd.faults.add(on.Put, faults.delay(60.0))
    with client(*DEAD, *fake_etcd.endpoints) as cli:
        ctx, _ = context.with_timeout(context.background(), 0.1)
        assert put(cli, "sample_key", "sample_value", ctx) == (
            "ctx is attached with a deadline is exceeded: context deadline exceeded"
        )


def test_another_thread_cancels(fake_etcd: FakeEtcd) -> None:
    fake_etcd.faults.add(on.Put, faults.delay(60.0))
    with client(*DEAD, *fake_etcd.endpoints) as cli:
        ctx, cancel = context.with_cancel(context.background())
        threading.Timer(0.05, cancel).start()
        assert put(cli, "sample_key", "sample_value", ctx) == (
            "ctx is canceled by another routine: context canceled"
        )


def test_the_key_is_empty(fake_etcd: FakeEtcd) -> None:
    with client(*DEAD, *fake_etcd.endpoints) as cli:
        assert put(cli, "", "", context.background()) == (
            "client-side error: etcdserver: key is not provided"
        )


def test_the_server_is_no_etcd() -> None:
    with ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with client(f"127.0.0.1:{port}", *DEAD) as cli:
            assert put(cli, "sample_key", "sample_value", context.background()) == (
                "bad cluster endpoints, which are not etcd servers:"
                " rpc error: code = Unimplemented desc = Method not found!"
            )
        server.stop(None).wait()
