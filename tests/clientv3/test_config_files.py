"""Configurations from files and plain data, with the keys and the units of Go's."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from fake_etcd import clientv3
from fake_etcd.clientv3 import TLS, Config, clientv3util, op_put
from fake_etcd.clientv3.config_spec import AuthConfig, ConfigSpec, SecureConfig, new_client_config
from fake_etcd.clientv3.yaml import new_config
from fake_etcd.testing import FakeEtcd

WHOLE = """\
endpoints:
- http://10.0.0.1:2379
- 10.0.0.2:2379
auto-sync-interval: 60000000000
dial-timeout: 5000000000
dial-keep-alive-time: 30000000000
dial-keep-alive-timeout: 1500000000
MaxCallSendMsgSize: 1000
maxcallrecvmsgsize: 2000
username: root
password: secret
reject-old-cluster: true
permit-without-stream: true
max-unary-retries: 7
backoff-wait-between: 250000000
backoff-jitter-fraction: 0.5
insecure-transport: true
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "client.yaml"
    path.write_text(text)
    return path


def test_a_whole_file(tmp_path: Path) -> None:
    assert new_config(written(tmp_path, WHOLE)) == Config(
        endpoints=("http://10.0.0.1:2379", "10.0.0.2:2379"),
        auto_sync_interval=60.0,
        dial_timeout=5.0,
        dial_keepalive_time=30.0,
        dial_keepalive_timeout=1.5,
        max_call_send_size=1000,
        max_call_recv_size=2000,
        username="root",
        password="secret",
        reject_old_cluster=True,
        permit_without_stream=True,
        max_unary_retries=7,
        backoff_wait_between=0.25,
        backoff_jitter_fraction=0.5,
    )


def test_what_is_not_said_is_as_it_is_by_default(tmp_path: Path) -> None:
    expected = Config(endpoints=("a:1",), tls=TLS())
    text = "endpoints: [a:1]\ndial-timeout: 0\nmax-unary-retries: 0\nusername: null\n"
    assert new_config(written(tmp_path, text)) == expected


@pytest.mark.fake_etcd(tls=True)
def test_a_file_with_certificates_makes_a_client(fake_etcd: FakeEtcd, tmp_path: Path) -> None:
    kit = fake_etcd.tls
    assert kit is not None
    files = kit.files()
    ca, cert, key = map(str, (files.ca_cert, files.client_cert, files.client_key))
    said = {"endpoints": list(fake_etcd.endpoints), "trusted-ca-file": ca}
    config = new_config(written(tmp_path, json.dumps({**said, "cert-file": cert, "key-file": key})))
    assert config.tls == TLS(ca, cert, key)
    with clientv3.Client(new_config(written(tmp_path, json.dumps(said)))) as cli:
        assert cli.put("k", "v").header.revision == 2


WRONG = [
    ("", clientv3.NoAvailableEndpoints, "no available endpoints"),
    ("endpoints: [a", ValueError, "is no YAML"),
    ("- a", ValueError, "is to have keys and values"),
    ("endpoints: a:1", ValueError, "endpoints: wanted list, not 'a:1'"),
    ("endpoints: [1]", ValueError, r"endpoints: wanted a list of str, not \[1\]"),
    ("dial-timeout: 5s", ValueError, "dial-timeout: wanted int, not '5s'"),
    ("dial-timeout: true", ValueError, "dial-timeout: wanted int, not True"),
    ("username: 7", ValueError, "username: wanted str, not 7"),
    ("ca-file: ca.pem", ValueError, "ca-file: there is no such key"),
    ("insecure-skip-tls-verify: true", ValueError, "grpcio has no way"),
    ("cert-file: a.pem", ValueError, "cert and key both"),
    ("trusted-ca-file: /nowhere.pem", FileNotFoundError, "No such file"),
    (
        "insecure-transport: true\ntoken: t\nusername: u",
        clientv3.MutuallyExclusiveConfig,
        "exclusive",
    ),
]


