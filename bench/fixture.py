"""What the pytest fixture costs a test: pytest runs, and says how long it set up and cleared away.

Each test puts a key through the socket, so that there is something to clear away.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

TESTS = 200

_FILES = {
    "conftest.py": """
import json, time
from pathlib import Path

took = []

def pytest_runtest_logreport(report):
    if report.when != "call":
        took.append(report.duration)

def pytest_sessionfinish():
    Path("took.json").write_text(json.dumps(took))
""",
    "test_it.py": f"""
import json, time
from pathlib import Path

import grpc, pytest
import fake_etcd.testing.options, fake_etcd.testing.pool
from fake_etcd.api import messages as m

first = []

@pytest.fixture
def nothing():
    yield

@pytest.mark.parametrize("number", range({TESTS}))
def test_without(nothing, number):
    pass

def test_first(fake_etcd):
    begin = time.perf_counter()
    fake_etcd.endpoint
    Path("first.json").write_text(json.dumps(time.perf_counter() - begin))

@pytest.fixture(scope="session")
def channels():
    yield {{}}

@pytest.mark.parametrize("number", range({TESTS}))
def test_with(fake_etcd, channels, number):
    address = fake_etcd.endpoint
    if address not in channels:
        channels[address] = grpc.insecure_channel(address)
    put = channels[address].unary_unary(
        "/etcdserverpb.KV/Put", m.PutRequest.SerializeToString, m.PutResponse.FromString
    )
    assert put(m.PutRequest(key=b"a"), wait_for_ready=True).header.revision == 2
""",
}


@dataclass(frozen=True, slots=True)
class Fixture:
    """Medians over the turns.

    Args:
        first_ms: what the first test waits for it and for its port, the imports left out.
        next_ms: what each further test waits for it, before and after, beside what pytest takes
            for a fixture that does nothing.
    """

    first_ms: float
    next_ms: float


def run(turns: int) -> Fixture:
    """Let pytest run so many times."""
    measured = [_once() for _ in range(turns)]
    return Fixture(
        median(each.first_ms for each in measured), median(each.next_ms for each in measured)
    )


def _once() -> Fixture:
    with tempfile.TemporaryDirectory(prefix="fixture-") as name:
        folder = Path(name)
        for file, content in _FILES.items():
            (folder / file).write_text(content)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stdout)
        took = json.loads((folder / "took.json").read_text())
        opening = json.loads((folder / "first.json").read_text())
    # Of each test there are two: before it and after it.
    sums = [before + after for before, after in zip(took[::2], took[1::2], strict=True)]
    without, first, with_it = sums[:TESTS], sums[TESTS], sums[TESTS + 1 :]
    return Fixture((first + opening) * 1000, (median(with_it) - median(without)) * 1000)
