"""`elect`: lead until a signal comes, or look on. etcd: etcdctl's elect_command.go."""

from __future__ import annotations

import os

from fake_etcd.clientv3 import Client, concurrency, context
from fake_etcd.ctl.call import Call
from fake_etcd.ctl.sessions import DEFAULT_TTL, Ending, session
from fake_etcd.ctl.terminal import Exit, Status, on_signals


def elect(call: Call) -> None:
    """`elect`."""
    if not 1 <= len(call.words) <= 2:
        raise Exit(
            Status.BAD_ARGS,
            "elect takes one election name argument and an optional proposal argument",
        )
    listens = call.given.is_on("listen")
    client = call.client()
    name, *proposal = map(os.fsencode, call.words)
    if not proposal and not listens:
        raise Exit(Status.BAD_ARGS, "no proposal argument but -l not set")
    if proposal and listens:
        raise Exit(Status.BAD_ARGS, "proposal given but -l is set")
    if proposal:
        _campaign(call, client, name, proposal[0])
    else:
        _observe(call, client, name)


def _observe(call: Call, client: Client, name: bytes) -> None:
    election = concurrency.Election(session(client, DEFAULT_TTL), name)
    ctx, cancel = context.with_cancel(context.background())
    with on_signals(cancel):
        try:
            for answer in election.observe(ctx=ctx):
                call.printer.get(answer)
        except context.Canceled:
            pass
    if ctx.err() is None:
        raise Exit(Status.ERROR, "elect: observer lost")


def _campaign(call: Call, client: Client, name: bytes, proposal: bytes) -> None:
    stands = session(client, DEFAULT_TTL)
    election = concurrency.Election(stands, name)
    ctx, cancel = context.with_cancel(context.background())
    with on_signals(cancel):
        election.campaign(proposal, ctx=ctx)
        call.printer.get(client.get(election.key, ctx=ctx))
        if Ending(ctx, stands.ctx).wait() is not ctx:
            raise Exit(Status.ERROR, "elect: session expired")
        election.resign()
