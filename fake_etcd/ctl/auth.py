"""auth enable, disable, status. etcd: etcdctl's auth_command.go."""

from __future__ import annotations

from fake_etcd.clientv3 import rpctypes
from fake_etcd.clientv3.context import background, with_timeout
from fake_etcd.ctl.call import Call
from fake_etcd.ctl.terminal import Exit, Status


def enable(call: Call) -> None:
    """`auth enable`: makes the role root, if it is only that which is missing."""
    _refuse_words(call, "enable")
    client = call.client()
    ctx, cancel = with_timeout(background(), call.timeout)
    try:
        while True:
            try:
                client.auth_enable(ctx=ctx)
                break
            except rpctypes.ErrRootRoleNotExist:
                client.role_add("root", ctx=ctx)
                client.user_grant_role("root", "root", ctx=ctx)
    finally:
        cancel()
    call.terminal.say("Authentication Enabled")


def disable(call: Call) -> None:
    """`auth disable`."""
    _refuse_words(call, "disable")
    call.client().auth_disable(timeout=call.timeout)
    call.terminal.say("Authentication Disabled")


def status(call: Call) -> None:
    """`auth status`."""
    _refuse_words(call, "status")
    call.printer.auth_status(call.client().auth_status(timeout=call.timeout))


def _refuse_words(call: Call, name: str) -> None:
    if call.words:
        raise Exit(Status.BAD_ARGS, f"auth {name} command does not accept any arguments")
