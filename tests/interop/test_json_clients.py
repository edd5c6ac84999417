"""Clients of the JSON gateway, unchanged: etcd3gw and etcd3-py, in their newest versions.

Each is installed into a folder of its own: the second calls itself as another client does that is
installed beside these tests. Both print the same on real etcd (`--real-etcd`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from conformance.oracle import Running

HERE = Path(__file__).parent / "json_clients"
SECONDS = 120.0

ETCD3GW = """\
True [b'1'] []
True False
True False
2
[b'3'] 2
100 True [b'l'] True []
b'1'
True
True False True
default ['dbSize']
Bad Request {"code":3,"message":"proto: (line 1:9): invalid value for bytes field key: 5"}
"""

ETCD3_PY = """\
true
True b'bar'
True b'bra'
[b'leased']
[60]
None
b'foo' b'x'
1
default
"""


def installed(requirement: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode and os.environ.get("FAKE_ETCD_REQUIRE_CURL") != "1":
        pytest.skip(f"pip cannot install {requirement} here")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    ("requirement", "program", "printed"),
    [
        ("etcd3gw==2.7.0", "etcd3gw_program.py", ETCD3GW),
        ("etcd3-py==0.1.6", "etcd3_py_program.py", ETCD3_PY),
    ],
)
def test_a_client_does_what_it_is_there_for(
    server: Running, tmp_path: Path, requirement: str, program: str, printed: str
) -> None:
    folder = installed(requirement, tmp_path)
    done = subprocess.run(
        [sys.executable, str(HERE / program), str(urlsplit(server.url).port)],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert (done.stdout, done.returncode) == (printed, 0), done.stderr
