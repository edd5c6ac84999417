"""alarm, defrag, snapshot save, move-leader, downgrade. etcd: etcdctl's files of these names."""

from __future__ import annotations

import time
from functools import partial

from fake_etcd.cli.durations import format_duration
from fake_etcd.clientv3 import Error, snapshot
from fake_etcd.clientv3.responses import AlarmResponse, DowngradeAction, ResponseHeader
from fake_etcd.ctl.call import Call
from fake_etcd.ctl.endpoint import endpoints_of, error_of
from fake_etcd.ctl.gotext import in_words, parse_uint
from fake_etcd.ctl.terminal import Exit, Status


def alarm_list(call: Call) -> None:
    """`alarm list`."""
    if call.words:
        raise Exit(Status.BAD_ARGS, "alarm list command accepts no arguments")
    call.printer.alarm(call.client().alarm_list(timeout=call.timeout))


def alarm_disarm(call: Call) -> None:
    """`alarm disarm`: of all members."""
    if call.words:
        raise Exit(Status.BAD_ARGS, "alarm disarm command accepts no arguments")
    alarms = call.client().alarm_disarm(timeout=call.timeout).alarms
    # One call for each alarm, so that the answer is the client's own, without a header.
    call.printer.alarm(AlarmResponse(ResponseHeader(), alarms))


def defrag(call: Call) -> None:
    """`defrag`: one endpoint after the other."""
    failed = False
    for endpoint in endpoints_of(call):
        client = call.client(endpoint)
        begun = time.monotonic_ns()
        _, error = error_of(partial(client.defragment, endpoint, timeout=call.timeout))
        took = format_duration(time.monotonic_ns() - begun)
        if error is None:
            call.terminal.say(f"Finished defragmenting etcd member[{endpoint}]. took {took}")
        else:
            failed = True
            call.terminal.complain(
                f"Failed to defragment etcd member[{endpoint}]. took {took}. ({error})"
            )
    if failed:
        raise Exit(Status.ERROR)


def move_leader(call: Call) -> None:
    """`move-leader`: asks that endpoint for it which leads."""
    if len(call.words) != 1:
        raise Exit(Status.BAD_ARGS, "move-leader command needs 1 argument")
    try:
        target = parse_uint(call.words[0], 16)
    except ValueError as error:
        raise Exit(Status.BAD_ARGS, str(error)) from None
    endpoints = call.config().endpoints
    for endpoint in endpoints:
        client = call.client(endpoint)
        status = client.status(endpoint, timeout=call.timeout)
        if status.header.member_id == status.leader:
            answer = client.move_leader(target, timeout=call.timeout)
            call.printer.move_leader(status.leader, target, answer)
            return
    raise Exit(Status.BAD_ARGS, f"no leader endpoint given at [{' '.join(endpoints)}]")


def downgrade(call: Call) -> None:
    """`downgrade validate` and `downgrade enable`."""
    if not call.words:
        raise Exit(Status.BAD_ARGS, "TARGET_VERSION not provided")
    if len(call.words) > 1:
        raise Exit(Status.BAD_ARGS, "too many arguments")
    if not call.words[0]:
        raise Exit(Status.BAD_ARGS, "target version not provided")
    _downgrade(call, call.words[0])


def downgrade_cancel(call: Call) -> None:
    """`downgrade cancel`."""
    _downgrade(call, "")


def _downgrade(call: Call, version: str) -> None:
    name = call.found.command.name
    action = DowngradeAction[name.upper()]
    answer = call.client().downgrade(action, version, timeout=call.timeout)
    call.printer.downgrade(name, answer)


def snapshot_save(call: Call) -> None:
    """`snapshot save`: under its name once it is whole. It may take any time, if none is given."""
    if len(call.words) != 1:
        raise Exit(Status.BAD_ARGS, "snapshot save expects one argument <filename>")
    path = call.words[0]
    endpoints = call.config().endpoints
    if len(endpoints) != 1:
        listed = " ".join(endpoints)
        raise Exit(
            Status.INTERRUPTED,
            f"snapshot must be requested to one selected node, not multiple [{listed}]",
        )
    limit = call.timeout if call.given.is_changed("command-timeout") else None
    client = call.client()
    try:
        version = snapshot.save(client, path, timeout=limit)
    except Error as error:
        raise Exit(Status.INTERRUPTED, str(error)) from None
    except OSError as error:
        raise Exit(Status.INTERRUPTED, _of_file(error, path)) from None
    call.terminal.say(f"Snapshot saved at {path}")
    if version:
        call.terminal.say(f"Server version {version}")


def _of_file(error: OSError, path: str) -> str:
    part = f"{path}.part"
    if error.filename2 is not None:
        # Go looks for a folder of that name itself, and says so in its own words.
        why = "file exists" if isinstance(error, IsADirectoryError) else in_words(error)
        return f"could not rename {part} to {path} (rename {part} {path}: {why})"
    if error.filename is not None:
        return f"could not open {part} (open {part}: {in_words(error)})"
    return f"could not write snapshot: write {part}: {in_words(error)}"
