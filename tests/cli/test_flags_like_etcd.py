"""Our command line and real etcd's, given the same arguments, say the same and end the same."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from conformance import oracle
from fake_etcd.cli.main import main
from fake_etcd.transport import certificates

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
    ["--log-outputs=stderr,systemd/journal"],
    ["--log-outputs=default,systemd/journal"],
    *([] if Path("/run/systemd/journal/socket").exists() else [["--log-outputs=systemd/journal"]]),
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

PEERS = "--listen-peer-urls=https://127.0.0.1:0"
CLIENTS = "--listen-client-urls=https://127.0.0.1:0"
PEER_PAIR = ("--peer-cert-file=cert.pem", "--peer-key-file=key.pem")
PAIR = ("--cert-file=cert.pem", "--key-file=key.pem")

TLS_OF_PEERS: list[tuple[str, ...]] = [
    (),
    ("--peer-cert-file=cert.pem",),
    ("--peer-key-file=key.pem",),
    ("--peer-cert-file=no.pem", "--peer-key-file=key.pem"),
    ("--peer-cert-file=cert.pem", "--peer-key-file=no.pem"),
    ("--peer-cert-file=bad.pem", "--peer-key-file=key.pem"),
    ("--peer-cert-file=cert.pem", "--peer-key-file=bad.pem"),
    ("--peer-cert-file=cert.pem", "--peer-key-file=other.pem"),
    ("--peer-cert-file=cert.pem", "--peer-key-file=another.pem"),
    ("--peer-cert-file=key.pem", "--peer-key-file=key.pem"),
    ("--peer-cert-file=cert.pem", "--peer-key-file=cert.pem"),
    (*PEER_PAIR, "--peer-trusted-ca-file=no.pem"),
    (*PEER_PAIR, "--peer-trusted-ca-file=key.pem"),
    (*PEER_PAIR, "--cipher-suites=x"),
    (*PEER_PAIR, "--peer-client-cert-file=no.pem"),
    (*PEER_PAIR, "--peer-client-key-file=key.pem"),
    (*PEER_PAIR, "--peer-client-cert-file=no.pem", "--peer-client-key-file=no.pem"),
    (*PEER_PAIR, "--peer-client-cert-file=cert.pem", "--peer-client-key-file=another.pem"),
    (*PEER_PAIR, "--peer-cert-allowed-cn=a,b", "--peer-cert-allowed-hostname=c"),
]
TLS_OF_CLIENTS: list[tuple[str, ...]] = [
    (),
    ("--auto-tls", "--self-signed-cert-validity=0"),
    ("--cert-file=cert.pem",),
    ("--cert-file=no.pem", "--key-file=key.pem"),
    ("--cert-file=cert.pem", "--key-file=bad.pem"),
    ("--cert-file=cert.pem", "--key-file=other.pem"),
    ("--cert-file=cert.pem", "--key-file=another.pem"),
    (*PAIR, "--trusted-ca-file=no.pem"),
    (*PAIR, "--trusted-ca-file=key.pem"),
    (*PAIR, "--client-cert-file=cert.pem"),
    (*PAIR, "--client-cert-file=no.pem", "--client-key-file=no.pem"),
    (*PAIR, "--cipher-suites=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
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
    [
        "--initial-advertise-peer-urls=http://127.0.0.1:9",
        "--initial-cluster=default=http://localhost:9",
    ],
    [
        "--initial-advertise-peer-urls=http://localhost:9",
        "--initial-cluster=default=http://127.0.0.1:9",
    ],
    [
        "--initial-advertise-peer-urls=http://127.0.0.1:9",
        "--initial-cluster=default=https://127.0.0.1:9",
    ],
    [
        "--initial-advertise-peer-urls=http://LOCALHOST:9",
        "--initial-cluster=default=http://localhost:9",
    ],
    [
        "--initial-advertise-peer-urls=http://127.0.0.1:9,http://127.0.0.1:8",
        "--initial-cluster=default=http://127.0.0.1:9",
    ],
    [
        "--initial-advertise-peer-urls=http://127.0.0.1:9",
        "--initial-cluster=default=http://127.0.0.1:9,default=http://127.0.0.1:8",
    ],
    [
        "--initial-advertise-peer-urls=http://127.0.0.1:9",
        "--initial-cluster=default=http://127.0.0.1:8,b=http://127.0.0.1:8",
    ],
    ["--initial-advertise-peer-urls=unix://a:1", "--initial-cluster=default=unix://b:1"],
    ["--initial-advertise-peer-urls=unix://a:1"],
    ["--initial-cluster=b=http://a:1,b=http://b:2"],
    ["--initial-cluster=default=http://localhost:2380,b=http://"],
    ["--initial-cluster=default=http://localhost:2380,b=http://c"],
    ["--initial-cluster=default=http://localhost:2380/p"],
    ["--name="],
    ["--cipher-suites=x"],
    ["--auto-tls", "--self-signed-cert-validity=0"],
    ["--peer-auto-tls", "--self-signed-cert-validity=0"],
    ["--peer-cert-file=no.pem", "--peer-key-file=no.pem"],
    ["--peer-cert-file=bad.pem", "--peer-key-file=bad.pem"],
    ["--peer-cert-file=cert.pem"],
    ["--peer-trusted-ca-file=no.pem"],
    ["--peer-trusted-ca-file=key.pem"],
    ["--listen-metrics-urls=https://127.0.0.1:0"],
    ["--listen-metrics-urls=https://127.0.0.1:0", "--cert-file=no.pem", "--key-file=no.pem"],
    *([PEERS, *flags] for flags in TLS_OF_PEERS),
    *([CLIENTS, *flags] for flags in TLS_OF_CLIENTS),
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
    return answer_of(done.returncode, done.stderr)


_LAST_WORDS = ("fatal", "warn")
"""The levels of the line that says why etcd ends. A part of it that has begun to work by then says
so at info whenever it likes, behind that line too."""


def answer_of(status: int, log: str) -> tuple[int, str, str]:
    lines = log.splitlines()
    if not lines[0].startswith("{"):
        return status, lines[0], ""
    told = [json.loads(each) for each in lines if each.startswith("{")]
    line = next(each for level in _LAST_WORDS for each in reversed(told) if each["level"] == level)
    error = line.get("error", line.get("environment-variable", ""))
    # Where it would have listened, on any port.
    return status, line["msg"], re.sub(r"on TLS for (\S+):\d+:", r"on TLS for \1:", error)


def ours() -> list[str]:
    return [sys.executable, "-c", OURS]


PLACES = [
    "--listen-client-urls=http://127.0.0.1:0",
    "--listen-peer-urls=http://127.0.0.1:0",
    "--advertise-client-urls=http://127.0.0.1:1",
    "--unsafe-no-fsync",
]

Answer = tuple[int, str, str]


@pytest.fixture(scope="module")
def starts_of_etcd(
    request: pytest.FixtureRequest, binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[str, ...], Future[Answer]]]:
    """What etcd says to the arguments of all tests that are to run, in their order: several at a
    time, for it waits more than it works."""

    def real(arguments: tuple[str, ...], folder: Path) -> Answer:
        write_certificates(folder)
        return last([str(binary), *arguments], folder, {})

    pool = ThreadPoolExecutor(3)
    items = (item for item in request.session.items if "starts_of_etcd" in fixtures(item))
    yield {
        arguments: pool.submit(real, arguments, tmp_path_factory.mktemp("real"))
        for arguments in dict.fromkeys(tuple(asked(item)) for item in items)
    }
    pool.shutdown(cancel_futures=True)


def fixtures(item: pytest.Item) -> Sequence[str]:
    return getattr(item, "fixturenames", ())


def asked(item: pytest.Item) -> list[str]:
    assert isinstance(item, pytest.Function)
    arguments = item.callspec.params["arguments"]
    assert isinstance(arguments, list)
    return PLACES + arguments


@pytest.mark.interop
@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_a_refusal_is_etcds(
    binary: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert here(arguments, capsys) == last([str(binary), *arguments], tmp_path, {})


@pytest.mark.interop
@pytest.mark.parametrize("arguments", STARTS_NOT, ids=" ".join)
def test_what_keeps_etcd_from_starting(
    starts_of_etcd: dict[tuple[str, ...], Future[Answer]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    write_certificates(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert here(PLACES + arguments, capsys) == starts_of_etcd[tuple(PLACES + arguments)].result()


def write_certificates(folder: Path) -> None:
    """A pair, keys that are not its own of its kind and of another, and no key at all."""
    for name, content in _certificates().items():
        (folder / name).write_bytes(content)


@functools.lru_cache
def _certificates() -> dict[str, bytes]:
    pair, another = certificates.self_signed(["127.0.0.1"], 1), certificates.self_signed(["x"], 1)
    rsa_key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "cert.pem": pair.certificate,
        "key.pem": pair.key,
        "another.pem": another.key,
        "other.pem": rsa_key,
        "bad.pem": b"rubbish\n",
    }


WILDCARDS = [
    ["--listen-client-urls=http://0.0.0.0:0", "--listen-peer-urls=http://0.0.0.0:0"],
    ["--listen-client-urls=http://0.0.0.0:0", "--listen-peer-urls=http://127.0.0.1:0"],
    ["--listen-client-urls=http://[::]:0", "--listen-peer-urls=http://[::]:0"],
    ["--listen-client-urls=http://127.0.0.1:0", "--listen-peer-urls=http://0.0.0.0:0"],
]


@pytest.mark.interop
@pytest.mark.parametrize("arguments", WILDCARDS, ids=" ".join)
def test_a_wildcard_is_advertised_as_etcd_advertises_it(
    binary: Path, tmp_path: Path, arguments: list[str]
) -> None:
    arguments = [*arguments, "--name=a", "--advertise-client-urls=http://localhost:2379"]
    arguments.append("--peer-trusted-ca-file=no.pem")  # which ends both when all is known

    def told(command: list[str]) -> list[dict[str, object]]:
        done = subprocess.run(
            [*command, *arguments],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        lines = map(json.loads, done.stderr.splitlines())
        wanted = ("detected default host for advertise", "closing etcd server", "discovery failed")
        left_out = {"ts", "stacktrace"}
        return [
            {name: value for name, value in line.items() if name not in left_out}
            for line in lines
            if line["msg"] in wanted
        ]

    assert told(ours()) == told([str(binary)])


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
    "name: 1.5",
    "name: 0x10",
    "name: yes",
    "NAME: 1",
    "max-txn-ops: x",
    "max-txn-ops: 1.5",
    "max-txn-ops: -1",
    "max-txn-ops: '5'",
    "max-request-bytes: 99999999999999999999",
    "max-concurrent-streams: 4294967296",
    "quota-backend-bytes: x",
    "bcrypt-cost: -1",
    "snapshot-count: true",
    "self-signed-cert-validity: x",
    "listen-peer-urls: http://foo:1",
    "listen-peer-urls: x",
    "listen-client-urls: x",
    "listen-client-http-urls: x",
    "listen-metrics-urls: x",
    "initial-advertise-peer-urls: x",
    "advertise-client-urls: x",
    "cors: x",
    "cors: [x]",
    "host-whitelist: [a]",
    "heartbeat-interval: 0",
    "election-timeout: 1",
    "pre-vote: 1",
    "force-new-cluster: x",
    "watch-progress-notify-interval: 10m",
    "warning-apply-duration: x",
    "feature-gates: x=true",
    "feature-gates: [x]",
    "feature-gates: LeaseCheckpointPersist=true",
    "initial-cluster-state: x",
    "initial-cluster: [x]",
    '{"log-format": "x"}',
    "logger: x",
    "logger: 1",
    "log-outputs: x",
    "log-outputs: [1]",
    "log-outputs: [default, stderr]",
    "log-rotation-config-json: 1",
    "enable-log-rotation: true",
    "cipher-suites: x",
    "tls-min-version: x",
    "auth-token: 1",
    "auto-compaction-mode: ''",
    "auto-compaction-retention: 5",
    "discovery-config: x",
    "discovery-config:\n  token: [t]",
    "discovery-config:\n  token: t\n  endpoints: [a]",
    "discovery-config:\n  client: x",
    "discovery-config:\n  client:\n    endpoints: [a]",
    "discovery-config:\n  client:\n    endpoints: a",
    "discovery-config:\n  client:\n    dial-timeout: 1s",
    "discovery-config:\n  client:\n    secure: x",
    "discovery-config:\n  client:\n    secure:\n      insecure-transport: 1",
    "discovery-config:\n  client:\n    auth:\n      username: 1",
    "socket-options: x",
    "socket-options:\n  reuse-port: x",
    "socket-options:\n  reuse-address: 1",
    "client-transport-security: [x]",
    "client-transport-security:\n  cert-file: [1]",
    "client-transport-security:\n  client-cert-auth: x",
    "peer-transport-security: x",
    "peer-transport-security:\n  allowed-cn: x",
    "peer-transport-security:\n  allowed-hostname: [1]",
    "peer-transport-security:\n  auto-tls: 1",
    # A first mistake is the first by key; what is no key is passed over.
    "pre-vote: 1\nmax-wals: x",
    "discovery-token: t\nlog-format: x",
    "socket-reuse-port: x\nlog-format: x",
    "cert-file: 1\nlog-format: x",
    "raft-read-timeout: x\nlog-format: x",
    "socket-options:\n  reuse-port: true\nlog-format: x",
    # What is no YAML, or not the right kind.
    "- a",
    "1",
    "'x'",
    "true",
    "!!foo x",
    "name: [1",
    "name: {a",
    "[1,2",
    "{",
    "}",
    "a: b: c",
    "name: a: b",
    "name: a\n  b: c",
    "\tname: a",
    "name: 'x",
    'name: "x',
    "\nname: 'x\ny",
    "- a\nname: b",
    "name:\n- a\n b",
    "name: &a b\nx: *c",
    "*a: b",
    "%YAML 1.2\n---\nname: a",
    "name: !!binary x",
    "name: \x01",
    "name: @x",
    "name: `x",
    '{"name" "a"}',
    'name: "\\x"',
    'name: "\\q"',
    "name: |\n a\n  b\n c\nd",
    "name: a\nb\nc: d",
    "name: - a",
    "name: ? a",
]


@pytest.mark.interop
@pytest.mark.parametrize("text", FILES)
def test_a_config_file_is_refused_as_etcd_refuses_it(
    binary: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("etcd.conf").write_text(text, encoding="utf-8")
    real = last([str(binary), "--config-file=etcd.conf"], tmp_path, {})
    assert here(["--config-file=etcd.conf"], capsys) == real


def here(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> Answer:
    """What we say to arguments that are refused, without a process of its own."""
    with pytest.raises(SystemExit) as end:
        raise SystemExit(main(arguments, as_etcd=True))
    assert isinstance(end.value.code, int)
    return answer_of(end.value.code, capsys.readouterr().err)


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
