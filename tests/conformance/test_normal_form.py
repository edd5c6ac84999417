"""Messages as fields: which numbers get a name, which stay, and that nothing is left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from conformance import normal_form
from conformance.normal_form import LARGEST_REVISION, Names, Rule, answer_fields, message_fields
from conformance.transcript import Part, render_part
from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS

NUMBERS = (
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_INT32,
    FieldDescriptor.TYPE_UINT32,
)

CHOSEN_BY_COUNTING = {"WatchRequest.watch_id", "WatchCreateRequest.watch_id"} | {
    "WatchCancelRequest.watch_id",
    "WatchResponse.watch_id",
}
"""Ids without a rule: a stream's watches are counted from 0, on every server."""


def messages_of_the_api() -> dict[str, Descriptor]:
    """Every message that a request or an answer can hold, by full name."""
    found: dict[str, Descriptor] = {}

    def walk(given: object) -> None:
        descriptor = cast(Descriptor, given)
        if descriptor.full_name not in found:
            found[descriptor.full_name] = descriptor
            for field in descriptor.fields:
                if field.message_type is not None:
                    walk(field.message_type)

    for method in METHODS.values():
        walk(method.request.DESCRIPTOR)
        walk(method.response.DESCRIPTOR)
    return found


def number_fields() -> Iterator[tuple[str, str]]:
    """Message and field of each number in the API."""
    for descriptor in messages_of_the_api().values():
        for field in descriptor.fields:
            if field.type in NUMBERS:
                yield descriptor.name, field.name


def line(message: Message, names: Names | None = None, *, sent: bool = False) -> str:
    """The fields of a message as a transcript has them, when they go on one line."""
    fields = message_fields(message, names or Names(), sent=sent)
    return " ".join(" ".join(render_part(Part("<", "", fields))).split()).removeprefix("< ")


def answer(kind: type[Message], encoded: bytes) -> str:
    return render_part(Part("<", "A", answer_fields(kind, encoded, Names())))[0]


def rule(message: str, field: str) -> Rule | None:
    rule, _ = (
        normal_form._RULES.get(f"{message}.{field}")
        or normal_form._RULES.get(field)
        or (None, None)
    )
    return rule


def test_every_rule_is_for_a_number_of_the_api() -> None:
    there = {name for message, field in number_fields() for name in (field, f"{message}.{field}")}
    assert [name for name in normal_form._RULES if name not in there] == []


def test_every_id_has_a_rule() -> None:
    without = {
        f"{message}.{field}"
        for message, field in number_fields()
        if field.lower().endswith("id") or field == "lease"
        if rule(message, field) is not Rule.ID
    }
    assert without - CHOSEN_BY_COUNTING == set()


def test_every_revision_of_a_store_has_a_rule() -> None:
    without = {
        f"{message}.{field}"
        for message, field in number_fields()
        if "revision" in field.lower()
        if rule(message, field) is not Rule.REVISION
    }
    # auth's own counter, which no write to the store moves
    assert without == {"AuthStatusResponse.authRevision"}


def test_every_size_index_and_term_has_a_rule() -> None:
    status = m.StatusResponse(
        version="3.7.3", dbSize=1, leader=2, raftIndex=3, raftTerm=4, raftAppliedIndex=5
    )
    assert line(status) == (
        'version: "3.7.3" dbSize: <bytes> leader: member#1 raftIndex: <index> raftTerm: term#1 '
        "raftAppliedIndex: <index>"
    )


def test_names_are_by_kind_and_in_the_order_of_appearance() -> None:
    names = Names()
    assert line(m.ResponseHeader(cluster_id=9, member_id=9, raft_term=9), names) == (
        "cluster_id: cluster#1 member_id: member#1 raft_term: term#1"
    )
    assert line(m.Member(ID=8), names) == "ID: member#2"
    assert line(m.Member(ID=9), names) == "ID: member#1"
    assert line(m.LeaseGrantResponse(ID=9), names) == "ID: lease#1"
    assert line(m.KeyValue(lease=8), names) == "lease: lease#2"
    assert line(m.LeaderKey(lease=9), names) == "lease: lease#1"


def test_a_message_of_members_has_members_ids_and_one_of_leases_leases() -> None:
    names = Names()
    assert line(m.MemberRemoveRequest(ID=1), names) == "ID: member#1"
    assert line(m.MemberUpdateRequest(ID=1), names) == "ID: member#1"
    assert line(m.MemberPromoteRequest(ID=1), names) == "ID: member#1"
    assert line(m.MoveLeaderRequest(targetID=1), names) == "targetID: member#1"
    assert line(m.AlarmMember(memberID=1), names) == "memberID: member#1"
    assert line(m.LeaseStatus(ID=1), names) == "ID: lease#1"


def test_an_id_that_the_scenario_chose_stays_wherever_it_is() -> None:
    names = Names()
    assert line(m.LeaseGrantRequest(ID=77), names, sent=True) == "ID: 77"
    assert line(m.LeaseGrantResponse(ID=77), names) == "ID: 77"
    assert line(m.LeaseGrantResponse(ID=78), names) == "ID: lease#1"
    assert line(m.Member(ID=77), names) == "ID: member#1"


