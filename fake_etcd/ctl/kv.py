"""get, put, del and compaction. etcd: etcdctl's get_command.go, put_command.go and neighbours.

How their words and flags become an operation is here apart: `txn` has lines of the same.
"""

from __future__ import annotations

import os
import time
from typing import BinaryIO

from fake_etcd.clientv3 import op, rpctypes
from fake_etcd.clientv3.responses import GetResponse
from fake_etcd.ctl.call import Call
from fake_etcd.ctl.flags import Given
from fake_etcd.ctl.gotext import parse_int, quote
from fake_etcd.ctl.terminal import Exit, Status, Terminal

_NOT_BOTH = "`--prefix` and `--from-key` cannot be set at the same time, choose one"
_TOO_MANY = "too many arguments, only accept one argument when `--prefix` or `--from-key` is set"
_NO_VALUE = "put command needs 1 argument and input from stdin or 2 arguments"

_GRACE_SECONDS = 2
"""How long a range may still be saved from being deleted."""

_ORDERS = {
    "": op.SortOrder.NONE,
    "ASCEND": op.SortOrder.ASCEND,
    "DESCEND": op.SortOrder.DESCEND,
}
_TARGETS = {
    "": op.SortTarget.KEY,
    "CREATE": op.SortTarget.CREATE,
    "KEY": op.SortTarget.KEY,
    "MODIFY": op.SortTarget.MOD,
    "VALUE": op.SortTarget.VALUE,
    "VERSION": op.SortTarget.VERSION,
}


def get(call: Call) -> None:
    """`get`."""
    wanted = get_op(call.given)
    client, given = call.client(), call.given
    if given.is_on("stream"):
        answer = GetResponse.joined(
            client.get_stream(
                wanted.key,
                range_end=wanted.range_end or None,
                limit=wanted.limit,
                rev=wanted.rev,
                sort=wanted.sort,
                serializable=wanted.serializable,
                keys_only=wanted.keys_only,
                count_only=wanted.count_only,
                min_mod_rev=wanted.min_mod_rev,
                max_mod_rev=wanted.max_mod_rev,
                min_create_rev=wanted.min_create_rev,
                max_create_rev=wanted.max_create_rev,
                timeout=call.timeout,
            )
        )
    else:
        found = client.do(wanted, timeout=call.timeout)
        assert isinstance(found, GetResponse), "a get is answered so"
        answer = found
    if given.is_on("count-only") and call.printer.name != "fields":
        raise Exit(Status.BAD_ARGS, "--count-only is only for `--write-out=fields`")
    if given.is_on("print-value-only"):
        if call.printer.name != "simple":
            raise Exit(Status.BAD_ARGS, "print-value-only is only for `--write-out=simple`")
        call.printer.value_only = True
    call.printer.get(answer)


def put(call: Call) -> None:
    """`put`."""
    wanted = put_op(call.given, call.terminal.stdin)
    call.printer.put(
        call.client().put(
            wanted.key,
            wanted.value,
            lease=wanted.lease,
            prev_kv=wanted.prev_kv,
            ignore_value=wanted.ignore_value,
            ignore_lease=wanted.ignore_lease,
            timeout=call.timeout,
        )
    )


def delete(call: Call) -> None:
    """`del`."""
    wanted = delete_op(call.given, call.terminal)
    answer = call.client().delete(
        wanted.key,
        range_end=wanted.range_end or None,
        prev_kv=wanted.prev_kv,
        timeout=call.timeout,
    )
    call.printer.delete(answer)


def compaction(call: Call) -> None:
    """`compaction`."""
    if len(call.words) != 1:
        raise Exit(Status.BAD_ARGS, "compaction command needs 1 argument")
    try:
        revision = parse_int(call.words[0])
    except ValueError as error:
        raise Exit(Status.ERROR, str(error)) from None
    physical = call.given.is_on("physical")
    call.client().compact(revision, physical=physical, timeout=call.timeout)
    call.terminal.say(f"compacted revision {revision}")


def get_op(given: Given) -> op.GetOp:
    """What `get` asks for; raises Exit where that is nothing."""
    words = given.words
    if not words:
        raise Exit(
            Status.BAD_ARGS,
            "get command needs one argument as key and an optional argument as range_end",
        )
    if given.is_on("prefix") and given.is_on("from-key"):
        raise Exit(Status.BAD_ARGS, _NOT_BOTH)
    if given.is_on("keys-only") and given.is_on("count-only"):
        raise Exit(
            Status.BAD_ARGS,
            "`--keys-only` and `--count-only` cannot be set at the same time, choose one",
        )
    serializable = is_serializable(given)
    range_end = _range_end(given, words)
    sort = _sort(given)
    made_least, made_most = _bounds(given, "create")
    put_least, put_most = _bounds(given, "mod")
    return op.op_get(
        os.fsencode(words[0]),
        range_end=range_end,
        prefix=given.is_on("prefix"),
        from_key=given.is_on("from-key"),
        limit=given.number("limit"),
        rev=max(given.number("rev"), 0),
        sort=sort,
        serializable=serializable,
        keys_only=given.is_on("keys-only"),
        count_only=given.is_on("count-only"),
        min_create_rev=made_least,
        max_create_rev=made_most,
        min_mod_rev=put_least,
        max_mod_rev=put_most,
    )


