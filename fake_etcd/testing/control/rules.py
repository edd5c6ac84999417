"""Rules of faults as JSON: {"on": {"method": "Put", "key": "a"}, "fault": {"name": "drop"}}.

Each field is an argument of the functions in `testing.faults` that is called the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fake_etcd.testing import faults
from fake_etcd.testing.control.fields import Field, Kind, Refused, checked
from fake_etcd.testing.faults import on
from fake_etcd.testing.faults.effects import ActionEffect, DenyConnections, Effect
from fake_etcd.testing.faults.rules import Faults, Rule


class Fault(NamedTuple):
    """A row: what makes a fault, what that takes, and what it does."""

    make: Callable[..., Effect | DenyConnections]
    does: str
    fields: tuple[Field, ...] = ()


FAULTS: Mapping[str, Fault] = {
    "refuse": Fault(
        faults.refuse,
        "End the call with an error instead of doing it.",
        (
            Field("error", Kind.TEXT, 'etcd\'s text ("no leader"), or a code ("UNAVAILABLE")'),
            Field("message", Kind.TEXT, "the text that goes with a code", optional=True),
        ),
    ),
    "drop": Fault(faults.drop, "Lose the request, and its connection: nothing is done."),
    "lose_answer": Fault(
        faults.lose_answer, "Do what is asked, and lose the answer with its connection."
    ),
    "delay": Fault(
        faults.delay,
        "Do it later.",
        (
            Field("seconds", Kind.SECONDS, "how much later"),
            Field("real", Kind.SWITCH, "of real time, even where the clock stands", optional=True),
        ),
    ),
    "cut": Fault(
        faults.cut,
        "Cut the connection: at once, or when so much was answered.",
        (
            Field("messages", Kind.COUNT, "how many answers are sent before", optional=True),
            Field("bytes", Kind.COUNT, "how many bytes of answers are", optional=True),
        ),
    ),
    "stall": Fault(
        faults.stall,
        "Hold answers back until the rule is gone.",
        (Field("seconds", Kind.SECONDS, "how long at the most", optional=True),),
    ),
    "deny_connections": Fault(
        faults.deny_connections, "Close gRPC connections that are about to be made."
    ),
    "expire_leases": Fault(
        lambda ids=(): faults.expire_leases(*ids),
        "Have leases expire just before the call is done.",
        (Field("ids", Kind.IDS, "which; all where it is left out", optional=True),),
    ),
    "expire_tokens": Fault(
        faults.expire_tokens,
        "Have tokens expire just before the call is done, its own too.",
        (Field("user", Kind.TEXT, "whose; everybody's where it is left out", optional=True),),
    ),
    "compact_under_watcher": Fault(
        faults.compact_under_watcher, "Compact what a watcher that resumes wants to know."
    ),
    "lose_watch": Fault(
        faults.lose_watch,
        "Cut the connection of a watcher when it is to be told of events.",
        (Field("after", Kind.COUNT, "how many answers with events come before", optional=True),),
    ),
}
"""Faults by name."""

_CLIENT = (
    Field("endpoint", Kind.COUNT, "the number of the address that is called", optional=True),
    Field("peer", Kind.TEXT, "the address that calls", optional=True),
)

ON = (
    Field("method", Kind.TEXT, '"Put", or "KV/Put"', optional=True),
    Field("service", Kind.TEXT, '"KV"', optional=True),
    Field("key", Kind.BYTES, "that it is about", optional=True),
    Field("prefix", Kind.BYTES, "of a key that it is about", optional=True),
    Field("range", Kind.SPAN, "in which a key is that it is about", optional=True),
    *_CLIENT,
    Field("metadata", Kind.PAIRS, "that is sent with it, among other", optional=True),
    Field("user", Kind.TEXT, "who calls, as a token or certificate says", optional=True),
)
"""Which calls a rule is about; all that is given has to be true of them."""

RULE = (
    Field("fault", Kind.OBJECT, "its name, and what it takes"),
    Field("on", Kind.OBJECT, "which calls; all where it is left out", optional=True),
    Field("times", Kind.COUNT, "how often it acts at the most", optional=True),
    Field("skip", Kind.COUNT, "how many calls it lets pass before", optional=True),
    Field("probability", Kind.SHARE, "how likely it acts on one", optional=True),
    Field("after", Kind.SECONDS, "in how many seconds it begins", optional=True),
    Field("until", Kind.SECONDS, "in how many seconds it ends", optional=True),
)
"""What a rule takes."""

NOW = (Field("fault", Kind.OBJECT, "expire_leases, expire_tokens or compact_under_watcher"),)


def add(to: Faults, given: Mapping[str, Any]) -> Rule:
    """Add a rule.

    Args:
        to: where.
        given: the fields of `RULE`.

    Raises:
        Refused: it makes no sense.
    """
    effect = _effect(given["fault"])
    limits = {name: value for name, value in given.items() if name not in ("fault", "on")}
    try:
        return to.add(_on(given.get("on", {}), effect), effect, **limits)
    except ValueError as error:
        raise Refused(400, str(error)) from None


def now(to: Faults, given: Mapping[str, Any]) -> None:
    """Do at once what needs no call.

    Raises:
        Refused: it needs one.
    """
    effect = _effect(given["fault"])
    if not isinstance(effect, ActionEffect):
        raise Refused(400, "this needs a call; POST /_fake/faults has it happen to one")
    to.now(effect)


def _effect(given: Mapping[str, Any]) -> Effect | DenyConnections:
    name = given.get("name")
    row = FAULTS.get(name) if isinstance(name, str) else None
    if row is None:
        raise Refused(400, f'in "fault", "name" is one of {", ".join(FAULTS)}')
    rest = {key: value for key, value in given.items() if key != "name"}
    try:
        return row.make(**checked(rest, row.fields, "fault"))
    except ValueError as error:
        raise Refused(400, str(error)) from None


def _on(given: Mapping[str, Any], effect: Effect | DenyConnections) -> on.OnCall | on.OnConnection:
    if isinstance(effect, DenyConnections):
        return on.connection(**checked(given, _CLIENT, "on"))
    which = checked(given, ON, "on")
    method, service = which.pop("method", None), which.pop("service", None)
    if method is not None and service is not None:
        raise ValueError('"method" or "service" is enough: add a rule for each')
    if method is not None:
        return on.method(method, **which)
    return on.any(**which) if service is None else on.Service(service, **which)


def markdown() -> str:
    """What `on` takes, and the table of faults, as docs/other-languages.md has them."""
    lines = ["| `on` takes | which is |", "| --- | --- |"]
    lines += [f"| `{field.name}` | {field.does} |" for field in ON]
    lines += ["", "| fault | what it takes | what it does |", "| --- | --- | --- |"]
    for name, fault in FAULTS.items():
        taken = "; ".join(field.described for field in fault.fields)
        lines.append(f"| `{name}` | {taken} | {fault.does} |")
    return "\n".join(lines) + "\n"
