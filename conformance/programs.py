"""Random programs over the API: strategies, playing one in a session, printing one as a scenario.

A program is a list of calls by several clients, one after the other, some of them in a user's name.
Its keys and revisions are those of a server that is new; `shifted` moves it to a server with a
history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from google.protobuf.message import Message
from hypothesis import strategies as st

from fake_etcd.api import messages as m

from . import auth_requests, normal_form, requests
from .choices import Choices, drawn, weighted
from .connection import Connection
from .session import Session

CLIENTS = 3
"""Connections that a program's calls are spread over."""

MOST_STEPS = 12

MOST_STEPS_WITH_AUTH = 32
"""Of a program that makes users and roles first."""

NOBODY = ""
"""Who calls without a token."""

STRANGER = "?"
"""Who calls with a token that no server gave."""

STRANGERS_TOKEN = "nobody.1"

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
    m.AuthEnableRequest: "Auth/AuthEnable",
    m.AuthDisableRequest: "Auth/AuthDisable",
    m.AuthStatusRequest: "Auth/AuthStatus",
    m.AuthenticateRequest: "Auth/Authenticate",
    m.AuthUserAddRequest: "Auth/UserAdd",
    m.AuthUserGetRequest: "Auth/UserGet",
    m.AuthUserListRequest: "Auth/UserList",
    m.AuthUserDeleteRequest: "Auth/UserDelete",
    m.AuthUserChangePasswordRequest: "Auth/UserChangePassword",
    m.AuthUserGrantRoleRequest: "Auth/UserGrantRole",
    m.AuthUserRevokeRoleRequest: "Auth/UserRevokeRole",
    m.AuthRoleAddRequest: "Auth/RoleAdd",
    m.AuthRoleGetRequest: "Auth/RoleGet",
    m.AuthRoleListRequest: "Auth/RoleList",
    m.AuthRoleDeleteRequest: "Auth/RoleDelete",
    m.AuthRoleGrantPermissionRequest: "Auth/RoleGrantPermission",
    m.AuthRoleRevokePermissionRequest: "Auth/RoleRevokePermission",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One call.

    Args:
        client: which connection, from 0 on.
        method: "KV/Put".
        request: what is asked.
        caller: the user whose newest token goes along, or `NOBODY`, or `STRANGER`.
    """

    client: int
    method: str
    request: Message
    caller: str = NOBODY


Program = list[Step]


class Tokens:
    """The tokens that one server has given in a program, by user."""

    def __init__(self) -> None:
        self._newest: dict[str, str] = {}

    def of(self, step: Step) -> str | None:
        """What goes along with a step; None where nothing does."""
        if step.caller == NOBODY:
            return None
        return self._newest.get(step.caller, STRANGERS_TOKEN)

    def learn(self, step: Step, answers: Sequence[bytes]) -> None:
        """Keep the token that a step was answered with; who is refused has an empty one."""
        if isinstance(step.request, m.AuthenticateRequest):
            token = ""
            for answer in answers:
                token = m.AuthenticateResponse.FromString(answer).token
            self._newest[step.request.name] = token


def uses_auth(program: Program) -> bool:
    """Whether a program may leave users, roles, or auth that is on."""
    return any(step.method.startswith("Auth/") for step in program)


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


plain_programs: st.SearchStrategy[Program] = st.builds(
    lambda opening, rest: [*opening, *rest][:MOST_STEPS],
    drawn(_opening, 8, 20),
    st.lists(steps, min_size=1, max_size=MOST_STEPS),
)
"""Programs of a few calls, on keys that are there."""


# Programs with users and roles

_CALLERS = weighted((5, "u"), (4, auth_requests.ROOT), (2, "v"), (1, NOBODY), (1, STRANGER))
_MANAGERS = weighted((8, auth_requests.ROOT), (2, "u"), (1, NOBODY), (1, STRANGER))


def _is_inverted(key: bytes, range_end: bytes) -> bool:
    return b"\0" != range_end != b"" and range_end < key


def _upright(message: Message) -> Message:
    """The request with keys in the place of ranges that end before they begin, however deep.

    Whether a user may ask for such a one depends in etcd on the shape of its tree of permissions
    (pkg/adt/interval_tree.go), which depends on the order in which they were granted.
    """
    for descriptor, value in message.ListFields():
        if isinstance(value, Message):
            _upright(value)
        elif descriptor.name == "range_end" and _is_inverted(getattr(message, "key", b""), value):
            message.ClearField("range_end")
        elif not isinstance(value, (bytes, int, str)):
            for each in value:
                if isinstance(each, Message):
                    _upright(each)
    return message


def _step_by_somebody(choices: Choices) -> Step:
    """A call in anybody's name; one in three is about users and roles, most of these by root."""
    if choices.below(3) == 2:
        step = step_of(choices.of(auth_requests.ANY), choices)
        is_open = isinstance(step.request, m.AuthenticateRequest)
        return step if is_open else replace(step, caller=choices.of(_MANAGERS))
    step = replace(_step(choices), caller=choices.of(_CALLERS))
    if step.caller != auth_requests.ROOT:
        _upright(step.request)
    return step


