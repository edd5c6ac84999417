"""Certificates on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fake_etcd.testing import FakeEtcd, Tls
from tests.ctl.runs import Run, run


@dataclass(frozen=True)
class Secured:
    """An etcd that speaks TLS and asks for a client's certificate, and the files for that."""

    url: str
    ca: str
    cert: str
    key: str

    def put(self, *flags: str) -> Run:
        return run("put", "a", "1", f"--endpoints={self.url}", "--command-timeout=2s", *flags)


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    with FakeEtcd(tls=Tls(client_cert_auth=True)) as etcd:
        files = {"ca": etcd.ca_cert, "cert": etcd.client_cert, "key": etcd.client_key}
        for name, pem in files.items():
            (tmp_path / name).write_bytes(pem)
        yield Secured(etcd.url, *(str(tmp_path / name) for name in files))


def test_certificates_are_shown_and_verified(secured: Secured) -> None:
    flags = f"--cacert={secured.ca}", f"--cert={secured.cert}", f"--key={secured.key}"
    assert secured.put(*flags) == Run("OK\n")


def test_a_server_need_not_be_verified(secured: Secured) -> None:
    flags = "--insecure-skip-tls-verify", f"--cert={secured.cert}", f"--key={secured.key}"
    assert secured.put(*flags) == Run("OK\n")


def test_a_certificate_for_another_host_need_not_be_verified() -> None:
    with FakeEtcd(tls=Tls(hosts=("etcd.example",))) as etcd:
        found = run("put", "a", "1", f"--endpoints={etcd.url}", "--insecure-skip-tls-verify")
    assert found == Run("OK\n")


def test_nothing_is_skipped_where_nothing_is_secured(fake_etcd: FakeEtcd) -> None:
    found = run("put", "a", "1", f"--endpoints={fake_etcd.url}", "--insecure-skip-tls-verify")
    assert found == Run("OK\n")
