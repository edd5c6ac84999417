"""Tokens of a FakeEtcd, whose time is the test's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.testing import FakeEtcd

from .stubs import stub


@pytest.fixture(params=["simple", "jwt"])
def etcd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FakeEtcd]:
    """One whose auth is on and whose clock stands still."""
    (tmp_path / "secret").write_bytes(b"secret")
    signed = f"jwt,sign-method=HS256,priv-key={tmp_path / 'secret'},ttl=5s"
    text = signed if request.param == "jwt" else "simple"
    with FakeEtcd(auth_token=text, auth_token_ttl_seconds=5) as etcd:
        etcd.clock.freeze()
        channel = etcd.channel()
        stub(channel, "Auth/UserAdd")(m.AuthUserAddRequest(name="root", password="p"))
        stub(channel, "Auth/RoleAdd")(m.AuthRoleAddRequest(name="root"))
        stub(channel, "Auth/UserGrantRole")(m.AuthUserGrantRoleRequest(user="root", role="root"))
        stub(channel, "Auth/AuthEnable")(m.AuthEnableRequest())
        yield etcd


def authenticate(etcd: FakeEtcd) -> str:
    request = m.AuthenticateRequest(name="root", password="p")
    token: str = stub(etcd.channel(), "Auth/Authenticate")(request).token
    return token


def put(etcd: FakeEtcd, token: str) -> str:
    try:
        stub(etcd.channel(), "KV/Put")(m.PutRequest(key=b"a"), metadata=(("token", token),))
    except grpc.RpcError as error:
        return str(error.details())
    return "OK"


def test_a_token_lives_as_long_as_its_option_says(etcd: FakeEtcd) -> None:
    token = authenticate(etcd)
    assert put(etcd, token) == "OK"
    etcd.clock.advance(3)
    assert put(etcd, token) == "OK"
    etcd.clock.advance(10)
    assert put(etcd, token) == errors.INVALID_AUTH_TOKEN.message
    assert put(etcd, authenticate(etcd)) == "OK"


def test_going_back_in_time_brings_tokens_back(etcd: FakeEtcd) -> None:
    token = authenticate(etcd)
    before = etcd.snapshot()
    later = authenticate(etcd)
    etcd.clock.advance(10)
    assert put(etcd, token) == errors.INVALID_AUTH_TOKEN.message
    etcd.restore(before)
    assert put(etcd, token) == "OK"
    assert authenticate(etcd) == later
