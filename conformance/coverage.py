"""What of etcd's API some scenario has touched, counted from the transcripts alone.

What there is to touch comes from the method table, the descriptors and the error table; nobody
keeps a list of it. What cannot be touched is in `EXCUSES`, each with its reason.
"""

from __future__ import annotations

import enum
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS, Method
from fake_etcd.api.status import Code

from .connection import method_named
from .recordings import Recordings
from .scenario import Scenario
from .transcript import Field, Part, Transcript


class Aspect(enum.Enum):
    """Kinds of things to touch."""

    METHOD = "methods"
    ROUTE = "routes of the JSON gateway"
    SET = "request fields, set"
    UNSET = "request fields, left at their default"
    ENUM = "enum values in requests"
    ARM = "arms of oneofs in requests"
    RESPONSE = "response fields, not at their default"
    ERROR = "error rows"


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """One thing to touch: "KV/Put", "PutRequest.lease", "RangeRequest.sort_order=DESCEND",
    "EMPTY_KEY"."""

    aspect: str
    name: str


def item(aspect: Aspect, name: str) -> Item:
    return Item(aspect.value, name)


_NO_SUCH_MEMBER = "a single healthy member never gives it"

_SERVICE_OF_ERROR: Mapping[str, tuple[str, ...]] = {
    "Cluster": (
        "MEMBER_EXIST",
        "PEER_URL_EXIST",
        "MEMBER_NOT_ENOUGH_STARTED",
        "MEMBER_BAD_URLS",
        "MEMBER_NOT_FOUND",
        "MEMBER_NOT_LEARNER",
        "LEARNER_NOT_READY",
        "TOO_MANY_LEARNERS",
    ),
    "Auth": (
        "ROOT_USER_NOT_EXIST",
        "ROOT_ROLE_NOT_EXIST",
        "USER_ALREADY_EXIST",
        "USER_EMPTY",
        "USER_NOT_FOUND",
        "ROLE_ALREADY_EXIST",
        "ROLE_NOT_FOUND",
        "ROLE_EMPTY",
        "AUTH_FAILED",
        "PERMISSION_NOT_GIVEN",
        "PERMISSION_DENIED",
        "ROLE_NOT_GRANTED",
        "PERMISSION_NOT_GRANTED",
        "AUTH_NOT_ENABLED",
        "INVALID_AUTH_TOKEN",
        "INVALID_AUTH_MGMT",
        "AUTH_OLD_REVISION",
    ),
    "Maintenance": (
        "NO_SPACE",
        "CORRUPT",
        "BAD_LEADER_TRANSFEREE",
        "WRONG_DOWNGRADE_VERSION_FORMAT",
        "INVALID_DOWNGRADE_TARGET_VERSION",
        "CLUSTER_VERSION_UNAVAILABLE",
        "DOWNGRADE_IN_PROCESS",
        "NO_INFLIGHT_DOWNGRADE",
    ),
}
"""Rows that only one service's requests bring about: owed from the day that it is served."""

EXCUSES: Mapping[Item, str] = {
    item(Aspect.ERROR, "CLUSTER_VERSION_UNAVAILABLE"): "only before there is a first version",
    item(Aspect.ERROR, "MEMBER_EXIST"): "takes two members with one hash of URLs and time",
    item(Aspect.ERROR, "MEMBER_NOT_ENOUGH_STARTED"): "its text comes with the code UNKNOWN",
    item(Aspect.ERROR, "NO_INFLIGHT_DOWNGRADE"): "only logged: to give up nothing is answered OK",
    item(Aspect.RESPONSE, "StatusResponse.isLearner"): "a member that is alone has a vote",
    item(Aspect.RESPONSE, "SnapshotResponse.header"): "etcd never sets it",
    item(Aspect.RESPONSE, "SnapshotResponse.remaining_bytes"): (
        "a file of more than 32 KiB comes in as many pieces as it needs, and two servers' files of "
        "the same content differ in size; tests/services/test_snapshot.py looks at it"
    ),
    **{
        item(Aspect.RESPONSE, f"MemberPromoteResponse.{name}"): "takes a learner that is started"
        for name in ("header", "members")
    },
    **{
        item(Aspect.RESPONSE, f"{name}Response.header"): "etcd leaves it out"
        for name in ("Defragment", "MoveLeader")
    },
    **{
        item(Aspect.ERROR, name): _NO_SUCH_MEMBER
        for name in (
            "NO_LEADER",
            "NOT_LEADER",
            "LEADER_CHANGED",
            "NOT_CAPABLE",
            "TIMEOUT_DUE_TO_LEADER_FAIL",
            "TIMEOUT_DUE_TO_CONNECTION_LOST",
            "TIMEOUT_WAIT_APPLIED_INDEX",
            "NOT_SUPPORTED_FOR_LEARNER",
            "CLUSTER_ID_MISMATCH",
        )
    },
    item(Aspect.RESPONSE, "LeaseGrantResponse.error"): "set by no release since 3.0",
    item(Aspect.ERROR, "STOPPED"): "given by a server that is being stopped, if at all",
    item(Aspect.ERROR, "REQUEST_TOO_MANY_REQUESTS"): "takes 5,000 writes that wait for the disk",
    item(Aspect.ERROR, "CANCELED"): "goes to a caller that has gone already",
    item(Aspect.ERROR, "DEADLINE_EXCEEDED"): "goes to a caller that has gone already",
    item(Aspect.ERROR, "WATCH_CANCELED"): "goes to a caller that has gone already",
}
"""What no scenario can touch, and why."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Everything to touch, and which scenarios touch it.

    Args:
        owed: items by the service that they belong to.
        excused: items that cannot be touched, or not yet, with the reason.
        shown_by: ids of the scenarios that touch an item.
    """

    owed: Mapping[str, frozenset[Item]]
    excused: Mapping[Item, str]
    shown_by: Mapping[Item, list[str]] = field(default_factory=dict)

    @property
    def missing(self) -> list[Item]:
        """What is owed and not shown."""
        owed = frozenset().union(*self.owed.values())
        return sorted(one for one in owed - self.shown_by.keys() if one not in self.excused)

    @property
    def rotten(self) -> list[Item]:
        """What is excused and shown all the same."""
        return sorted(self.excused.keys() & self.shown_by.keys())


