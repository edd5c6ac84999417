"""Our command line and real etcd's, given the same arguments, say the same and end the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conformance import oracle

OURS = "import sys; from fake_etcd.cli.main import etcd; sys.exit(etcd())"
SECONDS = 30

REFUSED = [
    ["-foo"],
    ["--foo=1"],
    ["---x"],
    ["-=x"],
    ["x"],
    ["--name"],
    ["--wal-dir"],
    ["--max-txn-ops=x"],
    ["--max-txn-ops=-1"],
    ["--snapshot-count=1.5"],
    ["--quota-backend-bytes=x"],
    ["--quota-backend-bytes=9223372036854775808"],
    ["--quota-backend-bytes=-9223372036854775809"],
    ["--max-learners=x"],
    ["--max-concurrent-streams=x"],
    ["--max-concurrent-streams=4294967296"],
    ["--grpc-keepalive-min-time=5"],
    ["--raft-read-timeout=x"],
    ["--pre-vote=x"],
    ["--initial-cluster-state=x"],
    ["--discovery-fallback=x"],
    ["--discovery-fallback=proxy"],
    ["--v2-deprecation=not-yet"],
    ["--v2-deprecation=gone,x"],
    ["--feature-gates=x"],
    ["--feature-gates=x=true"],
    ["--feature-gates=AllAlpha=x"],
    ["--feature-gates=LeaseCheckpointPersist=true"],
    ["--listen-peer-urls=x"],
    ["--listen-peer-urls=http://foo:1"],
    ["--listen-client-http-urls=http://foo:1"],
    ["--listen-metrics-urls=http://foo:1"],
    ["--listen-metrics-urls=ftp://127.0.0.1:1"],
    ["--cors=x"],
    ["--cors="],
    ["--initial-advertise-peer-urls=http://:1"],
    ["--advertise-client-urls=http://:1"],
    ["--listen-client-urls=http://127.0.0.1:1"],
    ["--logger=x"],
    ["--logger=capnslog"],
    ["--log-format=x"],
    ["--log-outputs=default,stderr"],
    ["--enable-log-rotation"],
    ["--enable-log-rotation", "--log-outputs=/a,/b"],
    ["--discovery-token=x"],
    ["--discovery-endpoints=x", "--discovery-token=y", "--initial-cluster=a=http://a:1"],
    ["--discovery-endpoints=x"],
    ["--discovery-endpoints=,x", "--discovery-token=y"],
    ["--discovery-srv=x", "--initial-cluster=a=http://a:1"],
    ["--heartbeat-interval=0"],
    ["--election-timeout=499"],
    ["--election-timeout=50001"],
    ["--auto-compaction-mode=x"],
    ["--auto-compaction-mode="],
    ["--compact-hash-check-time=0s"],
    ["--compact-hash-check-time=-90m"],
    ["--compact-hash-check-time=-1500us"],
    ["--enable-distributed-tracing", "--distributed-tracing-sampling-rate=-1"],
    ["--enable-distributed-tracing", "--distributed-tracing-sampling-rate=1000001"],
    ["--tls-min-version=x"],
    ["--tls-min-version=TLS1.3", "--tls-max-version=TLS1.2"],
    ["--tls-min-version=TLS1.3", "--cipher-suites=x"],
]

STARTS_NOT = [
    ["--initial-cluster=x=http://x:1"],
    ["--initial-cluster=default=x"],
    ["--initial-cluster=default"],
    ["--initial-cluster="],
    ["--initial-cluster=default=http://127.0.0.1:9,default=http://127.0.0.1:9"],
    ["--initial-cluster=default=http://localhost:2380,b=http://localhost:2380"],
    ["--initial-cluster=default=http://127.0.0.1:9"],
    ["--initial-cluster=a=http://x:1", "--initial-cluster-state=existing"],
    ["--initial-advertise-peer-urls=http://127.0.0.1:9"],
    ["--initial-advertise-peer-urls=http://127.0.0.1:9,http://localhost:2380"],
    ["--auto-compaction-retention=abc"],
]
"""What is refused once the addresses are had; these are given free ones."""


@pytest.fixture(scope="module")
def binary() -> Path:
    try:
        return oracle.build()
    except oracle.NoOracle as error:
        pytest.skip(str(error))


def last(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[int, str, str]:
    """The status, the message, and what etcd says is wrong; all of it but times and places."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    lines = done.stderr.splitlines()
    if not lines[0].startswith("{"):
        return done.returncode, lines[0], ""
    line = json.loads(next(each for each in reversed(lines) if each.startswith("{")))
    return done.returncode, line["msg"], line.get("error", line.get("environment-variable", ""))