def _step_by_nobody(choices: Choices) -> Step:
    """A call about users and roles, of a server without auth, or one that is switched on by it."""
    return step_of(choices.of(auth_requests.ANY), choices)


def _opening_with_auth(choices: Choices) -> Program:
    """A few keys, users and roles, and everybody's token."""
    requests_of_opening = auth_requests.opening(choices)
    return [
        *_opening(choices),
        *(Step(0, _METHODS[type(one)], one) for one in requests_of_opening),
    ]


steps_by_somebody = drawn(_step_by_somebody, 14, 120)

programs_with_auth: st.SearchStrategy[Program] = st.builds(
    lambda opening, rest: [*opening, *rest][:MOST_STEPS_WITH_AUTH],
    drawn(_opening_with_auth, 20, 40),
    st.lists(steps_by_somebody, min_size=4, max_size=MOST_STEPS),
)
"""Programs by several users, some of whom may do something."""

programs_about_auth: st.SearchStrategy[Program] = st.lists(
    drawn(_step_by_nobody, 4, 12), min_size=3, max_size=MOST_STEPS
)
"""Programs that add and delete users and roles, with auth off for the most part."""

# Not `one_of`, which takes a strategy that it is given six times for one.
programs: st.SearchStrategy[Program] = st.sampled_from(
    weighted((6, plain_programs), (1, programs_with_auth), (1, programs_about_auth))
).flatmap(lambda kind: kind)
"""All of these; one in four is about auth."""


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
        elif not isinstance(value, str):
            for each in value:
                _shift(each, prefix, base)


def play(program: Program, session: Session) -> None:
    """Do in a session what the program says."""
    connections: list[Connection] = [session]
    tokens = Tokens()
    for step in program:
        while step.client >= len(connections):
            connections.append(session.connect())
        request = shifted(step.request, b"", session.base)
        token = tokens.of(step)
        metadata = () if token is None else (("token", token),)
        answers = connections[step.client].stream_call(step.method, request, metadata)
        tokens.learn(step, [answer.SerializeToString() for answer in answers])


def source(program: Program, name: str) -> str:
    """A program as a scenario's source, ready to be put into a module of `scenarios/`."""
    lines = ["@scenario", f"def {name}(s: Session) -> None:"]
    connections = {0: "s"}
    known: set[str] = set()
    for step in program:
        while step.client >= len(connections):
            number = len(connections)
            connections[number] = f"s{number + 1}"
            lines.append(f"    {connections[number]} = s.connect()")
        lines.append("    " + _line(step, connections[step.client], known))
    return "\n".join(lines) + "\n"


def _line(step: Step, connection: str, known: set[str]) -> str:
    """A step's; `known` are the users of whom there is a variable with what they were given."""
    if isinstance(step.request, m.AuthenticateRequest) and step.request.name.isidentifier():
        name = step.request.name
        known.add(name)
        return f"{name} = {connection}.log_in({name!r}, {step.request.password!r})"
    call = "stream_call" if step.method == "KV/RangeStream" else "call"
    if step.caller != NOBODY:
        is_known = step.caller in known
        token = f"{step.caller}.token" if is_known else repr(STRANGERS_TOKEN)
        connection = f'{connection}.with_metadata(("token", {token}))'
    return f'{connection}.{call}("{step.method}", {expression(step.request)})'


def expression(message: Message) -> str:
    """The Python expression that makes a message."""
    kind = message.DESCRIPTOR.name
    fields = []
    for descriptor, value in message.ListFields():
        if isinstance(value, (Message, bytes, int, str)):
            word = _word(kind, descriptor.name, value)
        else:
            word = f"[{', '.join(_word(kind, descriptor.name, each) for each in value)}]"
        fields.append(f"{descriptor.name}={word}")
    return f"m.{kind}({', '.join(fields)})"


def _word(kind: str, name: str, value: Message | bytes | int | str) -> str:
    if isinstance(value, Message):
        return expression(value)
    if isinstance(value, bytes) and len(value) > 40 and value == value[:2] * (len(value) // 2):
        return f"{value[:2]!r} * {len(value) // 2}"
    if isinstance(value, int) and normal_form.is_revision(kind, name):
        is_shifted = normal_form.shifted(value, 1) != value
        return f"s.at({value})" if is_shifted else str(value)
    return repr(value)
