"""member add, remove, update, list, promote. etcd: etcdctl's member_command.go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fake_etcd.clientv3.responses import MemberAddResponse
from fake_etcd.ctl import kv
from fake_etcd.ctl.call import Call
from fake_etcd.ctl.gotext import parse_uint, quote
from fake_etcd.ctl.terminal import Exit, Status


def add(call: Call) -> None:
    """`member add`: and what the new one is to be started with."""
    if not call.words:
        raise Exit(Status.BAD_ARGS, "member name not provided")
    name, *others = call.words
    if others:
        urls = [word for word in call.words if word.lower().startswith("http")]
        hints = "".join(f", did you mean --peer-urls={url}" for url in urls)
        raise Exit(Status.BAD_ARGS, f"too many arguments{hints}")
    urls = _peer_urls(call)
    client = call.client()
    learner = call.given.is_on("learner")
    make = client.member_add_as_learner if learner else client.member_add
    with _checked_urls():
        answer = make(urls, timeout=call.timeout)
    call.printer.member_add(answer)
    if call.printer.name == "simple":
        call.terminal.say("", *_start_with(name, answer, call.given.text("peer-urls")))


def _start_with(name: str, answer: MemberAddResponse, urls: str) -> list[str]:
    cluster = ",".join(
        f"{name if member.id == answer.member.id else member.name}={url}"
        for member in answer.members
        for url in member.peer_urls
    )
    return [
        f"ETCD_NAME={quote(name)}",
        f"ETCD_INITIAL_CLUSTER={quote(cluster)}",
        f"ETCD_INITIAL_ADVERTISE_PEER_URLS={quote(urls)}",
        'ETCD_INITIAL_CLUSTER_STATE="existing"',
    ]


def remove(call: Call) -> None:
    """`member remove`."""
    member = _member(call)
    answer = call.client().member_remove(member, timeout=call.timeout)
    call.printer.member_remove(member, answer)


def update(call: Call) -> None:
    """`member update`."""
    member = _member(call)
    urls = _peer_urls(call)
    with _checked_urls():
        answer = call.client().member_update(member, urls, timeout=call.timeout)
    call.printer.member_update(member, answer)


def list_members(call: Call) -> None:
    """`member list`."""
    serializable = kv.is_serializable(call.given)
    answer = call.client().member_list(serializable=serializable, timeout=call.timeout)
    call.printer.member_list(answer)


def promote(call: Call) -> None:
    """`member promote`."""
    member = _member(call)
    answer = call.client().member_promote(member, timeout=call.timeout)
    call.printer.member_promote(member, answer)


def _member(call: Call) -> int:
    if len(call.words) != 1:
        raise Exit(Status.BAD_ARGS, "member ID is not provided")
    try:
        return parse_uint(call.words[0], 16)
    except ValueError as error:
        raise Exit(Status.BAD_ARGS, f"bad member ID arg ({error}), expecting ID in Hex") from None


@contextmanager
def _checked_urls() -> Iterator[None]:
    """The client looks at URLs itself, and says what is wrong with one."""
    try:
        yield
    except ValueError as error:
        raise Exit(Status.ERROR, str(error)) from None


def _peer_urls(call: Call) -> list[str]:
    urls = call.given.text("peer-urls")
    if not urls:
        raise Exit(Status.BAD_ARGS, "member peer urls not provided")
    return urls.split(",")
