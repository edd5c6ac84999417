"""`watch`, and `watch -i`, which reads its watches line by line. etcd: watch_command.go."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from fake_etcd import clientv3
from fake_etcd.clientv3.responses import Event, EventType, ResponseHeader, WatchResponse
from fake_etcd.ctl import commands, flags, programs, txn
from fake_etcd.ctl.call import Call
from fake_etcd.ctl.flags import Given
from fake_etcd.ctl.gotext import quote
from fake_etcd.ctl.terminal import Exit, Status

_KEY, _RANGE_END = "ETCDCTL_WATCH_KEY", "ETCDCTL_WATCH_RANGE_END"
_BAD_NUMBER = "bad number of arguments"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is watched, and the command to run for each event."""

    key: str
    range_end: str | None
    given: Given
    command: tuple[str, ...]


def watch(call: Call) -> None:
    """`watch`."""
    environ = call.terminal.environ
    if not environ.get(_KEY) and environ.get(_RANGE_END):
        told = f"{_KEY} is empty but got {_RANGE_END}={quote(environ[_RANGE_END])}"
        raise Exit(Status.BAD_ARGS, told)
    if call.given.is_on("interactive"):
        _interactive(call)
        return
    words, command = _split(call.given, environ)
    client = call.client()
    _print(call, _watcher(client, _wanted(call.given, words, command)), command)
    raise Exit(Status.INTERRUPTED, "watch is canceled by the server")


def _split(given: Given, environ: Mapping[str, str]) -> tuple[list[str], tuple[str, ...]]:
    """Key and perhaps end of the range, and the command behind "--"."""
    at = given.before_dashes
    command = () if at is None else tuple(given.words[at:])
    words = given.words if at is None else given.words[:at]
    if at is not None and not command:
        raise Exit(Status.BAD_ARGS, f"{_BAD_NUMBER} (found separator --, but no commands)")
    key = environ.get(_KEY)
    if not key:
        return words, command
    if words:
        raise Exit(Status.BAD_ARGS, f"{_BAD_NUMBER} (found conflicting environment key)")
    range_end = environ.get(_RANGE_END)
    return [key, range_end] if range_end else [key], command


def _wanted(given: Given, words: list[str], command: tuple[str, ...]) -> _Wanted:
    if not words:
        raise Exit(Status.BAD_ARGS, _BAD_NUMBER)
    range_end = words[1] if len(words) == 2 else None
    if range_end is not None and given.is_on("prefix"):
        raise Exit(Status.BAD_ARGS, "`range_end` and `--prefix` are mutually exclusive")
    return _Wanted(words[0], range_end, given, command)


def _watcher(client: clientv3.Client, wanted: _Wanted) -> clientv3.Watcher:
    given = wanted.given
    return client.watch(
        os.fsencode(wanted.key),
        range_end=None if wanted.range_end is None else os.fsencode(wanted.range_end),
        prefix=given.is_on("prefix"),
        rev=given.number("rev"),
        prev_kv=given.is_on("prev-kv"),
        progress_notify=given.is_on("progress-notify"),
        ctx=clientv3.with_require_leader(clientv3.context.background()),
    )


def _print(call: Call, watcher: clientv3.Watcher, command: tuple[str, ...]) -> None:
    """Print what a watch is told, up to its end."""
    try:
        for answer in watcher:
            if answer.is_progress_notify:
                call.terminal.say(f"progress notify: {answer.header.revision}")
            call.printer.watch(answer)
            if command:
                for event in answer.events:
                    _run(call, command, answer.header, event)
    except clientv3.Error as error:
        last = watcher.last_answer or WatchResponse(ResponseHeader(), canceled=True)
        # The client knows these errors by their codes; Go's prints what the server wrote.
        is_status = last.cancel_reason.startswith("rpc error: ")
        told = last.cancel_reason if is_status else str(error)
        call.terminal.complain(f"watch was canceled ({told})")
        call.printer.watch(last)


def _run(call: Call, command: tuple[str, ...], header: ResponseHeader, event: Event) -> None:
    variables = {
        "ETCD_WATCH_REVISION": str(header.revision),
        "ETCD_WATCH_EVENT_TYPE": quote(EventType(event.type).name),
        "ETCD_WATCH_KEY": quote(event.kv.key),
        "ETCD_WATCH_VALUE": quote(event.kv.value),
    }
    try:
        programs.run(command, variables, call.terminal)
    except programs.ProgramFailed as failed:
        listed = " ".join(map(quote, command))
        call.terminal.complain(f"command [{listed}] error ({failed})")
        raise Exit(Status.ERROR) from None


def _interactive(call: Call) -> None:
    """Watches and requests for progress, as stdin has them, up to its end."""
    client = call.client()
    while True:
        raw = call.terminal.stdin.readline()
        if not raw.endswith(b"\n"):
            raise Exit(Status.INVALID_INPUT, "error reading watch request line: EOF")
        line = os.fsdecode(raw[:-1])
        words = txn.words_of(line)
        if not words:
            told = f"Invalid command: {line} (watch and progress supported)"
            call.terminal.complain(told)
        elif words[0] == "watch":
            _begin(call, client, line, words[1:])
        elif words[0] == "progress":
            ctx = clientv3.with_require_leader(clientv3.context.background())
            client.request_progress(ctx=ctx)
        else:
            call.terminal.complain(f"Invalid command {line} (only support watch)")


def _begin(call: Call, client: clientv3.Client, line: str, words: list[str]) -> None:
    environ = call.terminal.environ
    if not words and not environ.get(_KEY):
        told = f"Invalid command {line} (command type or key is not provided)"
        call.terminal.complain(told)
        return
    try:
        given = flags.parse(commands.WATCH_FLAGS, words)
    except flags.HelpWanted:
        raise Exit(Status.BAD_ARGS, "pflag: help requested") from None
    except flags.FlagError as error:
        raise Exit(Status.BAD_ARGS, str(error)) from None
    keys, command = _split(given, environ)
    try:
        watcher = _watcher(client, _wanted(given, keys, command))
    except Exit as end:
        call.terminal.complain(f"Invalid command {line} ({end.message})")
        return
    threading.Thread(target=_watch_on, args=(call, watcher, command), daemon=True).start()


def _watch_on(call: Call, watcher: clientv3.Watcher, command: tuple[str, ...]) -> None:
    """Print in a thread; a command that fails ends the process, as in etcdctl."""
    try:
        _print(call, watcher, command)
    except Exit as end:
        if end.message is not None:
            call.terminal.complain(f"Error: {end.message}")
        os._exit(end.status)
