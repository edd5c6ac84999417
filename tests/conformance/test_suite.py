"""Every scenario of the suite on fake_etcd, against what real etcd answered."""

from __future__ import annotations

import re

import pytest

from conformance import recordings, runner
from conformance.runner import Outcome
from conformance.scenario import Scenario, all_scenarios
from conformance.targets import FakeEtcd
from fake_etcd.api import version

RECORDED = recordings.of(recordings.DEFAULT)
SCENARIOS = all_scenarios()
AREAS = {
    "auth",
    "cluster",
    "compact",
    "concurrency",
    "errors",
    "gateway",
    "health",
    "http",
    "kv",
    "lease",
    "maintenance",
    "rangestream",
    "transport",
    "txn",
    "watch",
}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_fake_etcd_answers_as_etcd_did(scenario: Scenario) -> None:
    result = runner.against_recordings(FakeEtcd(), RECORDED, marks=True)(scenario)
    wanted = Outcome.EXPECTED if scenario.mark else Outcome.EQUAL
    assert (result.outcome, () if scenario.mark else result.lines) == (wanted, ())


def test_every_scenario_is_recorded_and_every_recording_is_of_a_scenario() -> None:
    assert [one.id for one in SCENARIOS if RECORDED.load(one) is None] == []
    assert RECORDED.stale(SCENARIOS) == []


def test_the_recordings_are_of_the_release_that_fake_etcd_says_it_is() -> None:
    assert RECORDED.version == version.SERVER
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", RECORDED.day)


def test_there_are_scenarios_of_every_area() -> None:
    assert {scenario.area for scenario in SCENARIOS} == AREAS


def test_a_recording_begins_with_its_scenarios_sentence_and_says_something() -> None:
    for scenario in SCENARIOS:
        transcript = RECORDED.load(scenario)
        assert transcript is not None
        assert transcript.sentence == scenario.sentence
        assert {part.mark for part in transcript.parts} >= {">"}
        assert {part.mark for part in transcript.parts} & {"<", "="}, scenario.id
