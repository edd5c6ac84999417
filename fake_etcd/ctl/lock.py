"""`lock`: held until a signal comes, or while a command runs. etcd: etcdctl's lock_command.go.

As there, the lease of the session is left to expire.
"""

from __future__ import annotations

import os

from fake_etcd.clientv3 import concurrency, context
from fake_etcd.ctl import programs
from fake_etcd.ctl.call import Call
from fake_etcd.ctl.sessions import Ending, session
from fake_etcd.ctl.terminal import Exit, Status, on_signals


def lock(call: Call) -> None:
    """`lock`."""
    if not call.words:
        raise Exit(
            Status.BAD_ARGS,
            "lock takes a lock name argument and an optional command to execute",
        )
    name, *command = call.words
    client = call.client()
    held_by = session(client, call.given.number("ttl"))
    mutex = concurrency.Mutex(held_by, os.fsencode(name))
    ctx, cancel = context.with_cancel(context.background())
    with on_signals(cancel):
        mutex.lock(ctx=ctx)
        if command:
            _run(call, mutex, command)
            return
        found = client.get(mutex.key, ctx=ctx)
        if not found.kvs:
            raise Exit(Status.ERROR, "lock lost on init")
        call.printer.get(found)
        if Ending(ctx, held_by.ctx).wait() is ctx:
            mutex.unlock()
            return
    raise Exit(Status.ERROR, "session expired")


def _run(call: Call, mutex: concurrency.Mutex, command: list[str]) -> None:
    header = mutex.header
    assert header is not None, "it is locked"
    variables = {
        "ETCD_LOCK_KEY": os.fsdecode(mutex.key),
        "ETCD_LOCK_REV": str(header.revision),
    }
    try:
        programs.run(command, variables, call.terminal)
    except programs.ProgramFailed as failed:
        raise Exit(failed.status, str(failed)) from None
    finally:
        mutex.unlock()
