"""What the control API does with users, roles and tokens."""

from __future__ import annotations

import grpc
import pytest

from fake_etcd.api import messages as m
from fake_etcd.testing import FakeEtcd
from fake_etcd.testing.control.door import Control
from tests.testing.stubs import stub
from tests.testing.test_control_faults import ask


def test_users_are_shown_logged_in_and_out() -> None:
    with FakeEtcd() as etcd:
        etcd.clock.freeze()
        control = Control(etcd)
        auth = {
            "root": "pw",
            "users": {"ann": {"password": "pw", "roles": ["r"]}, "cert": {"no_password": True}},
            "roles": {"r": {"read": [{"base64": "/w=="}, {"range": ["a", {"base64": "/w=="}]}]}},
        }
        assert ask(control, "GET", "/auth") == (
            200,
            {"enabled": False, "revision": 1, "users": {}, "roles": {}},
        )
        assert ask(control, "POST", "/token", user="ann") == (
            409,
            {"error": "etcdserver: authentication is not enabled"},
        )
        assert ask(control, "POST", "/seed", auth=auth)[0] == 200
        assert ask(control, "GET", "/auth") == (
            200,
            {
                "enabled": True,
                "revision": 10,
                "users": {
                    "ann": {"roles": ["r"]},
                    "cert": {"no_password": True, "roles": []},
                    "root": {"roles": ["root"]},
                },
                "roles": {
                    "r": {"read": [{"range": ["a", {"base64": "/w=="}]}, {"base64": "/w=="}]},
                    "root": {"readwrite": [{"prefix": ""}]},
                },
            },
        )
        status, told = ask(control, "POST", "/token", user="ann")
        read = stub(etcd.channel(), "KV/Range")
        metadata = [("token", told["token"])]
        assert status == 200
        assert read(m.RangeRequest(key=b"b"), metadata=metadata).count == 0
        assert ask(control, "POST", "/tokens/expire", user="root")[0] == 200
        assert read(m.RangeRequest(key=b"b"), metadata=metadata).count == 0
        assert ask(control, "POST", "/tokens/expire")[0] == 200
        with pytest.raises(grpc.RpcError, match="invalid auth token"):
            read(m.RangeRequest(key=b"b"), metadata=metadata)
        wrong = "there is no user 'eve'; there are 'ann', 'cert', 'root'"
        assert ask(control, "POST", "/token", user="eve") == (404, {"error": wrong})
