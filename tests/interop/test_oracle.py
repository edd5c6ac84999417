"""Real etcd as an oracle: built, started, told its flags, and gone without a trace."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance import oracle, recordings, runner
from conformance.golang import NoGo
from conformance.recordings import Recordings
from conformance.runner import Outcome
from conformance.scenario import all_scenarios
from conformance.session import Session
from conformance.targets import RealEtcd
from tests.cli.dev_server import CHECKOUT, environment

from .conftest import built

needs_signals = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows cannot send these signals to one process"
)


_TWO_RANGES = b"\x12\x05\x0a\x03\x0a\x01a" * 2
"""A TxnRequest with two success operations, each a range of key "a"."""


@pytest.fixture(scope="module", autouse=True)
def program() -> Path:
    """Real etcd's executable; without Go there is nothing to test."""
    return built(oracle.build)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files, in which nothing may be left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_is_built_once(program: Path) -> None:
    before = program.stat()
    assert oracle.build() == program
    assert program.stat().st_mtime_ns == before.st_mtime_ns
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == f"etcd Version: {oracle.VERSION}"


def test_it_runs_empty_and_is_gone_at_the_end(temporary: Path) -> None:
    with oracle.start() as running:
        assert is_there(running.pid)
        assert oracle.is_well(running.url)
        assert list(temporary.iterdir()) != []
        session = Session(running.url)
        assert session.range(key=b"\0", range_end=b"\0").count == 0
        assert session.put(key=b"a").header.revision == 2
        session.close()
    assert not is_there(running.pid)
    assert not oracle.is_well(running.url)


def test_it_is_gone_where_its_user_raises(temporary: Path) -> None:
    with pytest.raises(ZeroDivisionError), oracle.start() as running:
        raise ZeroDivisionError
    assert not is_there(running.pid)


def test_two_at_a_time_know_nothing_of_each_other(temporary: Path) -> None:
    with oracle.start() as one, oracle.start() as other:
        sessions = Session(one.url), Session(other.url)
        assert [s.put(key=b"a").header.revision for s in sessions] == [2, 2]
        for s in sessions:
            s.close()


def test_flags_reach_it_and_the_environment_does_not(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETCD_MAX_TXN_OPS", "1")
    for flags, head in (
        ((), "OK"),
        (
            ("--max-txn-ops=1",),
            'INVALID_ARGUMENT "etcdserver: too many operations in txn request"',
        ),
    ):
        with oracle.start(flags=flags) as running:
            session = Session(running.url)
            session.call("KV/Txn", _TWO_RANGES)
            assert session.transcript("").parts[-1].head == head
            session.close()


def test_a_flag_that_it_refuses_is_told_in_its_words(temporary: Path) -> None:
    with (
        pytest.raises(oracle.NoOracle, match="flag provided but not defined: -nope"),
        oracle.start(flags=["--nope"]),
    ):
        pass


def test_a_version_that_does_not_exist_cannot_be_built(temporary: Path) -> None:
    with pytest.raises(NoGo, match=r"go get go\.etcd\.io/etcd/server/v3@v3\.7\.999"):
        oracle.build("3.7.999")


@pytest.mark.parametrize("version", ["", "3", "3.7", "v3.7.3", "latest", "3.7.3 -x", "../3.7.3"])
def test_what_is_no_version_is_not_asked_for(version: str) -> None:
    with pytest.raises(NoGo) as caught:
        oracle.build(version)
    assert str(caught.value) == f"no release of etcd is called {version!r}"


def test_what_it_answers_is_what_is_recorded(tmp_path: Path) -> None:
    one = next(one for one in all_scenarios() if one.area == "kv")
    fresh = Recordings(tmp_path)
    (result,) = runner.run([one], runner.recording(RealEtcd(), fresh), 1, lambda result: None)
    assert (result.outcome, result.lines) == (Outcome.RECORDED, ())
    assert fresh.load(one) == recordings.of(oracle.VERSION).load(one)


def oracle_run(temporary: Path) -> tuple[subprocess.Popen[str], str]:
    """`python -m conformance oracle run`, and the URL that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "conformance", "oracle", "run"],
        env=environment(TMPDIR=str(temporary)),
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("listening on http://127.0.0.1:"), process.communicate()
    return process, line.removeprefix("listening on ").rstrip("\n")


@needs_signals
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_oracle_run_and_etcd_with_it(temporary: Path, number: signal.Signals) -> None:
    process, url = oracle_run(temporary)
    try:
        assert oracle.is_well(url)
        process.send_signal(number)
        assert process.communicate(timeout=20) == ("", "")
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()
    assert not oracle.is_well(url)
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc here")
def test_an_etcd_that_ends_by_itself_ends_oracle_run(temporary: Path) -> None:
    process, _ = oracle_run(temporary)
    try:
        (pid,) = pids_with(str(temporary))
        os.kill(pid, signal.SIGKILL)
        assert process.communicate(timeout=20) == ("", "etcd ended\n")
        assert process.returncode == 2
    finally:
        process.kill()
        process.communicate()
    assert pids_with(str(temporary)) == []


def pids_with(text: str) -> list[int]:
    """Processes that have a text in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if text.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found
