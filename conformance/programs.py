"""Random programs over the API: strategies, playing one in a session, printing one as a scenario.

A program is a list of calls by several clients, one after the other. Its keys and revisions are
those of a server that is new; `shifted` moves it to a server with a history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from google.protobuf.message import Message
from hypothesis import strategies as st

from fake_etcd.api import messages as m

from . import normal_form, requests
from .choices import Choices, drawn, weighted
from .connection import Connection
from .session import Session

CLIENTS = 3
"""Connections that a program's calls are spread over."""

MOST_STEPS = 12

_METHODS = {
    m.RangeRequest: "KV/Range",
    m.PutRequest: "KV/Put",
    m.DeleteRangeRequest: "KV/DeleteRange",
    m.TxnRequest: "KV/Txn",
    m.CompactionRequest: "KV/Compact",
    m.LeaseGrantRequest: "Lease/LeaseGrant",
    m.LeaseRevokeRequest: "Lease/LeaseRevoke",
    m.LeaseTimeToLiveRequest: "Lease/LeaseTimeToLive",
    m.LeaseLeasesRequest: "Lease/LeaseLeases",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One call.

    Args:
        client: which connection, from 0 on.
        method: "KV/Put".
        request: what is asked.
    """

    client: int
    method: str
    request: Message


Program = list[Step]


def _harmless(txn: m.TxnRequest) -> m.TxnRequest:
    """The transaction without what ends a real etcd.

    Its checks take a deletion up to "\\0" for one of nothing, so that a put of the same
    transaction may follow on a key that is gone; a put with ignore_value panics then (etcd#22445),
    and a plain one leaves an index that panics after a compaction (etcd#22376).
    """
    if any(isinstance(one, m.PutRequest) for one in _inside(txn)):
        for one in _inside(txn):
            if isinstance(one, m.DeleteRangeRequest) and one.range_end == b"\0":
                one.range_end = b"\xff\xff\xff"
    return txn


def _inside(txn: m.TxnRequest) -> Iterator[Message]:
    for operation in (*txn.success, *txn.failure):
        arm = operation.WhichOneof("request")
        if arm == "request_txn":
            yield from _inside(operation.request_txn)
        elif arm is not None:
            yield getattr(operation, arm)


def _harmless_txn(choices: Choices) -> m.TxnRequest:
    return _harmless(requests.txn(choices))


_REQUESTS: tuple[Callable[[Choices], Message], ...] = weighted(
    (6, requests.good_put),
    (2, requests.any_put),
    (8, requests.good_range),
    (3, requests.any_range),
    (2, requests.good_delete),
    (1, requests.any_delete),
    (7, _harmless_txn),
    (3, requests.compaction),
    (1, requests.grant),
    (2, requests.leased_put),
    (1, requests.revocation),
    (1, requests.time_to_live),
    (1, requests.list_of_leases),
)


def step_of(build: Callable[[Choices], Message], choices: Choices) -> Step:
    """A call for such a request, of any client; a range may be asked for as a stream."""
    client = choices.below(CLIENTS)
    request = build(choices)
    if isinstance(request, m.RangeRequest) and choices.below(3) == 2:
        return Step(client, "KV/RangeStream", request)
    return Step(client, _METHODS[type(request)], request)


def _step(choices: Choices) -> Step:
    return step_of(choices.of(_REQUESTS), choices)


steps = drawn(_step, 12, 120)

_GRANTS = [
    Step(0, "Lease/LeaseGrant", m.LeaseGrantRequest(ID=id, TTL=60)) for id in requests.LEASES
]
_OPENINGS: tuple[Program, ...] = ([], [], _GRANTS[:1], _GRANTS)


def _opening(choices: Choices) -> Program:
    """Keys that are there; in half of all programs, leases before them that others can name."""
    opening = choices.of(_OPENINGS)
    puts = [Step(0, "KV/Put", requests.good_put(choices)) for _ in range(2 + choices.below(4))]
    return [*opening, *puts]


programs: st.SearchStrategy[Program] = st.builds(
    lambda opening, rest: [*opening, *rest][:MOST_STEPS],
    drawn(_opening, 8, 20),
    st.lists(steps, min_size=1, max_size=MOST_STEPS),
)
"""Programs of a few calls, on keys that are there."""


def shifted(request: Message, prefix: bytes, base: int) -> Message:
    """A copy for a server that others used before.

    Args:
        request: one of a program's.
        prefix: goes in front of every key; an empty key, and a range_end that is empty or "\\0",
            mean something else than a key and stay.
        base: how many revisions that server has had.
    """
    copy = type(request)()
    copy.CopyFrom(request)
    _shift(copy, prefix, base)
    return copy


def _shift(message: Message, prefix: bytes, base: int) -> None:
    kind = message.DESCRIPTOR.name
    for descriptor, value in message.ListFields():
        name = descriptor.name
        if isinstance(value, Message):
            _shift(value, prefix, base)
        elif isinstance(value, bytes):
            if name == "key" or (name == "range_end" and value != b"\0"):
                setattr(message, name, prefix + value)
        elif isinstance(value, int):
            if normal_form.is_revision(kind, name):
                setattr(message, name, normal_form.shifted(value, base))
        else:
            for each in value:
                _shift(each, prefix, base)


def play(program: Program, session: Session) -> None:
    """Do in a session what the program says."""
    connections: list[Connection] = [session]
    for step in program:
        while step.client >= len(connections):
            connections.append(session.connect())
        request = shifted(step.request, b"", session.base)
        connections[step.client].stream_call(step.method, request)


def source(program: Program, name: str) -> str:
    """A program as a scenario's source, ready to be put into a module of `scenarios/`."""
    lines = ["@scenario", f"def {name}(s: Session) -> None:"]
    connections = {0: "s"}
    for step in program:
        while step.client >= len(connections):
            number = len(connections)
            connections[number] = f"s{number + 1}"
            lines.append(f"    {connections[number]} = s.connect()")
        call = "stream_call" if step.method == "KV/RangeStream" else "call"
        lines.append(
            f'    {connections[step.client]}.{call}("{step.method}", {expression(step.request)})'
        )
    return "\n".join(lines) + "\n"


def expression(message: Message) -> str:
    """The Python expression that makes a message."""
    kind = message.DESCRIPTOR.name
    fields = []
    for descriptor, value in message.ListFields():
        if isinstance(value, (Message, bytes, int)):
            word = _word(kind, descriptor.name, value)
        else:
            word = f"[{', '.join(_word(kind, descriptor.name, each) for each in value)}]"
        fields.append(f"{descriptor.name}={word}")
    return f"m.{kind}({', '.join(fields)})"


def _word(kind: str, name: str, value: Message | bytes | int) -> str:
    if isinstance(value, Message):
        return expression(value)
    if isinstance(value, bytes) and len(value) > 40 and value == value[:2] * (len(value) // 2):
        return f"{value[:2]!r} * {len(value) // 2}"
    if isinstance(value, int) and normal_form.is_revision(kind, name):
        is_shifted = normal_form.shifted(value, 1) != value
        return f"s.at({value})" if is_shifted else str(value)
    return repr(value)
