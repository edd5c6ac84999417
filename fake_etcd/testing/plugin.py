"""The pytest plugin: fixtures, options, and what a failed test's report says of its etcd.

pytest imports this module in every run of an environment that has fake_etcd in it, so it imports
next to nothing of ours before a test asks for an etcd.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from fake_etcd.testing import target

if TYPE_CHECKING:
    import pluggy

    from fake_etcd.testing.fake import FakeEtcd
    from fake_etcd.testing.options import Options
    from fake_etcd.testing.pool import Etcd, Pool

_MARKER = "fake_etcd"
_INI = "etcd_options"
_FLAG = "--etcd-option"
_TARGET = "--etcd"
_WIPE = "--etcd-wipe"

_USED = pytest.StashKey["list[Etcd]"]()
"""Of a test, or of the session: the etcds that it has."""

_POOL = pytest.StashKey["Pool"]()

_ORDER = (
    f"Where an option is given several times, @pytest.mark.{_MARKER} wins over {_FLAG}, and that "
    f"over the ini file's {_INI}; of several markers the one nearest to the test wins."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fake_etcd", f"fake_etcd: an etcd for each test. {_ORDER}")
    group.addoption(
        _TARGET,
        default="fake",
        metavar="WHICH",
        help="What the fixtures give: fake (the emulator, the default); real (real etcd, built "
        "with Go or found on the PATH); real:3 (a cluster of three members); real@3.6.16 (a "
        "version); or HOST:PORT[,...] (a server that is there). Tests that use what only the "
        "emulator has are skipped.",
    )
    group.addoption(
        _WIPE,
        action="store_true",
        help=f"Let a server of {_TARGET}=HOST:PORT be wiped although it holds something. "
        "Everything in it is deleted!",
    )
    group.addoption(
        _FLAG,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="An option of FakeEtcd for all tests, such as max_txn_ops=64, or seed=FILE; may be "
        "given several times.",
    )
    parser.addini(
        _INI,
        f"Options of FakeEtcd for all tests, NAME=VALUE, one a line. {_ORDER}",
        type="linelist",
        default=[],
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(**options): options of the FakeEtcd that the fixtures give this test, such as "
        "max_txn_ops=64, random_seed=1, or seed=FILE_OR_MAPPING for the keys that it begins with.",
    )
    try:
        chosen = target.named(config.getoption(_TARGET))
    except ValueError as error:
        raise pytest.UsageError(f"{_TARGET}: {error}") from None
    if isinstance(chosen, target.GivenServer) and _worker_count(config) > 1:
        raise pytest.UsageError(
            f"{_TARGET}: several workers would delete each other's keys from one server; give -n1, "
            "or real for a server of each worker's own"
        )
    if config.getoption(_FLAG) or config.getini(_INI):
        try:
            _options_for_all(config)
        except ValueError as error:
            raise pytest.UsageError(str(error)) from None


def pytest_report_header(config: pytest.Config) -> list[str]:
    which = config.getoption(_TARGET)
    return [] if which == "fake" else [f"etcd: {which}"]


def pytest_unconfigure(config: pytest.Config) -> None:
    pool = config.stash.get(_POOL, None)
    if pool is not None:
        del config.stash[_POOL]
        pool.close()


# Fixtures


@pytest.fixture
def fake_etcd(request: pytest.FixtureRequest) -> Iterator[FakeEtcd]:
    """An etcd in this process with nothing in it, this test's alone."""
    pool = _pool(request.config)
    etcd = _take(pool, _options(request))
    _used(request.node).append(etcd)
    yield etcd  # type: ignore[misc]  # a real one has the same doors
    pool.give_back(etcd)


@pytest.fixture(scope="session")
def fake_etcd_session(request: pytest.FixtureRequest) -> Iterator[FakeEtcd]:
    """One etcd for all tests of the session, never reset; markers have no say in it."""
    pool = _pool(request.config)
    etcd = _take(pool, _options_for_all(request.config))
    _used(request.session).append(etcd)
    yield etcd  # type: ignore[misc]  # as above
    pool.give_back(etcd)


@pytest.fixture
def fake_etcd_factory(request: pytest.FixtureRequest) -> Iterator[Callable[..., FakeEtcd]]:
    """Gives one more etcd with each call; takes options, which win over all others.

    They are the test's until it is over.
    """
    pool = _pool(request.config)
    made: list[Etcd] = []

    def make(**options: Any) -> FakeEtcd:
        etcd = _take(pool, _merged(options, _options(request), "fake_etcd_factory"))
        made.append(etcd)
        _used(request.node).append(etcd)
        return etcd  # type: ignore[return-value]  # as above

    yield make
    for etcd in made:
        pool.give_back(etcd)