def ours() -> list[str]:
    return [sys.executable, "-c", OURS]


@pytest.mark.interop
@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_a_refusal_is_etcds(binary: Path, tmp_path: Path, arguments: list[str]) -> None:
    real = last([str(binary), *arguments], tmp_path, {})
    assert last([*ours(), *arguments], tmp_path, {}) == real


@pytest.mark.interop
@pytest.mark.parametrize("arguments", STARTS_NOT, ids=" ".join)
def test_what_keeps_etcd_from_starting_does_here(
    binary: Path, tmp_path: Path, arguments: list[str]
) -> None:
    places = [
        "--listen-client-urls=http://127.0.0.1:0",
        "--listen-peer-urls=http://127.0.0.1:0",
        "--advertise-client-urls=http://127.0.0.1:1",
    ]
    real = last([str(binary), *places, *arguments], tmp_path, {})
    assert last([*ours(), *places, *arguments], tmp_path, {}) == real


@pytest.mark.interop
@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        ([], {"ETCD_MAX_TXN_OPS": "x"}),
        ([], {"ETCD_PRE_VOTE": "x"}),
        ([], {"ETCD_LISTEN_PEER_URLS": "x", "ETCD_MAX_WALS": "y"}),
        (["--name=a"], {"ETCD_NAME": "b"}),
        (["--election-timeout=1"], {"ETCD_NAME": "b", "ETCD_FOO": "c", "ETCD_VERSION": "d"}),
        ([], {"ETCD_CONFIG_FILE": "/no/such/file"}),
    ],
)
def test_variables_are_taken_and_refused_as_etcd_does(
    binary: Path, tmp_path: Path, arguments: list[str], environment: dict[str, str]
) -> None:
    real = last([str(binary), *arguments], tmp_path, environment)
    assert last([*ours(), *arguments], tmp_path, environment) == real


FILES = [
    "name: [1]",
    "max-txn-ops: x",
    "listen-peer-urls: http://foo:1",
    "heartbeat-interval: 0",
    "pre-vote: 1",
    "watch-progress-notify-interval: 10m",
    "peer-transport-security: x",
    "feature-gates: x=true",
    "initial-cluster-state: x",
    '{"log-format": "x"}',
    "logger: x",
    "- a",
    "auto-compaction-mode: ''",
]


@pytest.mark.interop
@pytest.mark.parametrize("text", FILES)
def test_a_config_file_is_refused_as_etcd_refuses_it(
    binary: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "etcd.conf").write_text(text, encoding="utf-8")
    real = last([str(binary), "--config-file=etcd.conf"], tmp_path, {})
    assert last([*ours(), "--config-file=etcd.conf"], tmp_path, {}) == real


@pytest.mark.interop
@pytest.mark.parametrize("folder", ["/dev/null", "/dev/null/x", "/proc/x"])
def test_a_data_folder_is_refused_as_etcd_refuses_it(
    binary: Path, tmp_path: Path, folder: str
) -> None:
    arguments = [
        "--listen-client-urls=http://127.0.0.1:0",
        "--listen-peer-urls=http://127.0.0.1:0",
        "--advertise-client-urls=http://127.0.0.1:1",
        f"--data-dir={folder}",
    ]
    real = last([str(binary), *arguments], tmp_path, {})
    assert last([*ours(), *arguments], tmp_path, {}) == real
