"""Transcripts on file: where they are, and what says from which etcd they are."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from conformance import recordings
from conformance.recordings import Recordings
from conformance.transcript import Field, ParseError, Part, Transcript

from .made_up import scenario

ONE = Transcript("A put.", (Part(">", "KV/Put", (Field("key", '"\\xff"'),)), Part("=", "OK")))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    kept = Recordings(tmp_path / "3.7")
    kept.save(scenario("put", area="kv"), ONE)
    assert kept.load(scenario("put", area="kv")) == ONE
    assert (tmp_path / "3.7" / "kv" / "put.txt").read_text() == (
        'A put.\n\n> KV/Put key: "\\xff"\n= OK\n'
    )


def test_saving_again_replaces(tmp_path: Path) -> None:
    kept = Recordings(tmp_path)
    kept.save(scenario("put"), ONE)
    kept.save(scenario("put"), Transcript("A put.", ()))
    assert kept.load(scenario("put")) == Transcript("A put.", ())


def test_what_was_not_recorded_is_none(tmp_path: Path) -> None:
    kept = Recordings(tmp_path)
    kept.save(scenario("put", area="kv"), ONE)
    assert kept.load(scenario("put", area="txn")) is None
    assert kept.load(scenario("puts", area="kv")) is None


def test_a_file_that_is_no_transcript_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "area").mkdir()
    (tmp_path / "area" / "put.txt").write_text("A put.\n\n> KV/Put key: }\n")
    with pytest.raises(ParseError):
        Recordings(tmp_path).load(scenario("put"))


def test_a_signature_is_the_version_and_the_day(tmp_path: Path) -> None:
    kept = Recordings(tmp_path / "3.7")
    assert (kept.version, kept.day) == ("", "")
    before = date.today().isoformat()
    kept.sign("3.7.3")
    assert kept.version == "3.7.3"
    assert before <= kept.day <= date.today().isoformat()
    about = json.loads((tmp_path / "3.7" / "recorded.json").read_text())
    assert about == {"version": "3.7.3", "day": kept.day}


def test_a_file_without_a_scenario_is_stale(tmp_path: Path) -> None:
    kept = Recordings(tmp_path)
    for name, area in (("a", "kv"), ("b", "kv"), ("a", "txn")):
        kept.save(scenario(name, area=area), ONE)
    kept.sign("3.7.3")
    assert kept.stale([scenario("a", area="kv"), scenario("not_recorded", area="kv")]) == [
        tmp_path / "kv" / "b.txt",
        tmp_path / "txn" / "a.txt",
    ]


@pytest.mark.parametrize("version", ["3.7", "3.7.3", "3.7.0-rc.1"])
def test_the_patch_of_a_version_does_not_matter(tmp_path: Path, version: str) -> None:
    assert recordings.of(version, tmp_path) == Recordings(tmp_path / "3.7")


def test_what_is_shipped_is_of_the_version_that_is_the_default() -> None:
    shipped = recordings.of(recordings.DEFAULT)
    assert shipped.folder == recordings.ROOT / "3.7"
    assert shipped.version.startswith("3.7.")
    assert date.fromisoformat(shipped.day).year >= 2026
