"""The client as a whole: endpoints, contexts, errors, its end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from fake_etcd import clientv3
from fake_etcd.clientv3 import context, rpctypes
from fake_etcd.testing import FakeEtcd

DEAD = ["127.0.0.1:1", "127.0.0.1:2"]
"""Where nobody listens."""


def test_one_endpoint_that_lives_is_enough(
    new_client: Callable[..., Any], fake_etcd: FakeEtcd
) -> None:
    cli = new_client(endpoints=[*DEAD, *fake_etcd.endpoints])
    revisions = [cli.put("a", "b").header.revision for _ in range(3)]
    assert revisions == [revisions[0], revisions[0] + 1, revisions[0] + 2]


@pytest.mark.parametrize("endpoints", [DEAD, DEAD[:1]], ids=["two", "one"])
def test_where_nobody_listens_a_call_takes_its_time_and_ends_with_it(
    new_client: Callable[..., Any], endpoints: list[str]
) -> None:
    cli = new_client(endpoints=endpoints)
    with pytest.raises(context.DeadlineExceeded, match=r"^context deadline exceeded$"):
        cli.put("a", "b", timeout=0.05)


@pytest.mark.parametrize("endpoints", [DEAD, DEAD[:1]], ids=["two", "one"])
def test_a_context_is_canceled_from_another_thread(
    new_client: Callable[..., Any], endpoints: list[str]
) -> None:
    cli = new_client(endpoints=endpoints)
    ctx, cancel = context.with_cancel(context.background())
    threading.Timer(0.05, cancel).start()
    with pytest.raises(context.Canceled, match=r"^context canceled$"):
        cli.put("a", "b", ctx=ctx)


@pytest.mark.parametrize("endpoints", [DEAD, DEAD[:1]], ids=["two", "one"])
def test_closing_ends_calls_that_wait(new_client: Callable[..., Any], endpoints: list[str]) -> None:
    cli = new_client(endpoints=endpoints)
    threading.Timer(0.05, cli.close).start()
    with pytest.raises(clientv3.ClientClosed):
        cli.put("a", "b")
    with pytest.raises(clientv3.ClientClosed):
        cli.put("a", "b")


def test_an_empty_key_is_an_error_of_etcd(cli: Any) -> None:
    with pytest.raises(rpctypes.ErrEmptyKey, match=r"^etcdserver: key is not provided$"):
        cli.put("", "b")


def test_sync_takes_the_members_addresses(cli: Any, fake_etcd: FakeEtcd) -> None:
    cli.sync()
    assert cli.endpoints == tuple(f"http://{endpoint}" for endpoint in fake_etcd.endpoints)
