"""lease grant, revoke, timetolive, list, keep-alive. etcd: etcdctl's lease_command.go.

As there, whatever fails is a bad connection where a lease is looked at or kept alive.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

from fake_etcd.clientv3 import Error, LeaseLost
from fake_etcd.ctl.call import Call
from fake_etcd.ctl.gotext import parse_int
from fake_etcd.ctl.terminal import Exit, Status


def grant(call: Call) -> None:
    """`lease grant`."""
    if len(call.words) != 1:
        raise Exit(Status.BAD_ARGS, "lease grant command needs TTL argument")
    try:
        ttl = parse_int(call.words[0])
    except ValueError as error:
        raise Exit(Status.BAD_ARGS, f"bad TTL ({error})") from None
    client = call.client()
    with _failing(Status.ERROR, "failed to grant lease ({})"):
        answer = client.grant(ttl, timeout=call.timeout)
    call.printer.grant(answer)


def revoke(call: Call) -> None:
    """`lease revoke`."""
    if len(call.words) != 1:
        raise Exit(Status.BAD_ARGS, "lease revoke command needs 1 argument")
    lease = _lease(call.words[0])
    client = call.client()
    with _failing(Status.ERROR, "failed to revoke lease ({})"):
        answer = client.revoke(lease, timeout=call.timeout)
    call.printer.revoke(lease, answer)


def time_to_live(call: Call) -> None:
    """`lease timetolive`."""
    if len(call.words) != 1:
        raise Exit(Status.BAD_ARGS, "lease timetolive command needs lease ID as argument")
    client = call.client()
    lease, keys = _lease(call.words[0]), call.given.is_on("keys")
    with _failing(Status.BAD_CONNECTION):
        answer = client.time_to_live(lease, attached_keys=keys)
    call.printer.time_to_live(answer, keys)


def leases(call: Call) -> None:
    """`lease list`."""
    client = call.client()
    with _failing(Status.BAD_CONNECTION):
        answer = client.leases()
    call.printer.leases(answer)


def keep_alive(call: Call) -> None:
    """`lease keep-alive`: until the lease ends."""
    if len(call.words) != 1:
        raise Exit(Status.BAD_ARGS, "lease keep-alive command needs lease ID as argument")
    lease = _lease(call.words[0])
    client = call.client()
    if call.given.is_on("once"):
        with _failing(Status.BAD_CONNECTION):
            answer = client.keep_alive_once(lease)
        call.printer.keep_alive(answer)
        return
    with _failing(Status.BAD_CONNECTION), contextlib.suppress(LeaseLost):
        for answer in client.keep_alive(lease):
            call.printer.keep_alive(answer)
    if call.printer.name == "simple":
        call.terminal.say(f"lease {lease:016x} expired or revoked.")


def _lease(text: str) -> int:
    try:
        return parse_int(text, 16)
    except ValueError as error:
        raise Exit(Status.BAD_ARGS, f"bad lease ID arg ({error}), expecting ID in Hex") from None


@contextmanager
def _failing(status: Status, told: str = "{}") -> Iterator[None]:
    try:
        yield
    except Error as error:
        raise Exit(status, told.format(error)) from None