def test_an_id_that_the_server_chose_keeps_its_name_when_it_is_sent() -> None:
    names = Names()
    assert line(m.LeaseGrantResponse(ID=77), names) == "ID: lease#1"
    assert line(m.PutRequest(key=b"a", lease=77), names, sent=True) == 'key: "a" lease: lease#1'


def test_an_id_of_0_is_none() -> None:
    names = Names()
    compare = m.Compare(key=b"a", lease=0)
    assert line(compare, names) == 'key: "a" lease: 0'
    assert line(m.KeyValue(lease=-5), names) == "lease: lease#1"


@pytest.mark.parametrize("base", [0, 1, 1_000])
@pytest.mark.parametrize(
    ("revision", "word"),
    [(1, "1"), (2, "2"), (LARGEST_REVISION - 1, str(LARGEST_REVISION - 1))],
)
def test_revisions_are_counted_from_the_base(base: int, revision: int, word: str) -> None:
    names = Names(base)
    header = m.ResponseHeader(revision=base + revision)
    assert line(header, names) == f"revision: {word}"
    assert line(m.RangeRequest(revision=base + revision), names, sent=True) == f"revision: {word}"
    assert normal_form.shifted(revision, base) == base + revision


@pytest.mark.parametrize("base", [0, 1_000])
@pytest.mark.parametrize("revision", [-1, -(2**63), 2**62, 2**63 - 1])
def test_revisions_that_no_store_has_stay(base: int, revision: int) -> None:
    assert line(m.RangeRequest(revision=revision), Names(base)) == f"revision: {revision}"
    assert normal_form.shifted(revision, base) == revision


def test_a_revision_of_0_is_not_shifted() -> None:
    assert normal_form.shifted(0, 1_000) == 0
    assert line(m.Compare(mod_revision=0), Names(1_000)) == "mod_revision: 0"


def test_a_revision_from_before_the_base_stays() -> None:
    assert line(m.KeyValue(create_revision=10, mod_revision=11), Names(10)) == (
        "create_revision: 10 mod_revision: 1"
    )


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**20))
def test_what_is_shifted_is_written_as_it_was(revision: int, base: int) -> None:
    if not base < revision < base + LARGEST_REVISION:
        return
    shifted = normal_form.shifted(revision - base, base)
    assert Names(base).number("RangeRequest", "revision", shifted, True) == str(revision - base)


@pytest.mark.parametrize("auth_base", [0, 40])
def test_revisions_of_users_and_roles_are_counted_from_their_own_base(auth_base: int) -> None:
    answer = m.AuthStatusResponse(
        header=m.ResponseHeader(revision=1_007), enabled=True, authRevision=auth_base + 3
    )
    assert line(answer, Names(1_000, auth_base)) == (
        "header { revision: 7 } enabled: true authRevision: 3"
    )


def test_tokens_are_named_in_the_order_of_appearance() -> None:
    names = Names()
    answers = [m.AuthenticateResponse(token=token) for token in ("x.1", "y.2", "x.1")]
    words = ['token: "token#1"', 'token: "token#2"', 'token: "token#1"']
    assert [line(answer, names) for answer in answers] == words


def test_a_token_is_named_wherever_it_is_and_the_longest_one_first() -> None:
    names = Names()
    for token in ("a.1", "a.12"):
        names.name_token(token)
    names.name_token("A.1", "in-capitals")
    assert names.without_tokens(b"Bearer a.12, a.1; A.1") == (
        b"Bearer token#2, token#1; token#in-capitals"
    )


def test_a_time_or_size_of_0_or_less_stays() -> None:
    assert line(m.LeaseTimeToLiveResponse(TTL=-1)) == "TTL: -1"
    assert line(m.LeaseTimeToLiveResponse(TTL=7, grantedTTL=9)) == "TTL: <seconds> grantedTTL: 9"
    assert line(m.LeaseGrantResponse(TTL=7)) == "TTL: 7"
    assert Names().number("StatusResponse", "dbSize", 0, False) == "0"


def test_the_keys_of_a_lease_are_sorted_and_other_lists_are_not() -> None:
    shown = m.LeaseTimeToLiveResponse(keys=[b"b", b"a", b"c"])
    assert line(shown) == 'keys: "a" keys: "b" keys: "c"'
    leases = m.LeaseLeasesResponse(leases=[m.LeaseStatus(ID=9), m.LeaseStatus(ID=8)])
    assert line(leases) == "leases { ID: lease#1 } leases { ID: lease#2 }"
    put = m.RequestOp(request_put=m.PutRequest(key=b"b"))
    delete = m.RequestOp(request_delete_range=m.DeleteRangeRequest(key=b"a"))
    assert line(m.TxnRequest(success=[put, delete])).startswith("success { request_put")