def put_op(given: Given, stdin: BinaryIO | None) -> op.PutOp:
    """What `put` puts; raises Exit where that is nothing.

    Args:
        given: its words and flags.
        stdin: where the value is, if it is not among the words; None for nowhere.
    """
    words = given.words
    if not words:
        raise Exit(Status.BAD_ARGS, _NO_VALUE)
    ignores_value = given.is_on("ignore-value")
    if ignores_value and len(words) > 1:
        raise Exit(Status.BAD_ARGS, "put command needs only 1 argument when 'ignore-value' is set")
    value = b""
    if not ignores_value:
        if len(words) > 1:
            value = os.fsencode(words[1])
        elif stdin is not None:
            value = stdin.read()
        if len(words) == 1 and not value:
            raise Exit(Status.BAD_ARGS, _NO_VALUE)
    try:
        lease = parse_int(given.text("lease"), 16)
    except ValueError as error:
        raise Exit(Status.BAD_ARGS, f"bad lease ID ({error}), expecting ID in Hex") from None
    key = os.fsencode(words[0])
    ignores_lease = given.is_on("ignore-lease")
    if ignores_lease and lease:
        # The client refuses to send this; here it is to be told as servers do.
        raise rpctypes.ErrLeaseProvided if key else rpctypes.ErrEmptyKey
    return op.op_put(
        key,
        value,
        lease=lease,
        prev_kv=given.is_on("prev-kv"),
        ignore_value=ignores_value,
        ignore_lease=ignores_lease,
    )


def delete_op(given: Given, terminal: Terminal) -> op.DeleteOp:
    """What `del` deletes; raises Exit where that is nothing."""
    words = given.words
    if not 1 <= len(words) <= 2:
        raise Exit(
            Status.BAD_ARGS,
            "del command needs one argument as key and an optional argument as range_end",
        )
    if given.is_on("prefix") and given.is_on("from-key"):
        raise Exit(Status.BAD_ARGS, _NOT_BOTH)
    range_end = _range_end(given, words)
    if range_end is not None and not given.is_on("range"):
        terminal.complain(
            f"Warning: Keys between {quote(words[0])} and {quote(words[1])} will be deleted."
            f" Please interrupt the command within next {_GRACE_SECONDS} seconds to cancel."
            " You can provide `--range` flag to avoid the delay."
        )
        time.sleep(_GRACE_SECONDS)
    return op.op_delete(
        os.fsencode(words[0]),
        range_end=range_end,
        prefix=given.is_on("prefix"),
        from_key=given.is_on("from-key"),
        prev_kv=given.is_on("prev-kv"),
    )


def is_serializable(given: Given) -> bool:
    """Whether --consistency is "s"; raises Exit for what is neither that nor "l"."""
    found = given.text("consistency")
    if found not in ("s", "l"):
        raise Exit(Status.BAD_FEATURE, f"unknown consistency flag {quote(found)}")
    return found == "s"


def _range_end(given: Given, words: list[str]) -> bytes | None:
    if len(words) < 2:
        return None
    if given.is_on("prefix") or given.is_on("from-key"):
        raise Exit(Status.BAD_ARGS, _TOO_MANY)
    return os.fsencode(words[1])


def _sort(given: Given) -> op.Sort:
    order = _ORDERS.get(given.text("order").upper())
    if order is None:
        raise Exit(Status.BAD_FEATURE, f"bad sort order {given.text('order')}")
    target = _TARGETS.get(given.text("sort-by").upper())
    if target is None:
        raise Exit(Status.BAD_FEATURE, f"bad sort target {given.text('sort-by')}")
    return target, order


def _bounds(given: Given, kind: str) -> tuple[int, int]:
    """The least and the most revision of a kind, 0 for none."""
    least, most = given.number(f"min-{kind}-rev"), given.number(f"max-{kind}-rev")
    if 0 < most < least:
        name = kind.title()
        told = f"getMin{name}Rev(={least}) > getMax{name}Rev(={most})"
        raise Exit(Status.BAD_FEATURE, told)
    return max(least, 0), max(most, 0)
