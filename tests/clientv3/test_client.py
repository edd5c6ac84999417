"""The client as a whole: endpoints, contexts, errors, its end."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from fake_etcd import clientv3
from fake_etcd.api.status import Code
from fake_etcd.clientv3 import aio, context, rpctypes
from fake_etcd.testing import FakeEtcd, faults, on
from tests.clientv3.faces import Face
from tests.clientv3.servers import Member, in_thread, until

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
    for seconds in (0.05, 0.5, 5.0):  # until a connection was tried in that time
        with pytest.raises(context.DeadlineExceeded, match=r"^context deadline exceeded$") as error:
            cli.put("a", "b", timeout=seconds)
        if error.value.__cause__ is not None:
            break
    assert re.match(
        r"rpc error: code = Unavailable desc = failed to connect to all addresses; last error:"
        r".*127\.0\.0\.1:1: .*Connection refused",
        str(error.value.__cause__),
    )


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


@pytest.mark.parametrize("error", [context.Canceled, context.DeadlineExceeded])
def test_nothing_is_sent_under_a_context_that_has_ended(
    cli: Any, fake_etcd: FakeEtcd, error: type[Exception]
) -> None:
    ctx, cancel = context.with_timeout(
        context.background(), 0 if error is context.DeadlineExceeded else 60
    )
    cancel()
    with pytest.raises(error):
        cli.put("a", "b", ctx=ctx)
    with pytest.raises(error):
        cli.keep_alive_once(7, ctx=ctx)
    with pytest.raises(error):
        list(cli.get_stream("a", ctx=ctx))
    assert cli.get("a").kvs == ()


def test_an_empty_key_is_an_error_of_etcd(cli: Any) -> None:
    with pytest.raises(rpctypes.ErrEmptyKey, match=r"^etcdserver: key is not provided$"):
        cli.put("", "b")


def test_sync_takes_the_members_addresses(cli: Any, fake_etcd: FakeEtcd) -> None:
    cli.sync()
    assert cli.endpoints == tuple(f"http://{endpoint}" for endpoint in fake_etcd.endpoints)


def test_a_context_that_ended_makes_no_call(cli: Any, fake_etcd: FakeEtcd) -> None:
    ctx, cancel = context.with_cancel(context.background())
    cancel()
    with pytest.raises(context.Canceled):
        cli.put("a", "b", ctx=ctx)
    with pytest.raises(context.DeadlineExceeded):
        cli.put("a", "b", timeout=0.0)
    with pytest.raises(context.DeadlineExceeded):
        cli.put("a", "b", timeout=-1.0)
    assert cli.get("a").count == 0


def test_metadata_of_a_context_go_with_its_calls(face: Face) -> None:
    member = Member()
    cli = face.client(clientv3.Config(endpoints=[member.endpoint]))
    cli.get("k", ctx=context.with_metadata(context.background(), ("hasleader", "true")))
    cli.get("k")
    cli.close()
    member.close()
    told = [
        {name: each[name] for name in ("client-api-version", "hasleader") if name in each}
        for each in member.metadata
    ]
    assert told == [
        {"client-api-version": "3.7", "hasleader": "true"},
        {"client-api-version": "3.7"},
    ]


@pytest.mark.parametrize("how", ["cancel", "close", "timeout"])
def test_what_ends_a_call_here_ends_it_at_the_server(
    cli: Any, fake_etcd: FakeEtcd, how: str
) -> None:
    fake_etcd.faults.add(on.Put, faults.delay(60.0))
    ctx, cancel = context.with_cancel(context.background())
    timeout = 0.1 if how == "timeout" else None
    answer = in_thread(lambda: cli.put("a", "b", ctx=ctx, timeout=timeout))
    until(lambda: fake_etcd.faults.describe().endswith("acted once"))
    if how == "cancel":
        cancel()
    elif how == "close":
        cli.close()
    expected = {
        "cancel": context.Canceled,
        "close": clientv3.ClientClosed,
        "timeout": context.DeadlineExceeded,
    }
    assert type(answer.exception(10.0)) is expected[how]
    until(lambda: _ends(fake_etcd) == [Code.CANCELLED])
    assert fake_etcd.store.get("a") is None


def _ends(fake_etcd: FakeEtcd) -> list[Code]:
    """How the server saw the puts end."""
    return [call.status.code for call in fake_etcd.history.calls("Put") if call.status is not None]


def test_closing_twice_and_from_many_threads_is_closing(
    new_client: Callable[..., Any], fake_etcd: FakeEtcd
) -> None:
    cli = new_client(endpoints=[*DEAD, *fake_etcd.endpoints])
    cli.put("a", "b")
    before = time.monotonic()
    closings = [in_thread(cli.close) for _ in range(8)]
    assert [closing.result(10.0) for closing in closings] == [None] * 8
    assert time.monotonic() - before < 0.15  # grpcio's own would take 0.2 s, see `blocking`
    assert isinstance(cli.ctx.err(), context.Canceled)
    for call in (lambda: cli.put("a", "b"), lambda: next(cli.get_stream("a")), cli.sync):
        with pytest.raises(clientv3.ClientClosed, match="the client connection is closing"):
            call()
    cli.set_endpoints("127.0.0.1:1")


def test_the_end_of_its_own_context_ends_no_call_but_its_own(
    new_client: Callable[..., Any],
) -> None:
    parent, cancel = context.with_cancel(context.background())
    cli = new_client(context=parent)
    cancel()
    assert isinstance(cli.ctx.err(), context.Canceled)
    assert cli.get("a").count == 0


@pytest.mark.parametrize("fields", [{}, {"auto_sync_interval": 3600.0}, {"endpoints": DEAD}])
def test_a_client_that_is_not_closed_says_so_when_it_goes(
    fake_etcd: FakeEtcd, fields: dict[str, Any]
) -> None:
    config = clientv3.Config(**{"endpoints": fake_etcd.endpoints, **fields})
    with pytest.warns(ResourceWarning, match="unclosed <clientv3.Client open endpoints="):
        _drop(lambda: clientv3.Client(config))

    async def work() -> None:
        client = aio.Client(config)
        await client.start()

    with pytest.warns(ResourceWarning, match="unclosed <clientv3.Client open endpoints="):
        _drop(lambda: asyncio.run(work()))


def _drop(make: Callable[[], object]) -> None:
    make()
    gc.collect()


def test_an_old_cluster_is_rejected_where_that_is_asked(face: Face) -> None:
    for version, is_old in (("3.5.35", True), ("3.6.0", False), ("3.7.0-rc.1", False)):
        member = Member(version=version)
        config = clientv3.Config(endpoints=[member.endpoint], reject_old_cluster=True)
        if is_old:
            with pytest.raises(clientv3.OldCluster, match=r"^etcdclient: old cluster version$"):
                face.client(config)
        else:
            face.client(config).close()
        member.close()


def test_the_start_takes_no_longer_than_it_may(face: Face) -> None:
    for fields in ({"reject_old_cluster": True}, {"username": "a", "password": "b"}):
        config = clientv3.Config(endpoints=DEAD[:1], dial_timeout=0.1, **fields)
        with pytest.raises(context.DeadlineExceeded):
            face.client(config)
    face.client(clientv3.Config(endpoints=DEAD, dial_timeout=0.1)).close()


def _run_python(source: str, *, interrupt: bool = False) -> tuple[int, str]:
    """A program's exit code, and what it says on both ways out."""
    with subprocess.Popen(
        [sys.executable, "-X", "dev", "-c", source],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        patience = threading.Timer(20.0, process.kill)
        patience.start()
        if interrupt:
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGINT)
        told = process.stdout.read()
        patience.cancel()
    return process.returncode, told