def test_every_list_without_order_is_one_of_the_api() -> None:
    lists = {
        f"{descriptor.name}.{field.name}"
        for descriptor in messages_of_the_api().values()
        for field in descriptor.fields
        if field.type in (FieldDescriptor.TYPE_BYTES, FieldDescriptor.TYPE_STRING)
        or field.message_type is not None
    }
    assert lists >= normal_form._UNORDERED | normal_form._MEMBERS


def test_members_are_sorted_by_what_is_not_their_id() -> None:
    members = [m.Member(ID=1, peerURLs=["b"]), m.Member(ID=2, peerURLs=["a"]), m.Member(name="n")]
    shown = 'members { ID: member#1 peerURLs: "a" } members { ID: member#2 peerURLs: "b" }'
    assert line(m.MemberListResponse(members=members)) == f'{shown} members {{ name: "n" }}'


def test_alarms_are_sorted_and_their_members_named_in_texts_too() -> None:
    alarms = [m.AlarmMember(memberID=9, alarm=m.NOSPACE), m.AlarmMember(alarm=m.NOSPACE)]
    listed = "alarms { alarm: NOSPACE } alarms { memberID: member#1 alarm: NOSPACE }"
    assert line(m.AlarmResponse(alarms=alarms)) == listed
    told = m.StatusResponse(errors=["memberID:9  alarm:NOSPACE", "alarm:CORRUPT"])
    assert line(told) == 'errors: "alarm:CORRUPT" errors: "memberID:member#1 alarm:NOSPACE"'


def test_every_kind_of_value_has_a_word() -> None:
    request = m.RangeRequest(key=b"a", limit=-3, sort_order=m.RangeRequest.DESCEND, keys_only=True)
    assert line(request) == 'key: "a" limit: -3 sort_order: DESCEND keys_only: true'
    assert line(m.RangeRequest(sort_order=7, sort_target=-1)) == "sort_order: 7 sort_target: -1"
    assert line(m.StatusResponse(errors=["é", "b"])) == r'errors: "b" errors: "\xc3\xa9"'
    assert line(m.AuthUserGetResponse(roles=["r"])) == 'roles: "r"'
    filters = m.WatchCreateRequest(filters=[0, 1, 5])
    assert line(filters) == "filters: NOPUT filters: NODELETE filters: 5"


def test_a_union_that_is_set_is_shown_at_0_too() -> None:
    assert line(m.Compare(version=0)) == "version: 0"
    assert line(m.Compare(value=b"")) == 'value: ""'
    assert line(m.RequestOp(request_range=m.RangeRequest())) == "request_range { }"


def test_entries_of_a_map_are_in_the_order_of_their_keys() -> None:
    health = m.HealthListResponse()
    for key in ("b", "a", ""):
        health.statuses[key].status = m.HealthCheckResponse.SERVING
    assert line(health) == (
        'statuses { key: "" value { status: SERVING } } '
        'statuses { key: "a" value { status: SERVING } } '
        'statuses { key: "b" value { status: SERVING } }'
    )
    encoded = b"".join(
        m.HealthListResponse(statuses={key: health.statuses[key]}).SerializeToString()
        for key in ("b", "", "a")
    )
    assert "encoded" not in answer(m.HealthListResponse, encoded)


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        (b"\x20\x02", "< A count: 2"),
        (b"", "< A"),
        (b"\x20\x02\x98\x06\x05", r'< A count: 2 encoded: " \x02\x98\x06\x05"'),
        (b"\x98\x06\x05", r'< A encoded: "\x98\x06\x05"'),
        (b"\x20\x00", r'< A encoded: " \x00"'),
        (b"\x20\x82\x00", r'< A count: 2 encoded: " \x82\x00"'),
        (b"\x20\x01\x20\x02", r'< A count: 2 encoded: " \x01 \x02"'),
        (b"\x0a\x04\x98\x06\x05\x18", r'< A undecodable: "\n\x04\x98\x06\x05\x18"'),
        (b"\x0a\x03\x98\x06\x05", r'< A header { } encoded: "\n\x03\x98\x06\x05"'),
        (b"\xff", r'< A undecodable: "\xff"'),
    ],
    ids=repr,
)
def test_whatever_the_fields_do_not_show_is_shown_as_bytes(encoded: bytes, expected: str) -> None:
    assert answer(m.RangeResponse, encoded) == expected


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("proto:\N{NO-BREAK SPACE}cannot parse", "proto: cannot parse"),
        ("proto:%C2%A0cannot parse", "proto: cannot parse"),
        ("proto: cannot parse", "proto: cannot parse"),
        ("x: proto:\N{NO-BREAK SPACE}a, proto:%C2%A0b", "x: proto: a, proto: b"),
        ("etcd:\N{NO-BREAK SPACE}%C2%A0", "etcd:\N{NO-BREAK SPACE}%C2%A0"),
    ],
)
def test_the_white_space_of_proto_errors_is_one_blank(given_text: str, expected: str) -> None:
    assert normal_form.text(given_text) == expected


def test_texts_in_messages_are_made_comparable_too() -> None:
    watch = m.WatchResponse(cancel_reason="proto:\N{NO-BREAK SPACE}x")
    assert line(watch) == 'cancel_reason: "proto: x"'
