"""What coverage counts, on transcripts made for it and on the recordings that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance import coverage, recordings, transcript
from conformance.coverage import Aspect, Coverage, Item, item
from conformance.scenario import Scenario, all_scenarios
from fake_etcd.api import errors

CHECKOUT = Path(__file__).resolve().parents[2]


def nothing(session: object) -> None:
    """A scenario that is never run."""


def measured(tmp_path: Path, *texts: str) -> Coverage:
    """The coverage of transcripts with these parts."""
    recorded = recordings.Recordings(tmp_path)
    scenarios = [Scenario("area", f"number_{number}", nothing) for number in range(len(texts))]
    for scenario, text in zip(scenarios, texts, strict=True):
        recorded.save(scenario, transcript.parse(f"A sentence.\n\n{text}"))
    return coverage.measure(scenarios, recorded)


def shown(tmp_path: Path, *texts: str) -> set[Item]:
    return set(measured(tmp_path, *texts).shown_by)


def test_the_recordings_touch_all_that_can_be_touched() -> None:
    measured = coverage.measure(all_scenarios(), recordings.of(recordings.DEFAULT))
    assert (measured.missing, measured.rotten) == ([], [])


def test_the_page_is_what_the_recordings_say() -> None:
    recorded = recordings.of(recordings.DEFAULT)
    page = coverage.markdown(coverage.measure(all_scenarios(), recorded), recorded.version)
    assert (CHECKOUT / "docs" / "coverage.md").read_text() == page


def test_without_transcripts_all_of_the_served_methods_is_missing(tmp_path: Path) -> None:
    missing = measured(tmp_path).missing
    methods = [one.name for one in missing if one.aspect == Aspect.METHOD.value]
    assert methods == [
        "Auth/AuthDisable",
        "Auth/AuthEnable",
        "Auth/AuthStatus",
        "Auth/Authenticate",
        "Auth/RoleAdd",
        "Auth/RoleDelete",
        "Auth/RoleGet",
        "Auth/RoleGrantPermission",
        "Auth/RoleList",
        "Auth/RoleRevokePermission",
        "Auth/UserAdd",
        "Auth/UserChangePassword",
        "Auth/UserDelete",
        "Auth/UserGet",
        "Auth/UserGrantRole",
        "Auth/UserList",
        "Auth/UserRevokeRole",
        "Cluster/MemberAdd",
        "Cluster/MemberList",
        "Cluster/MemberPromote",
        "Cluster/MemberRemove",
        "Cluster/MemberUpdate",
        "Election/Campaign",
        "Election/Leader",
        "Election/Observe",
        "Election/Proclaim",
        "Election/Resign",
        "Health/Check",
        "Health/List",
        "Health/Watch",
        "KV/Compact",
        "KV/DeleteRange",
        "KV/Put",
        "KV/Range",
        "KV/RangeStream",
        "KV/Txn",
        "Lease/LeaseGrant",
        "Lease/LeaseKeepAlive",
        "Lease/LeaseLeases",
        "Lease/LeaseRevoke",
        "Lease/LeaseTimeToLive",
        "Lock/Lock",
        "Lock/Unlock",
        "Maintenance/Alarm",
        "Maintenance/Defragment",
        "Maintenance/Downgrade",
        "Maintenance/Hash",
        "Maintenance/HashKV",
        "Maintenance/MoveLeader",
        "Maintenance/Snapshot",
        "Maintenance/Status",
        "Watch/Watch",
    ]
    assert item(Aspect.ERROR, "EMPTY_KEY") in missing
    assert item(Aspect.ERROR, "NO_LEADER") not in missing
    assert item(Aspect.ENUM, "RangeRequest.sort_target=VALUE") in missing
    assert item(Aspect.ARM, "RequestOp.request_txn") in missing
    assert item(Aspect.RESPONSE, "ResponseHeader.raft_term") in missing


def test_a_request_touches_its_method_and_each_field_set_or_not(tmp_path: Path) -> None:
    touched = shown(tmp_path, '> KV/Put key: "a" prev_kv: true')
    assert touched == {
        item(Aspect.METHOD, "KV/Put"),
        item(Aspect.SET, "PutRequest.key"),
        item(Aspect.SET, "PutRequest.prev_kv"),
        item(Aspect.UNSET, "PutRequest.value"),
        item(Aspect.UNSET, "PutRequest.lease"),
        item(Aspect.UNSET, "PutRequest.ignore_value"),
        item(Aspect.UNSET, "PutRequest.ignore_lease"),
    }


def test_what_is_inside_a_request_counts_as_well(tmp_path: Path) -> None:
    touched = shown(tmp_path, '> KV/Txn compare { result: GREATER key: "a" version: 0 }')
    assert {one for one in touched if one.name.startswith("Compare")} == {
        item(Aspect.SET, "Compare.result"),
        item(Aspect.ENUM, "Compare.result=GREATER"),
        item(Aspect.UNSET, "Compare.target"),
        item(Aspect.ENUM, "Compare.target=VERSION"),
        item(Aspect.SET, "Compare.key"),
        item(Aspect.UNSET, "Compare.range_end"),
        item(Aspect.SET, "Compare.version"),
        item(Aspect.ARM, "Compare.version"),
    }


@pytest.mark.parametrize(
    "text", ['> KV/Put bytes: "\\x0a"', '> connection#2 KV/Put bytes: ""'], ids=["first", "second"]
)
def test_bytes_in_place_of_a_request_touch_the_method_alone(tmp_path: Path, text: str) -> None:
    assert shown(tmp_path, text) == {item(Aspect.METHOD, "KV/Put")}


@pytest.mark.parametrize(
    "text",
    [
        '> by hand KV/Put data: "\\x00"',
        '> /etcdserverpb.KV/Put bytes: ""',
        '> HTTP/1.1 GET "/health"\n< 200 "OK" body: ""',
        '< bytes bytes: "a"',
    ],
)
def test_what_is_no_well_made_call_touches_nothing(tmp_path: Path, text: str) -> None:
    assert shown(tmp_path, text) == set()


def test_an_answer_touches_the_fields_that_are_not_at_their_default(tmp_path: Path) -> None:
    touched = shown(tmp_path, '< connection#2 RangeResponse kvs { key: "a" } count: 1')
    assert touched == {
        item(Aspect.RESPONSE, "RangeResponse.kvs"),
        item(Aspect.RESPONSE, "KeyValue.key"),
        item(Aspect.RESPONSE, "RangeResponse.count"),
    }


def test_an_error_row_is_a_code_and_a_text(tmp_path: Path) -> None:
    text = '"etcdserver: key is not provided"'
    row = {item(Aspect.ERROR, "EMPTY_KEY")}
    assert shown(tmp_path, f"= INVALID_ARGUMENT {text}") == row
    assert shown(tmp_path, f"= connection#2 INVALID_ARGUMENT {text}") == row
    assert shown(tmp_path, f"= NOT_FOUND {text}") == set()
    assert shown(tmp_path, "= OK") == set()


def test_an_error_row_counts_in_headers_and_trailers_too(tmp_path: Path) -> None:
    message = 'header { key: "grpc-message" value: "etcdserver: key is not provided" }'
    status = 'header { key: "grpc-status" value: "3" }'
    row = {item(Aspect.ERROR, "EMPTY_KEY")}
    assert shown(tmp_path, f"< trailers {message} {status}") == row
    assert shown(tmp_path, f"< headers {message} {status}") == row
    assert shown(tmp_path, f"< headers {message}") == set()


def test_what_is_excused_and_shown_all_the_same_is_said(tmp_path: Path) -> None:
    found = measured(tmp_path, '= UNAVAILABLE "etcdserver: no leader"')
    assert found.rotten == [item(Aspect.ERROR, "NO_LEADER")]
    assert "excused, yet shown: error rows: NO_LEADER\n" in coverage.text(found)


def test_reasons_are_given_for_rows_that_exist() -> None:
    named = {name for names in coverage._SERVICE_OF_ERROR.values() for name in names}
    named |= {one.name for one in coverage.EXCUSES if one.aspect == Aspect.ERROR.value}
    assert named - errors.ALL.keys() == set()


def test_the_page_says_which_scenario_shows_an_error(tmp_path: Path) -> None:
    text = '= INVALID_ARGUMENT "etcdserver: key is not provided"'
    page = coverage.markdown(measured(tmp_path, text, text), "3.7.3")
    row = "| EMPTY_KEY | INVALID_ARGUMENT | etcdserver: key is not provided |"
    assert f"{row} `area/number_0` and 1 more |\n" in page