def measure(scenarios: Iterable[Scenario], recorded: Recordings) -> Coverage:
    """The coverage of all scenarios of which there is a recording."""
    shown_by: dict[Item, list[str]] = defaultdict(list)
    for scenario in scenarios:
        transcript = recorded.load(scenario)
        for touched in _touched(transcript) if transcript else ():
            shown_by[touched].append(scenario.id)
    return Coverage(_owed(), _excuses(), dict(shown_by))


def served() -> list[Method]:
    """The methods that there is a handler for."""
    return [method for method in METHODS.values() if method.handler is not None]


def _owed() -> dict[str, frozenset[Item]]:
    owed: dict[str, set[Item]] = defaultdict(set)
    for method in served():
        service = owed[method.service]
        service.add(item(Aspect.METHOD, method.path.rpartition(".")[2]))
        if method.gateway is not None:
            routes = (method.gateway, *method.gateway_aliases)
            service.update(item(Aspect.ROUTE, path) for path in routes)
        for name, each in _fields_within(method.request):
            service.update(_request_items(name, each))
        service.update(item(Aspect.RESPONSE, name) for name, _ in _fields_within(method.response))
    owed["every service"] = {item(Aspect.ERROR, name) for name in errors.ALL}
    return {service: frozenset(items) for service, items in owed.items()}


def _excuses() -> dict[Item, str]:
    here = {method.service.rpartition(".")[2] for method in served()}
    excuses = dict(EXCUSES)
    for service, names in _SERVICE_OF_ERROR.items():
        if service not in here:
            excuses.update({item(Aspect.ERROR, name): f"comes with {service}" for name in names})
    return excuses


def _request_items(name: str, each: FieldDescriptor) -> Iterator[Item]:
    yield item(Aspect.SET, name)
    if each.containing_oneof is None:
        yield item(Aspect.UNSET, name)
    else:
        yield item(Aspect.ARM, name)
    if each.enum_type is not None:
        for value in each.enum_type.values:
            yield item(Aspect.ENUM, f"{name}={value.name}")


def _fields_within(root: type[Message]) -> Iterator[tuple[str, FieldDescriptor]]:
    """The fields of a message and of all that can be inside it, with "Message.field"."""
    seen = {root.DESCRIPTOR.full_name}
    waiting: list[Descriptor] = [root.DESCRIPTOR]  # type: ignore[list-item]  # upb's own is one
    while waiting:
        descriptor = waiting.pop()
        for each in descriptor.fields:
            yield f"{descriptor.name}.{each.name}", each
            inner = each.message_type
            if inner is not None and inner.full_name not in seen:
                seen.add(inner.full_name)
                waiting.append(inner)


def _touched(transcript: Transcript) -> set[Item]:
    touched: set[Item] = set()
    for part in transcript.parts:
        touched.update(_touched_by(part))
    return touched


def _touched_by(part: Part) -> Iterator[Item]:
    name = part.head.rpartition(" ")[2]
    if part.mark == "=":
        # A code behind the connection's label, and the text where there is one.
        words, _, text = part.head.partition(' "')
        yield from _error_items(words.rpartition(" ")[2], text[:-1])
    elif part.mark == "<" and name in ("headers", "trailers"):
        headers = dict(map(_pair, part.fields))
        code = headers.get("grpc-status", "")
        if code.isdigit():
            yield from _error_items(Code(int(code)).name, headers.get("grpc-message", ""))
    elif part.mark == "<":
        if hasattr(m, name):
            yield from _response_items(getattr(m, name).DESCRIPTOR, part.fields)
    elif route := _ROUTE.fullmatch(part.head):
        yield item(Aspect.ROUTE, route[1])
    elif not part.head.startswith("by hand "):
        yield from _asked_items(part, name)


_ROUTE = re.compile(r'(?:HTTP/1\.[01] POST|websocket) "(/v3/[^"?]*)"')


