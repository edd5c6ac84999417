"""docs/fidelity.md: what the page says of results made for it, and that the one there is right."""

from __future__ import annotations

from pathlib import Path

from conformance import fidelity, recordings, runner
from conformance.recordings import Recordings
from conformance.runner import Outcome, Result
from conformance.scenario import Mark, Marked, Scenario, all_scenarios
from conformance.targets import FakeEtcd

CHECKOUT = Path(__file__).resolve().parents[2]


def nothing(session: object) -> None:
    """A scenario that is never run."""


def test_the_page_is_what_a_run_says() -> None:
    """The scenarios without a mark are equal, or test_suite.py fails; those with one are run."""
    recorded = recordings.of(recordings.DEFAULT)
    work = runner.against_recordings(FakeEtcd(), recorded, marks=True)
    scenarios = all_scenarios()
    marked = [scenario for scenario in scenarios if scenario.mark is not None]
    differing = {
        result.scenario: result for result in runner.run(marked, work, 4, lambda result: None)
    }
    results = [differing.get(scenario) or Result(scenario, Outcome.EQUAL) for scenario in scenarios]
    page = fidelity.markdown(results, recorded)
    assert (CHECKOUT / "docs" / "fidelity.md").read_text() == page


def test_a_marked_difference_is_shown_with_its_reason_under_its_kind(tmp_path: Path) -> None:
    recorded = Recordings(tmp_path)
    recorded.sign("3.7.3")
    stays = Scenario("kv", "it_helps", nothing, mark=Mark(Marked.ON_PURPOSE, "it is kind"))
    goes = Scenario("txn", "it_is_slow", nothing, mark=Mark(Marked.KNOWN_LIMIT, "it is hard"))
    results = [
        Result(stays, Outcome.EXPECTED, ("exchange 1:", "- = OK", "+ = UNKNOWN")),
        Result(Scenario("kv", "it_works", nothing), Outcome.EQUAL),
        Result(goes, Outcome.EXPECTED, ("exchange 2:",)),
    ]
    page = fidelity.markdown(results, recorded)
    assert "\n| kv | 2 | 1 | 0 | 1 |\n| txn | 1 | 0 | 1 | 0 |\n" in page
    on_purpose, _, rest = page.partition("## On purpose")[2].partition("## Known limits")
    limits, _, every = rest.partition("## Every scenario")
    assert (
        "### It helps.\n\nIt is kind (`kv/it_helps`; `-` is etcd, `+` is fake_etcd):\n\n"
        "```diff\nexchange 1:\n- = OK\n+ = UNKNOWN\n```\n"
    ) in on_purpose
    assert "It is hard (`txn/it_is_slow`;" in limits
    assert every == (
        "\n\n### kv\n\n- differs: It helps.\n- equal: It works.\n"
        "\n### txn\n\n- differs: It is slow.\n"
    )