_INTERRUPTED = """
import threading
from fake_etcd import clientv3
from fake_etcd.clientv3 import context
from fake_etcd.testing import FakeEtcd, faults, on
with FakeEtcd() as etcd, clientv3.Client(clientv3.Config(endpoints=etcd.endpoints)) as cli:
    etcd.faults.add(on.Put, faults.delay(60.0))
    def tell():
        while "acted once" not in etcd.faults.describe():
            pass
        print("ready", flush=True)
    threading.Thread(target=tell).start()
    ctx, cancel = context.{context}
    try:
        cli.put("a", "b", ctx=ctx)
    except KeyboardInterrupt:
        print("interrupted")
    cli.get("a")
    etcd.faults.clear()
    print(cli.get("a").count)
"""


@pytest.mark.parametrize(
    "ctx", ["background(), None", "with_cancel(context.background())"], ids=["plain", "canceled"]
)
def test_ctrl_c_ends_a_call_and_nothing_else(ctx: str) -> None:
    source = _INTERRUPTED.replace("{context}", ctx)
    assert _run_python(source, interrupt=True) == (0, "interrupted\n0\n")


_NOT_CLOSED = """
import sys
from fake_etcd import clientv3
from fake_etcd.testing import FakeEtcd
etcd = FakeEtcd()
client = clientv3.Client(
    clientv3.Config(endpoints=["127.0.0.1:1", *etcd.endpoints], auto_sync_interval=10.0)
)
print(client.put("a", "b").header.revision)
etcd.close()
"""


