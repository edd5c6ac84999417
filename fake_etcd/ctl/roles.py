"""role add, delete, get, list, grant-permission, revoke-permission.

etcd: etcdctl's role_command.go.
"""

from __future__ import annotations

import os

from fake_etcd.clientv3.keys import prefix_range_end
from fake_etcd.clientv3.responses import PermissionType
from fake_etcd.ctl.call import Call
from fake_etcd.ctl.terminal import Exit, Status

_OPEN_END = b"\x00"
_FIRST_KEY = b"\x00"
_NOT_BOTH = "--from-key and --prefix flags are mutually exclusive"


def add(call: Call) -> None:
    """`role add`."""
    role = _role(call, "role add command requires role name as its argument")
    call.printer.role_add(role, call.client().role_add(role))


def delete(call: Call) -> None:
    """`role delete`."""
    role = _role(call, "role delete command requires role name as its argument")
    call.printer.role_delete(role, call.client().role_delete(role))


def get(call: Call) -> None:
    """`role get`; with --all of all roles."""
    if call.given.is_on("all"):
        _refuse_words(call, "role get --all")
        _print_all(call)
        return
    role = _role(call, "role get command requires role name as its argument")
    call.printer.role_get(role, call.client().role_get(role))


def list_roles(call: Call) -> None:
    """`role list`; with --all as `role get --all`."""
    _refuse_words(call, "role list")
    if call.given.is_on("all"):
        _print_all(call)
    else:
        call.printer.role_list(call.client().role_list())


def _print_all(call: Call) -> None:
    call.printer.all_roles(call.client().role_list_all())


def _role(call: Call, told: str) -> str:
    if len(call.words) != 1:
        raise Exit(Status.BAD_ARGS, told)
    return call.words[0]


def _refuse_words(call: Call, command: str) -> None:
    if call.words:
        raise Exit(Status.BAD_ARGS, f"{command} command requires no arguments")


def grant_permission(call: Call) -> None:
    """`role grant-permission`."""
    if len(call.words) < 3:
        raise Exit(
            Status.BAD_ARGS,
            "role grant command requires role name, permission type,"
            " and key [endkey] as its argument",
        )
    role, wanted, *words = call.words
    kinds = {kind.name: kind for kind in PermissionType}
    kind = kinds.get(wanted.upper())
    if kind is None:
        raise Exit(Status.BAD_ARGS, f"invalid permission type: {wanted}")
    key, end = _range(call, words)
    answer = call.client().role_grant_permission(role, key, end, kind)
    call.printer.role_grant(role, answer)


def revoke_permission(call: Call) -> None:
    """`role revoke-permission`."""
    if len(call.words) < 2:
        raise Exit(
            Status.BAD_ARGS,
            "role revoke-permission command requires role name and key [endkey] as its argument",
        )
    role, *words = call.words
    key, end = _range(call, words)
    answer = call.client().role_revoke_permission(role, key, end)
    call.printer.role_revoke(role, os.fsencode(words[0]), end, answer)


def _range(call: Call, words: list[str]) -> tuple[bytes, bytes]:
    """Key and end of a permission; raises Exit for flags and words that exclude each other."""
    key = os.fsencode(words[0])
    is_prefix, from_key = call.given.is_on("prefix"), call.given.is_on("from-key")
    if key and len(words) > 1:
        for name, is_on in (("prefix", is_prefix), ("from-key", from_key)):
            if is_on:
                raise Exit(Status.BAD_ARGS, f"unexpected endkey argument with --{name} flag")
        return key, os.fsencode(words[1])
    if is_prefix and from_key:
        raise Exit(Status.BAD_ARGS, _NOT_BOTH)
    if not key:
        return _FIRST_KEY, _OPEN_END if is_prefix or from_key else b""
    if is_prefix:
        return key, prefix_range_end(key)
    return key, _OPEN_END if from_key else b""
