"""How the client's types look to who uses it. Nothing here is run: `mypy --strict` is the test.

What is to be an error is marked as one; mypy says so where a mark is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fake_etcd import clientv3
from fake_etcd.clientv3 import aio, concurrency, context, rpctypes
from fake_etcd.clientv3.responses import (
    Event,
    GetResponse,
    KeyValue,
    PutResponse,
    TxnResponse,
    User,
)

if TYPE_CHECKING:
    from typing_extensions import assert_type


def in_a_thread(cli: clientv3.Client) -> None:
    assert_type(cli.put("a", b"1", timeout=1.0), PutResponse)
    assert_type(cli.get("a", prefix=True).kvs, tuple[KeyValue, ...])
    assert_type(cli.get_stream("a").__next__(), GetResponse)
    assert_type(cli.txn().then(clientv3.op_put("a", "1")).commit(), TxnResponse)
    assert_type(cli.user_list_all(), list[User])
    with cli.watch("a") as watcher:
        assert_type(watcher.events(), Iterator[Event])
    with concurrency.Session(cli, ttl=10) as session, concurrency.Mutex(session, "/l") as mutex:
        assert_type(mutex.is_owner(), clientv3.Cmp)


async def in_a_loop(cli: aio.Client) -> None:
    assert_type(await cli.put("a", "1"), PutResponse)
    assert_type(await cli.get("a"), GetResponse)
    async for event in cli.watch("a").events():
        assert_type(event, Event)


def wrong(cli: clientv3.Client) -> None:
    cli.put("a", "1", prefix=True)  # type: ignore[call-arg]
    cli.put("a", 1)  # type: ignore[arg-type]
    cli.get("a", limit="1")  # type: ignore[arg-type]
    cli.gett("a")  # type: ignore[attr-defined]
    clientv3.Config(endpoint="a:1")  # type: ignore[call-arg]


def told_apart(cli: clientv3.Client) -> int:
    ctx, cancel = context.with_timeout(context.background(), 1.0)
    try:
        cli.put("a", "1", ctx=ctx)
    except rpctypes.ErrCompacted as error:
        return error.compact_revision
    except (context.Canceled, context.DeadlineExceeded) as error:
        assert_type(error, context.Canceled | context.DeadlineExceeded)
    except clientv3.StatusError as error:
        return error.code
    finally:
        cancel()
    return 0