@pytest.mark.parametrize(("text", "error", "told"), WRONG)
def test_what_is_wrong_is_told(
    tmp_path: Path, text: str, error: type[Exception], told: str
) -> None:
    if "endpoints" not in text and text and not text.startswith("-"):
        text = f"endpoints: [a:1]\n{text}"
    with pytest.raises(error, match=told):
        new_config(written(tmp_path, text))


def test_a_file_that_is_no_certificate_is_told(tmp_path: Path) -> None:
    text = f"endpoints: [a:1]\ntrusted-ca-file: {written(tmp_path, 'no PEM')}"
    other = tmp_path / "other.yaml"
    other.write_text(text)
    with pytest.raises(ssl.SSLError):
        new_config(other)


SPEC = {
    "endpoints": ["a:1", "b:2"],
    "request-timeout": 1_000_000_000,
    "dial-timeout": 2_000_000_000,
    "keepalive-time": 3_000_000_000,
    "keepalive-timeout": 4_000_000_000,
    "max-request-bytes": 5,
    "max-recv-bytes": 6,
    "secure": {
        "cert": "c",
        "key": "k",
        "cacert": "ca",
        "server-name": "etcd.example",
        "insecure-transport": False,
        "insecure-skip-tls-verify": False,
    },
    "auth": {"username": "u", "password": "p", "token": ""},
}


def test_a_specification_is_a_configuration() -> None:
    spec = ConfigSpec.of(SPEC)
    assert spec == ConfigSpec(
        endpoints=("a:1", "b:2"),
        request_timeout=1.0,
        dial_timeout=2.0,
        keepalive_time=3.0,
        keepalive_timeout=4.0,
        max_call_send_size=5,
        max_call_recv_size=6,
        secure=SecureConfig(cert="c", key="k", cacert="ca", server_name="etcd.example"),
        auth=AuthConfig(username="u", password="p"),
    )
    assert new_client_config(spec) == Config(
        endpoints=("a:1", "b:2"),
        dial_timeout=2.0,
        dial_keepalive_time=3.0,
        dial_keepalive_timeout=4.0,
        max_call_send_size=5,
        max_call_recv_size=6,
        tls=TLS("ca", "c", "k", "etcd.example"),
        username="u",
        password="p",
    )
    assert "'p'" not in repr(spec)


@pytest.mark.parametrize(
    ("secure", "tls"),
    [
        (None, None),
        (SecureConfig(), TLS()),
        (SecureConfig(insecure_transport=True), None),
        (SecureConfig(insecure_transport=True, cacert="ca"), TLS("ca")),
        (SecureConfig(server_name="n"), TLS(server_name="n")),
    ],
)
def test_when_there_is_tls(secure: SecureConfig | None, tls: TLS | None) -> None:
    assert new_client_config(ConfigSpec(endpoints=["a:1"], secure=secure)) == Config(
        endpoints=["a:1"], tls=tls
    )


@pytest.mark.parametrize(
    "data", [{"secure": []}, {"secure": {"nothing": 1}}, {"auth": {"token": 1}}, {"nothing": 1}]
)
def test_a_specification_with_something_else_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"nothing: there is no such key|wanted"):
        ConfigSpec.of(data)


def test_who_the_client_is_may_be_left_open() -> None:
    assert AuthConfig().is_empty
    assert not AuthConfig(token="t").is_empty


def test_whether_a_key_is_there_can_be_compared(cli: Any) -> None:
    for expected in (True, False):
        missing = cli.txn().if_(clientv3util.key_missing("k")).then(op_put("k", "v")).commit()
        assert missing.succeeded == expected
        found = cli.txn().if_(clientv3util.key_exists("absent")).commit()
        assert not found.succeeded
    assert cli.txn().if_(clientv3util.key_exists("k")).commit().succeeded
