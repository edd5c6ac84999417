"""endpoint health, status, hashkv. etcd: etcdctl's ep_command.go."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from fake_etcd.cli.durations import format_duration
from fake_etcd.clientv3 import Client, Error, rpctypes
from fake_etcd.clientv3.responses import AlarmType
from fake_etcd.ctl.call import Call
from fake_etcd.ctl.printers import EndpointHash, EndpointHealth, EndpointStatus
from fake_etcd.ctl.terminal import Exit, Status

T = TypeVar("T")


def health(call: Call) -> None:
    """`endpoint health`: of all at once."""
    endpoints = endpoints_of(call)
    with ThreadPoolExecutor(max(len(endpoints), 1)) as threads:
        found = list(threads.map(lambda endpoint: _health(call, endpoint), endpoints))
    call.printer.endpoint_health(found)
    if any(each.error for each in found):
        raise Exit(Status.ERROR, "unhealthy cluster")


def _health(call: Call, endpoint: str) -> EndpointHealth:
    try:
        client = call.client(endpoint)
    except Exit as end:
        return EndpointHealth(endpoint, False, error=end.message or "")
    begun = time.monotonic_ns()
    error = ""
    try:
        client.get("health", timeout=call.timeout)
    except rpctypes.ErrPermissionDenied:
        pass  # a majority had to say so
    except Error as failed:
        error = str(failed)
    took = format_duration(time.monotonic_ns() - begun)
    return (
        EndpointHealth(endpoint, not error, took, error)
        if error
        else _alarmed(call, client, endpoint, took)
    )


def _alarmed(call: Call, client: Client, endpoint: str, took: str) -> EndpointHealth:
    try:
        alarms = client.alarm_list(timeout=call.timeout).alarms
    except Error:
        return EndpointHealth(endpoint, False, took, "Unable to fetch the alarm list")
    known = (AlarmType.NOSPACE, AlarmType.CORRUPT)
    names = [each.alarm.name if each.alarm in known else "UNKNOWN" for each in alarms]
    error = "".join(("Active Alarm(s): ", *(f"{name} " for name in names))) if names else ""
    return EndpointHealth(endpoint, not error, took, error)


def status(call: Call) -> None:
    """`endpoint status`."""
    found, failed = _of_each(
        call, "status", lambda it, where: it.status(where, timeout=call.timeout)
    )
    call.printer.endpoint_status([EndpointStatus(where, answer) for where, answer in found])
    if failed:
        raise Exit(Status.ERROR)


def hash_kv(call: Call) -> None:
    """`endpoint hashkv`."""
    rev = call.given.number("rev")
    found, failed = _of_each(
        call, "hash", lambda it, where: it.hash_kv(where, rev, timeout=call.timeout)
    )
    call.printer.endpoint_hash([EndpointHash(where, answer) for where, answer in found])
    if failed:
        raise Exit(Status.ERROR, str(failed[-1]))


def _of_each(
    call: Call, what: str, ask: Callable[[Client, str], T]
) -> tuple[list[tuple[str, T]], list[Error]]:
    """The answers of the endpoints, and what went wrong, which has been told by then."""
    found, failed = [], []
    for endpoint in endpoints_of(call):
        answer, error = error_of(partial(ask, call.client(endpoint), endpoint))
        if error is not None:
            failed.append(error)
            call.terminal.complain(f"Failed to get the {what} of endpoint {endpoint} ({error})")
        elif answer is not None:
            found.append((endpoint, answer))
    return found, failed


def error_of(ask: Callable[[], T]) -> tuple[T | None, Error | None]:
    """What a call answers, or how it fails."""
    try:
        return ask(), None
    except Error as error:
        return None, error


def endpoints_of(call: Call) -> tuple[str, ...]:
    """Those that were given, or with --cluster the client URLs of the members."""
    config = call.config()
    if not call.given.is_on("cluster"):
        return tuple(config.endpoints)
    try:
        members = call.client().member_list(timeout=call.timeout).members
    except Error as error:
        raise Exit(
            Status.ERROR, f"failed to fetch endpoints from etcd cluster member list: {error}"
        ) from None
    return tuple(url for member in members for url in member.client_urls)