def _take(pool: Pool, options: Options) -> Etcd:
    from fake_etcd.testing.options import SEED
    from fake_etcd.testing.pool import CannotUse

    seed = options.pop(SEED, None)
    etcd, problem = None, None
    try:
        etcd = pool.take(options)
        if seed is not None:
            etcd.seed(seed)
    except (CannotUse, OSError, ValueError, RuntimeError) as error:
        problem = str(error) or repr(error)
    if problem is not None or etcd is None:
        if etcd is not None:
            pool.give_back(etcd)
        pytest.fail(str(problem), pytrace=False)
    return etcd


def _pool(config: pytest.Config) -> Pool:
    if _POOL not in config.stash:
        config.stash[_POOL] = _new_pool(config)
    return config.stash[_POOL]


def _new_pool(config: pytest.Config) -> Pool:
    chosen = target.named(config.getoption(_TARGET))
    if isinstance(chosen, target.Emulator):
        from fake_etcd.testing.pool import FakePool

        return FakePool()
    from fake_etcd.testing.real_pool import GivenPool, ProcessPool

    def refuse(reason: str) -> NoReturn:
        pytest.skip(f"{reason} ({_TARGET}={config.getoption(_TARGET)})")

    if isinstance(chosen, target.RealEtcdServers):
        return ProcessPool(chosen, refuse)
    return GivenPool(chosen, config.getoption(_WIPE), refuse)


def _worker_count(config: pytest.Config) -> int:
    """How many processes run tests: pytest-xdist's, of which this one starts them or is one."""
    workers = getattr(config, "workerinput", {}).get("workercount")
    return int(workers or config.getoption("numprocesses", None) or 1)


def _used(node: pytest.Item | pytest.Session) -> list[Etcd]:
    return node.stash.setdefault(_USED, [])


# Options


def _options(request: pytest.FixtureRequest) -> Options:
    """Those of a test."""
    found = _options_for_all(request.config)
    folder = request.path.parent
    for marker in reversed(list(request.node.iter_markers(_MARKER))):
        where = f"@pytest.mark.{_MARKER}"
        if marker.args:
            # Without what was given: there may be passwords in it.
            pytest.fail(f"{where} takes options by name: max_txn_ops=64", pytrace=False)
        found = _merged(marker.kwargs, found, where, folder)
    return found


def _merged(
    options: dict[str, Any], under: Options, where: str, folder: Path | None = None
) -> Options:
    from fake_etcd.testing.options import FILES, checked

    problem = ""
    try:
        found = checked(options, where)
    except ValueError as error:
        problem = str(error)
    if problem:  # out here the report is this sentence alone
        pytest.fail(problem, pytrace=False)
    for name in FILES & found.keys():
        if folder is not None and isinstance(found[name], (str, Path)):
            found[name] = folder / found[name]
    return {**under, **found}


def _options_for_all(config: pytest.Config) -> Options:
    """Those of the command line and the ini file.

    Raises:
        ValueError: one is unknown.
    """
    lines: list[str] = config.getini(_INI)
    flags: list[str] = config.getoption(_FLAG)
    if not lines and not flags:
        return {}
    from fake_etcd.testing.options import FILES, parsed

    found: Options = {}
    for texts, where, folder in (
        (lines, f"{_INI} of {config.inipath}", config.rootpath),
        (flags, _FLAG, config.invocation_params.dir),
    ):
        for text in texts:
            name, value = parsed(text, where)
            found[name] = folder / str(value) if name in FILES else value
    return found


# Report


@pytest.hookimpl(hookwrapper=True)  # pytest 7 knows no other kind
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pluggy.Result[pytest.TestReport], None]:
    report = (yield).get_result()
    if report.failed and report.when in ("setup", "call"):
        etcds = list(_used(item))
        if "fake_etcd_session" in getattr(item, "fixturenames", ()):
            etcds += _used(item.session)
        if etcds:
            _describe(etcds, report)


def _describe(etcds: list[Etcd], report: pytest.TestReport) -> None:
    from fake_etcd.testing.failure import described

    for number, etcd in enumerate(etcds, 1):
        title = "etcd" if len(etcds) == 1 else f"etcd {number} of {len(etcds)}"
        report.sections.append((title, described(etcd)))