def test_a_program_ends_that_closes_no_client() -> None:
    for _ in range(5):  # Python 3.10 crashed in one of three
        code, told = _run_python(_NOT_CLOSED)
        assert (code, told.splitlines()[0]) == (0, "2")
        assert told.count("ResourceWarning: unclosed <clientv3.Client open endpoints=") == 1
        assert "Traceback" not in told


_CLOSED_AT_THE_END = """
import atexit, os, sys, warnings
before = lambda: print("before:", [client.ctx.err() for client in clients])
atexit.register(lambda: before())
from fake_etcd import clientv3
from fake_etcd.testing import FakeEtcd
etcd = FakeEtcd()
clients = [clientv3.Client(clientv3.Config(endpoints=etcd.endpoints)) for _ in range(3)]
clients[0].close()
after = lambda: print("after:", [client.ctx.err() for client in clients], clients[1].get("a").count)
atexit.register(lambda: after())
{end}
"""

_CANCELED = "Canceled('context canceled')"


def test_clients_are_closed_at_the_end_behind_what_was_registered_since() -> None:
    code, told = _run_python(_CLOSED_AT_THE_END.replace("{end}", "warnings.simplefilter('error')"))
    lines = told.splitlines()
    assert (code, lines[0]) == (0, f"after: [{_CANCELED}, None, None] 0")
    assert lines[-1] == f"before: [{_CANCELED}, {_CANCELED}, {_CANCELED}]"
    assert told.count("ResourceWarning: unclosed") == 1  # as an error, which ends the telling


_FORKED = """
child = os.fork()
if child:
    print("status of the child:", os.waitpid(child, 0)[1], flush=True)
else:
    after = lambda: None
    before = lambda: print("in the child:", [client.ctx.err() for client in clients])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_ends_without_closing_the_clients_of_its_parent() -> None:
    code, told = _run_python(_CLOSED_AT_THE_END.replace("{end}", _FORKED))
    ours = [line for line in told.splitlines() if line.startswith(("in ", "status", "before"))]
    assert (code, ours) == (
        0,
        [
            f"in the child: [{_CANCELED}, None, None]",
            "status of the child: 0",
            f"before: [{_CANCELED}, {_CANCELED}, {_CANCELED}]",
        ],
    )


def test_a_task_that_is_canceled_cancels_its_call(fake_etcd: FakeEtcd) -> None:
    asyncio.run(_cancel_a_task(fake_etcd, context.background()))


def test_a_task_that_is_canceled_is_never_told_that_its_call_was(fake_etcd: FakeEtcd) -> None:
    """Not even where its context was canceled at the same moment."""
    ctx, cancel = context.with_cancel(context.background())
    asyncio.run(_cancel_a_task(fake_etcd, ctx, cancel))


async def _cancel_a_task(
    fake_etcd: FakeEtcd, ctx: context.Context, also: Callable[[], None] = lambda: None
) -> None:
    fake_etcd.faults.add(on.Put, faults.delay(60.0))
    async with aio.Client(clientv3.Config(endpoints=fake_etcd.endpoints)) as cli:
        task = asyncio.create_task(cli.put("a", "b", ctx=ctx))
        while "acted once" not in fake_etcd.faults.describe():
            await asyncio.sleep(0.001)
        also()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        while _ends(fake_etcd) != [Code.CANCELLED]:
            await asyncio.sleep(0.001)
        assert (await cli.get("a")).count == 0


def test_waiting_for_a_connection_is_canceled_with_the_task() -> None:
    async def work() -> None:
        async with aio.Client(clientv3.Config(endpoints=DEAD)) as cli:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(cli.put("a", "b"), 0.05)

    asyncio.run(work())


def test_a_client_for_each_of_two_loops(fake_etcd: FakeEtcd) -> None:
    def work() -> int:
        async def count() -> int:
            async with aio.Client(clientv3.Config(endpoints=fake_etcd.endpoints * 2)) as cli:
                await asyncio.gather(*(cli.put(f"{n}", "") for n in range(20)))
                return (await cli.get("", prefix=True)).count

        return asyncio.run(count())

    both = [in_thread(work) for _ in range(2)]
    assert [each.result(20.0) for each in both] == [20, 20]


def test_it_runs_on_uvloop(fake_etcd: FakeEtcd) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def work() -> None:
        endpoints = [*DEAD, *fake_etcd.endpoints]
        async with aio.Client(clientv3.Config(endpoints=endpoints)) as cli:
            await asyncio.gather(*(cli.put(f"{n}", "") for n in range(20)))
            ctx, cancel = context.with_cancel(context.background())
            fake_etcd.faults.add(on.Put, faults.delay(60.0))
            threading.Timer(0.05, cancel).start()
            with pytest.raises(context.Canceled):
                await cli.put("a", "b", ctx=ctx)

    uvloop.run(work())
