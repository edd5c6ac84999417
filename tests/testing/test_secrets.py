"""Passwords, their hashes and tokens are shown nowhere, unless somebody asks for them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor

from fake_etcd.api import messages as m
from fake_etcd.api.methods import METHODS
from fake_etcd.services.http import HttpRequest
from fake_etcd.testing import FakeEtcd, failure, faults, on, secret
from fake_etcd.testing.auth_seed import parsed
from fake_etcd.testing.control.door import Control
from tests.testing.runs import Runner
from tests.testing.stubs import stub

pytest_plugins = ["pytester"]

ROOT, ANN, BOB, LATER, HASH = "geheim-root", "geheim-ann", "geheim-bob", "geheim-later", "geheimes"
AUTH = {"root": ROOT, "users": {"ann": ANN}}


class Told:
    """All that an etcd shows, and what of it is secret."""

    def __init__(self, etcd: FakeEtcd) -> None:
        self.etcd = etcd
        self.tokens: list[str] = []
        self.texts: list[str] = []

    def assert_silent(self) -> None:
        assert self.tokens
        assert self.texts
        for text in self.texts:
            assert "geheim" not in text, text
            assert "$2a$" not in text, text
            for token in self.tokens:
                assert token not in text, text


@pytest.fixture
def told() -> Iterator[Told]:
    with FakeEtcd(auth=AUTH) as etcd:
        yield Told(etcd)


def work(told: Told) -> None:
    """Every request and answer that has a secret in it, with a token as its metadata."""
    channel = told.etcd.channel()
    login = stub(channel, "Auth/Authenticate")
    token = login(m.AuthenticateRequest(name="root", password=ROOT)).token
    bearer = [("authorization", f"Bearer {token}")]
    told.tokens.append(token)
    add = m.AuthUserAddRequest(name="bob", password=BOB, hashedPassword=HASH)
    stub(channel, "Auth/UserAdd")(add, metadata=bearer)
    change = stub(channel, "Auth/UserChangePassword")
    for request in (
        m.AuthUserChangePasswordRequest(name="bob", password=LATER),
        m.AuthUserChangePasswordRequest(name="bob", hashedPassword=HASH),
    ):
        change(request, metadata=[("token", token)])
    with pytest.raises(grpc.RpcError):
        login(m.AuthenticateRequest(name="ann", password=BOB))


def get(etcd: FakeEtcd, target: str) -> Any:
    answer = Control(etcd).handle(HttpRequest("GET", f"/_fake{target}", (), b""))
    return json.loads(answer.body)


def test_no_field_of_a_message_that_may_be_one_is_forgotten() -> None:
    found = set()
    for method in METHODS.values():
        for message in (method.request, method.response):
            for field in message.DESCRIPTOR.fields:
                is_text = field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
                name = field.name.lower()
                if is_text and ("password" in name or "token" in name or "secret" in name):
                    found.add((message.DESCRIPTOR.full_name, field.name))
    assert found == secret._FIELDS


def test_history_and_reports_show_none(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    work(told)
    etcd = told.etcd
    told.texts += [str(call) for call in etcd.history] + [repr(call) for call in etcd.history]
    called, not_called = etcd.history.assert_called, etcd.history.assert_not_called
    for what in (
        partial(called, "Put"),
        partial(called, "Authenticate", password="geheim"),
        partial(not_called, "Authenticate", password=ROOT),
    ):
        with pytest.raises(AssertionError) as caught:
            what()
        told.texts.append(str(caught.value))
    rule = etcd.faults.add(on.Put(metadata={"Token": told.tokens[0]}), faults.drop())
    told.texts += [str(rule), repr(rule), etcd.faults.describe(), failure.described(etcd)]
    told.texts += [repr(etcd), repr(etcd.store), repr(etcd.history), repr(etcd.tokens)]
    told.texts += [repr(etcd._beginning._auth), repr(etcd._beginning.config), repr(parsed(AUTH))]
    told.texts += [repr(etcd.node.auth.user("ann")), repr(etcd.store.users())]
    told.texts += [str(etcd.store.dump()), caplog.text]
    told.assert_silent()
    assert str(etcd.history.calls("UserAdd")[0]) == (
        "UserAdd(name='bob', password=***, hashedPassword=***) -> OK, revision 1"
    )
    assert str(etcd.history.calls("Authenticate")[0]) == (
        "Authenticate(name='root', password=***) -> OK, token=***, revision 1"
    )
    assert str(rule.on) == "Put(metadata={'token': '***'})"


def test_who_asks_for_them_has_them(told: Told) -> None:
    work(told)
    assert told.etcd.history.calls("UserAdd")[0].request.password == BOB
    assert told.etcd.history.calls("Authenticate", password=ROOT)[0].answer.token in told.tokens


def test_the_control_api_shows_them_where_it_is_asked_to(told: Told) -> None:
    work(told)
    for target in ("/history", "/history?secrets=false", "/dump", "/auth", "/faults", "/health"):
        told.texts.append(json.dumps(get(told.etcd, target)))
    told.texts.append(json.dumps(get(told.etcd, "/history?secrets=geheimer")["error"][:20]))
    body = json.dumps({"on": {"metadata": {"token": told.tokens[0], "a": 1}}, "fault": {}}).encode()
    answer = Control(told.etcd).handle(HttpRequest("POST", "/_fake/faults", (), body))
    told.texts.append(answer.body.decode())
    body = json.dumps({"auth": {"root": [ROOT], "users": {"ann": ANN}}}).encode()
    answer = Control(told.etcd).handle(HttpRequest("POST", "/_fake/seed", (), body))
    assert answer.status == 400
    told.texts.append(answer.body.decode())
    told.assert_silent()
    (shown,) = get(told.etcd, "/history?method=UserAdd&secrets=true")["calls"]
    assert shown["requests"] == [{"name": "bob", "password": BOB, "hashedPassword": HASH}]


def test_explore_shows_none(told: Told) -> None:
    def login(etcd: FakeEtcd) -> None:
        request = m.AuthenticateRequest(name="ann", password=ANN)
        told.tokens.append(stub(etcd.channel(), "Auth/Authenticate")(request).token)

    found = told.etcd.explore(login, allowed=())
    told.texts += [str(found), repr(found)]
    told.assert_silent()
    assert found.calls == ("Authenticate(name='ann', password=***)",)
    assert len(found.broken) == 2


FAILING = """
    import pytest
    from fake_etcd.api import messages as m
    from fake_etcd.testing import FakeEtcd
    from tests.testing.stubs import stub

    secret = "geh" + "eim"
    AUTH = {"root": secret, "users": {"ann": secret}}
    WRONG = {"root": [secret], "users": {"ann": secret}}

    @pytest.mark.fake_etcd(auth=AUTH)
    def test_that_fails(fake_etcd):
        stub(fake_etcd.channel(), "Auth/Authenticate")(
            m.AuthenticateRequest(name="ann", password=AUTH["root"])
        )
        fake_etcd.history.assert_called("Put")

    @pytest.mark.fake_etcd(auth=WRONG)
    def test_of_a_wrong_option(fake_etcd):
        pass

    @pytest.mark.fake_etcd([secret])
    def test_of_an_option_without_a_name(fake_etcd):
        pass

    @pytest.mark.fake_etcd(auth=[secret])
    def test_of_an_option_of_the_wrong_kind(fake_etcd):
        pass

    def test_of_a_wrong_argument():
        FakeEtcd(auth=WRONG)

    def test_of_another_wrong_argument():
        FakeEtcd(auth=[secret])

    def test_of_a_wrong_seed(fake_etcd):
        fake_etcd.seed({"auth": WRONG})
"""


def test_no_report_of_pytest_shows_one(pytester: pytest.Pytester) -> None:
    output = Runner(pytester)(FAILING, "-vv", failed=4, errors=3)
    assert "geheim" not in output
    assert "Authenticate(name='ann', password=***)" in output
    assert "auth: user 'root': a list; a user is a password" in output
    assert "auth=***: it has to be a mapping, or the path of a file" in output
