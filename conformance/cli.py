"""The command line: `python -m conformance`, or `fake-etcd-conformance` where it is installed."""

from __future__ import annotations

import argparse
import fnmatch
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import coverage, fidelity, fuzz, golang, oracle, recordings, report, runner, targets
from .matrix import command as matrix
from .matrix import page as matrix_page
from .runner import Result
from .scenario import Scenario, all_scenarios
from .targets import CouldNotRun

EXIT_STATUS = "exit status: 0 equal, 1 differs, 2 could not run"

_TARGET = "fake_etcd, etcd@VERSION (real etcd, built from Go modules) or http://HOST:PORT"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit status."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _terminate)
    # A shell has what it starts in the background ignore this one; etcd ends by it all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        return command(options)
    except (CouldNotRun, golang.NoGo, oracle.NoOracle) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _terminate(number: int, frame: object) -> None:
    """End as after Ctrl-C, so that servers are stopped and folders taken away."""
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance" if __package__ == "conformance" else "fake-etcd-conformance",
        description="Shows whether a server that speaks etcd v3 answers as etcd does.",
        epilog=EXIT_STATUS,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    verify = _command(commands, "verify", _verify, "compare fake_etcd with the recordings")
    _selection(verify)
    _outputs(verify)

    run = _command(commands, "run", _run, "compare a server that is there with the recordings")
    run.add_argument("--endpoint", required=True, metavar="URL", help="http://HOST:PORT")
    run.add_argument("--wipe", action="store_true", help="all that it holds may be deleted")
    run.add_argument(
        "--fake-etcd", action="store_true", help="it is fake_etcd, whose marked differences are ok"
    )
    _selection(run)
    _outputs(run)

    compare = _command(commands, "compare", _compare, "compare two servers with each other")
    compare.add_argument("expected", metavar="A", help=_TARGET)
    compare.add_argument("actual", metavar="B", help="likewise")
    compare.add_argument("--wipe", action="store_true", help="all that they hold may be deleted")
    _selection(compare)
    _outputs(compare)

    record = _command(commands, "record", _record, "record real etcd's answers, each twice")
    record.add_argument("--etcd", default=oracle.VERSION, metavar="VERSION", help="which release")
    record.add_argument(
        "--check", action="store_true", help="write nothing; differs if the recordings would"
    )
    _selection(record)
    _outputs(record)

    fuzzing = _command(commands, "fuzz", _fuzz, "play random programs on real etcd and fake_etcd")
    fuzzing.add_argument("--examples", type=_count, default=1_000, metavar="N", help="how many")
    fuzzing.add_argument("--seed", type=int, default=0, metavar="S", help="where to begin")
    fuzzing.add_argument(
        "--etcd", default=oracle.VERSION, metavar="VERSION", help="which release is right"
    )
    fuzzing.add_argument(
        "--against", metavar="ENDPOINT", help="that server in place of fake_etcd, which is right"
    )
    fuzzing.add_argument("--wipe", action="store_true", help="all that it holds may be deleted")
    fuzzing.add_argument("--jobs", type=_count, default=os.cpu_count() or 1, help="processes")

    page = _command(commands, "fidelity", _fidelity, "verify all, and write docs/fidelity.md")
    _selection(page)
    _page(page, "docs/fidelity.md")

    covered = _command(commands, "coverage", _coverage, "what of etcd's API scenarios touch")
    covered.add_argument("--recordings", default=recordings.DEFAULT, metavar="VERSION")
    _page(covered, "docs/coverage.md")

    matrices = _command(commands, "matrix", None, "who may do what").add_subparsers(
        required=True, metavar="ACTION"
    )
    one = _command(matrices, "verify", _matrix_verify, "try every cell on fake_etcd")
    one.add_argument("--recordings", default=recordings.DEFAULT, metavar="VERSION")
    one = _command(matrices, "record", _matrix_record, "record every cell on real etcd, twice")
    one.add_argument("--etcd", default=oracle.VERSION, metavar="VERSION", help="which release")
    one.add_argument("--check", action="store_true", help="write nothing; differs if it would")
    one = _command(matrices, "page", _matrix_page, "write docs/auth-matrix.md")
    one.add_argument("--recordings", default=recordings.DEFAULT, metavar="VERSION")
    _page(one, "docs/auth-matrix.md")

    _command(commands, "list", _list, "list the scenarios")

    oracles = _command(commands, "oracle", None, "build or run real etcd").add_subparsers(
        required=True, metavar="ACTION"
    )
    for name, action, words in (
        ("build", _oracle_build, "build it into the cache and print where it is"),
        ("run", _oracle_run, "start one, empty, print where it listens, until Ctrl-C"),
    ):
        one = _command(oracles, name, action, words)
        one.add_argument("version", nargs="?", default=oracle.VERSION, help="such as 3.6.16")
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int] | None,
    words: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=words, description=words, epilog=EXIT_STATUS)
    parser.set_defaults(run=run)
    return parser