def _pair(header: Field) -> tuple[str, str]:
    """A header's key and value without their quotes."""
    key, value = (str(each.value)[1:-1] for each in header.value if isinstance(each, Field))
    return key, value


def _error_items(code: str, text: str) -> Iterator[Item]:
    row = errors.BY_MESSAGE.get(text)
    if row is not None and row.code.name == code:
        yield item(Aspect.ERROR, row.__name__)


def _asked_items(part: Part, name: str) -> Iterator[Item]:
    """What a request touches; `name` is a method's or, on a stream, a message's."""
    if "/" in name and not name.startswith(("/", '"')):
        yield item(Aspect.METHOD, name)
        name = method_named(name).request.DESCRIPTOR.name
        if "open" in part.head.split():
            return
    if hasattr(m, name) and not any(each.name == "bytes" for each in part.fields):
        yield from _sent_items(getattr(m, name).DESCRIPTOR, part.fields)


def _sent_items(descriptor: Descriptor, fields: tuple[Field, ...]) -> Iterator[Item]:
    names = {each.name for each in fields}
    for each in descriptor.fields:
        name = f"{descriptor.name}.{each.name}"
        if each.name not in names and each.containing_oneof is None:
            yield item(Aspect.UNSET, name)
            if each.enum_type is not None:
                yield item(Aspect.ENUM, f"{name}={each.enum_type.values_by_number[0].name}")
    for given in fields:
        if given.name not in descriptor.fields_by_name:
            continue  # metadata
        each = descriptor.fields_by_name[given.name]
        name = f"{descriptor.name}.{each.name}"
        yield item(Aspect.SET, name)
        if each.containing_oneof is not None:
            yield item(Aspect.ARM, name)
        if each.enum_type is not None:
            yield item(Aspect.ENUM, f"{name}={given.value}")
        if isinstance(given.value, tuple) and each.message_type is not None:
            yield from _sent_items(each.message_type, given.value)


def _response_items(descriptor: Descriptor, fields: tuple[Field, ...]) -> Iterator[Item]:
    for given in fields:
        if given.name not in descriptor.fields_by_name:
            continue  # what the message's own fields do not show
        each = descriptor.fields_by_name[given.name]
        yield item(Aspect.RESPONSE, f"{descriptor.name}.{each.name}")
        if isinstance(given.value, tuple) and each.message_type is not None:
            yield from _response_items(each.message_type, given.value)


def text(coverage: Coverage) -> str:
    """What `coverage` prints: counts, and what is missing."""
    lines = [f"{aspect}: {shown} of {owed}" for aspect, shown, owed, _ in _counts(coverage) if owed]
    lines += [f"missing: {one.aspect}: {one.name}" for one in coverage.missing]
    lines += [f"excused, yet shown: {one.aspect}: {one.name}" for one in coverage.rotten]
    return "\n".join(lines) + "\n"


def _counts(coverage: Coverage) -> Iterator[tuple[str, int, int, int]]:
    """For each aspect: how many are shown, how many there are to show, how many are excused."""
    everything = frozenset().union(*coverage.owed.values())
    for aspect in Aspect:
        items = {one for one in everything if one.aspect == aspect.value}
        excused = {one for one in items if one in coverage.excused}
        shown = items & coverage.shown_by.keys() - excused
        yield aspect.value, len(shown), len(items - excused), len(excused)


def markdown(coverage: Coverage, version: str) -> str:
    """docs/coverage.md."""
    services = sorted(coverage.owed.keys() - {"every service"})
    absent = sorted({method.service for method in METHODS.values()} - set(services))
    lines = [
        "# What of etcd's API the conformance suite touches",
        "",
        "<!-- Written by `python -m conformance coverage`; do not edit. -->",
        "",
        f"Counted from the transcripts of etcd {version}: {', '.join(services)}. "
        f"Not served yet, so not counted: {', '.join(absent)}.",
        "",
        "| what | touched | of | cannot be touched |",
        "| --- | --- | --- | --- |",
        *(f"| {name} | {shown} | {owed} | {no} |" for name, shown, owed, no in _counts(coverage)),
        "",
        "## Missing",
        "",
        *([f"- {one.aspect}: `{one.name}`" for one in coverage.missing] or ["Nothing."]),
        "",
        "## What cannot be touched",
        "",
        "| what | why |",
        "| --- | --- |",
        *(
            f"| {one.aspect}: `{one.name}` | {why} |"
            for one, why in sorted(coverage.excused.items())
        ),
        "",
        "## Where each error row is shown",
        "",
        "| row | code | text | scenarios |",
        "| --- | --- | --- | --- |",
        *_error_rows(coverage),
    ]
    return "\n".join(lines) + "\n"


def _error_rows(coverage: Coverage) -> Iterator[str]:
    for name, row in errors.ALL.items():
        shown = coverage.shown_by.get(item(Aspect.ERROR, name))
        if shown:
            more = f" and {len(shown) - 1} more" if len(shown) > 1 else ""
            yield f"| {name} | {row.code.name} | {row.message} | `{shown[0]}`{more} |"