def _selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help='areas ("kv") or patterns ("txn/*nested*")'
    )
    parser.add_argument(
        "--jobs", type=_count, default=max(4, os.cpu_count() or 1), help="how many at a time"
    )
    parser.add_argument(
        "--recordings", default=recordings.DEFAULT, metavar="VERSION", help="of which etcd"
    )


def _outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=_file, metavar="FILE", help="write all results there too")
    parser.add_argument("--junit", type=_file, metavar="FILE", help="likewise, as JUnit's XML")


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def _file(text: str) -> Path:
    """A file that can be written once the run is over."""
    path = Path(text)
    if not path.parent.is_dir() or path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is no file in a folder that is there")
    return path


def _page(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("--output", type=_file, default=Path(default), metavar="FILE", help=default)
    parser.add_argument("--check", action="store_true", help="write nothing; differs if it would")


def select(patterns: Sequence[str]) -> list[Scenario]:
    """The scenarios that areas or patterns of ids name; all where there are none of these.

    Raises:
        CouldNotRun: one of them names nothing.
    """
    scenarios = all_scenarios()
    for pattern in patterns:
        if not any(_matches(scenario, pattern) for scenario in scenarios):
            raise CouldNotRun(f"no scenario is called {pattern!r}: `list` shows all")
    return [one for one in scenarios if not patterns or any(_matches(one, p) for p in patterns)]


def _matches(scenario: Scenario, pattern: str) -> bool:
    return scenario.area == pattern or fnmatch.fnmatch(scenario.id, pattern)


def _verify(options: argparse.Namespace) -> int:
    recorded = recordings.of(options.recordings)
    work = runner.against_recordings(targets.FakeEtcd(), recorded, marks=True)
    return _do(options, work, f"fake_etcd against etcd {recorded.version}")


def _run(options: argparse.Namespace) -> int:
    recorded = recordings.of(options.recordings)
    target = targets.named(options.endpoint, may_wipe=options.wipe)
    with target.server(()):
        pass  # so that what keeps everything from running is said once
    work = runner.against_recordings(target, recorded, marks=options.fake_etcd)
    options.jobs = 1 if target.is_shared else options.jobs
    return _do(options, work, f"{target.name} against etcd {recorded.version}")


def _compare(options: argparse.Namespace) -> int:
    pair = [
        targets.named(name, may_wipe=options.wipe) for name in (options.expected, options.actual)
    ]
    for target in pair:
        with target.server(()):
            pass
    if any(target.is_shared for target in pair):
        options.jobs = 1
    marks = isinstance(pair[1], targets.FakeEtcd) and isinstance(pair[0], targets.RealEtcd)
    work = runner.against_each_other(*pair, marks=marks)
    return _do(options, work, f"{pair[1].name} against {pair[0].name}")


def _record(options: argparse.Namespace) -> int:
    target = targets.RealEtcd(options.etcd)
    oracle.build(options.etcd)
    recorded = recordings.of(options.etcd)
    stale = [] if options.scenarios else recorded.stale(all_scenarios())
    if options.check:
        work = runner.against_recordings(target, recorded, marks=False)
        status = _do(options, work, f"{target.name} against its recordings")
        for path in stale:
            print(f"no scenario belongs to {path}")
        return status or int(bool(stale))
    if options.scenarios and recorded.version not in ("", options.etcd):
        raise CouldNotRun(
            f"the recordings are of {recorded.version}: with {options.etcd} record all of them"
        )
    status = _do(options, runner.recording(target, recorded), f"recording {target.name}")
    for path in stale:
        path.unlink()
    if status == 0 and (not options.scenarios or not recorded.version):
        recorded.sign(options.etcd)
    return status


def _do(options: argparse.Namespace, work: runner.Work, title: str) -> int:
    """Run the selected scenarios; print, write, and give the exit status."""
    results = _results(options, work)
    report.show(results, title)
    if options.json:
        report.write_json(results, title, options.json)
    if options.junit:
        report.write_junit(results, title, options.junit)
    return report.exit_status(results)


def _results(options: argparse.Namespace, work: runner.Work) -> list[Result]:
    scenarios = select(options.scenarios)
    with report.progress(len(scenarios)) as seen:
        return runner.run(scenarios, work, options.jobs, seen)


def _fidelity(options: argparse.Namespace) -> int:
    recorded = recordings.of(options.recordings)
    work = runner.against_recordings(targets.FakeEtcd(), recorded, marks=True)
    results = _results(options, work)
    report.show(results, f"fake_etcd against etcd {recorded.version}")
    page = fidelity.markdown(results, recorded)
    return report.exit_status(results) or _keep(page, options.output, options.check)


def _coverage(options: argparse.Namespace) -> int:
    recorded = recordings.of(options.recordings)
    measured = coverage.measure(all_scenarios(), recorded)
    print(coverage.text(measured), end="")
    page = coverage.markdown(measured, recorded.version)
    is_stale = _keep(page, options.output, options.check)
    return int(bool(measured.missing or measured.rotten or is_stale))


def _matrix_verify(options: argparse.Namespace) -> int:
    recorded = recordings.of(options.recordings)
    lines = matrix.verify(targets.FakeEtcd(), recorded, report.bar)
    print(matrix.shown(lines, f"fake_etcd against etcd {matrix.kept(recorded).version}"))
    return int(bool(lines))


def _matrix_record(options: argparse.Namespace) -> int:
    target = targets.RealEtcd(options.etcd)
    oracle.build(options.etcd)
    do = matrix.verify if options.check else matrix.record
    lines = do(target, recordings.of(options.etcd), report.bar)
    against = "its recording" if options.check else "itself"
    print(matrix.shown(lines, f"{target.name} against {against}"))
    return int(bool(lines))


def _matrix_page(options: argparse.Namespace) -> int:
    page = matrix_page.markdown(matrix.kept(recordings.of(options.recordings)))
    return _keep(page, options.output, options.check)


def _keep(page: str, path: Path, check: bool) -> int:
    """Write a page, or say whether it would be another one."""
    if not check:
        path.write_text(page, encoding="utf-8")
        print(f"written: {path}")
        return 0
    if path.exists() and path.read_text(encoding="utf-8") == page:
        return 0
    print(f"{path} is not up to date")
    return 1


def _fuzz(options: argparse.Namespace) -> int:
    if options.against:
        expected, actual, jobs = "fake_etcd", options.against, 1
        targets.named(actual)
    else:
        expected, actual, jobs = f"etcd@{options.etcd}", "fake_etcd", options.jobs
        oracle.build(options.etcd)
    begin = time.monotonic()
    with report.fuzzing(options.examples) as seen:
        findings = fuzz.run(
            expected,
            actual,
            may_wipe=options.wipe,
            seed=options.seed,
            examples=options.examples,
            jobs=jobs,
            seen=seen,
        )
    seconds = time.monotonic() - begin
    for number, finding in enumerate(findings, 1):
        print(f"--- difference {number}; - is {expected}, + is {actual}\n{finding}")
    print(
        f"{actual} against {expected}: {options.examples} programs, {len(findings)} differences, "
        f"{options.examples / seconds:.0f} programs a second"
    )
    return int(bool(findings))


def _list(options: argparse.Namespace) -> int:
    for scenario in all_scenarios():
        mark = f"  ({scenario.mark.kind.value})" if scenario.mark else ""
        print(f"{scenario.id}{mark}")
    return 0


def _oracle_build(options: argparse.Namespace) -> int:
    print(oracle.build(options.version))
    return 0


def _oracle_run(options: argparse.Namespace) -> int:
    with oracle.start(options.version) as running:
        try:
            # Whoever reads this may send the signal at once.
            print(f"listening on {running.url}", flush=True)
            os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
        except KeyboardInterrupt:
            return 0
    print("etcd ended", file=sys.stderr)
    return 2
