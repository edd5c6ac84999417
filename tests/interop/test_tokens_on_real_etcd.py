"""Tokens are real etcd's: it accepts ours and we accept its own, by every method and however odd.

What it answers is compared with the code, not with a server of ours.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import grpc
import pytest
from google.protobuf.message import Message

from conformance import oracle
from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.cli import auth_token
from fake_etcd.core.auth.jwt_tokens import JwtTokens
from fake_etcd.core.auth.token_options import SIGN_METHODS, InvalidTokenOptions, JwtOptions
from fake_etcd.core.auth.tokens import AuthInfo
from fake_etcd.core.clock import VirtualClock
from fake_etcd.core.journal import Journal
from tests.cli.token_texts import REFUSED, REFUSED_IN_OTHER_WORDS, TAKEN, written
from tests.core.auth.keys import Keys
from tests.core.auth.odd_tokens import SECRET, claims, odd_tokens, signed

from .conftest import built

Answer = TypeVar("Answer", bound=Message)

OK = "OK"


@pytest.fixture(scope="module", autouse=True)
def program() -> Path:
    """Real etcd's executable; without Go there is nothing to test."""
    return built(oracle.build)


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys()


class Client:
    """Calls of a server, by whatever token."""

    def __init__(self, url: str) -> None:
        self.channel = grpc.insecure_channel(url.removeprefix("http://"))

    def call(
        self, path: str, request: Message, answer: type[Answer], token: str | None = None
    ) -> Answer | str:
        """The answer, or code and text of an error."""
        method = self.channel.unary_unary(
            f"/etcdserverpb.{path}", type(request).SerializeToString, answer.FromString
        )
        metadata = () if token is None else (("token", token),)
        try:
            result: Answer = method(request, metadata=metadata, timeout=10)
        except grpc.RpcError as error:
            return f"{error.code().name} {error.details()}"
        return result

    def add_root(self, name: str, token: str | None = None) -> None:
        """A user who may do anything."""
        user, grant = m.AuthUserAddRequest(name=name, password="p"), m.AuthUserGrantRoleRequest
        assert not isinstance(self.call("Auth/UserAdd", user, m.AuthUserAddResponse, token), str)
        granted = self.call(
            "Auth/UserGrantRole",
            grant(user=name, role="root"),
            m.AuthUserGrantRoleResponse,
            token,
        )
        assert not isinstance(granted, str)

    def authenticate(self, name: str) -> str:
        """A token, or code and text of an error."""
        request = m.AuthenticateRequest(name=name, password="p")
        found = self.call("Auth/Authenticate", request, m.AuthenticateResponse)
        return found if isinstance(found, str) else found.token

    def put(self, token: str) -> str:
        found = self.call("KV/Put", m.PutRequest(key=b"a"), m.PutResponse, token)
        return found if isinstance(found, str) else OK


@contextmanager
def etcd_with_auth(*flags: str) -> Iterator[Client]:
    """A server whose auth is on, with root alone; its auth store has revision 4."""
    with oracle.start(flags=flags) as running:
        client = Client(running.url)
        client.call("Auth/RoleAdd", m.AuthRoleAddRequest(name="root"), m.AuthRoleAddResponse)
        client.add_root("root")
        enabled = client.call("Auth/AuthEnable", m.AuthEnableRequest(), m.AuthEnableResponse)
        assert not isinstance(enabled, str)
        yield client
        client.channel.close()


def jwt_flag(options: JwtOptions, folder: Path) -> str:
    parts = ["--auth-token=jwt", f"sign-method={options.sign_method}"]
    for name, key in (("pub-key", options.public_key), ("priv-key", options.private_key)):
        if key:
            (folder / name).write_bytes(key)
            parts.append(f"{name}={folder / name}")
    return ",".join(parts)


def tokens_of(options: JwtOptions, unix_epoch: float | None = None) -> JwtTokens:
    epoch = time.time() if unix_epoch is None else unix_epoch
    return JwtTokens(options, epoch, VirtualClock(), Journal())


@pytest.mark.parametrize("method", SIGN_METHODS)
def test_etcd_takes_our_tokens_and_we_take_its(method: str, tmp_path: Path, keys: Keys) -> None:
    options = keys.options(method)
    with etcd_with_auth(jwt_flag(options, tmp_path)) as client:
        of_etcd = client.authenticate("root")
        assert tokens_of(options).info(of_etcd, 9) == AuthInfo("root", 4)
        assert client.put(tokens_of(options).assign("root", 4)) == OK
        assert client.put(tokens_of(options).assign("root", 3)) == (
            f"INVALID_ARGUMENT {errors.AUTH_OLD_REVISION.message}"
        )
        assert client.put(tokens_of(options).assign("root", 4)[:-8] + "AAAAAAAA") == (
            f"UNAUTHENTICATED {errors.INVALID_AUTH_TOKEN.message}"
        )
        same_time = tokens_of(options, _end_of(of_etcd) - options.ttl_seconds)
        ours = same_time.assign("root", 4)
        if method.startswith(("PS", "ES")):  # whose signatures have chance in them
            assert ours.rpartition(".")[0] == of_etcd.rpartition(".")[0]
        else:
            assert ours == of_etcd


def _end_of(token: str) -> float:
    body = token.split(".")[1]
    found: float = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["exp"]
    return found


def test_names_are_written_alike(tmp_path: Path) -> None:
    options = JwtOptions("HS256", private_key=SECRET)
    names = ['a"\\/<b>&\u2028\u2029', "\x00\x1f\x7f\b\f\n\r\t", "é\U0001f600\ufffd"]
    with etcd_with_auth(jwt_flag(options, tmp_path)) as client:
        for number, name in enumerate(names):
            client.add_root(name, tokens_of(options).assign("root", 4 + 2 * number))
        for name in names:
            token = client.authenticate(name)
            ours = tokens_of(options, _end_of(token) - options.ttl_seconds)
            assert ours.assign(name, 4 + 2 * len(names)) == token


def test_odd_tokens_are_accepted_where_we_accept_them(tmp_path: Path) -> None:
    options = JwtOptions("HS256", private_key=SECRET)
    with etcd_with_auth(jwt_flag(options, tmp_path)) as client:
        odd = odd_tokens(int(time.time()))
        wrong = {
            one.name: (found, one.info)
            for one in odd
            if (found := client.put(one.token)) != _answer(one.info)
        }
    assert wrong == {}


def _answer(info: AuthInfo | None) -> str:
    """What a put by such a user comes to, of whom only root exists."""
    if info is None:
        return f"UNAUTHENTICATED {errors.INVALID_AUTH_TOKEN.message}"
    if not info.revision:
        return f"INVALID_ARGUMENT {errors.USER_EMPTY.message}"
    if info.revision < 4:
        return f"INVALID_ARGUMENT {errors.AUTH_OLD_REVISION.message}"
    return (
        OK if info.username == "root" else f"PERMISSION_DENIED {errors.PERMISSION_DENIED.message}"
    )


def test_a_name_that_is_no_text_is_one_of_replacement_characters(tmp_path: Path) -> None:
    options = JwtOptions("HS256", private_key=SECRET)
    with etcd_with_auth(jwt_flag(options, tmp_path)) as client:
        client.add_root("\ufffd" * 3, tokens_of(options).assign("root", 4))
        for body in (
            b'{"username":"\xff\xe2\x82","revision":6}',
            claims(username="\ud800\ufffd\udc00", revision=6),
        ):
            assert client.put(signed(b'{"alg":"HS256"}', body)) == OK


@pytest.mark.parametrize(
    ("method", "file"),
    [("RS512", "rsa:pub"), ("ES384", "ec-p384:pub"), ("EdDSA", "ed:pub")],
)
def test_a_public_key_signs_nothing(method: str, file: str, tmp_path: Path, keys: Keys) -> None:
    options = JwtOptions(method, public_key=keys[file])
    with etcd_with_auth(jwt_flag(options, tmp_path)) as client:
        assert client.authenticate("root") == f"UNKNOWN {_refusal(options)}"
        own = keys.options(method)
        assert client.put(tokens_of(own).assign("root", 4)) == OK


@pytest.mark.parametrize(
    ("method", "file"), [("ES256", "ec-p384"), ("ES512", "ec-p256"), ("PS256", "rsa-512")]
)
def test_a_key_for_another_method_signs_nothing(
    method: str, file: str, tmp_path: Path, keys: Keys
) -> None:
    options = JwtOptions(method, private_key=keys[file])
    with etcd_with_auth(jwt_flag(options, tmp_path)) as client:
        assert client.authenticate("root") == f"UNKNOWN {_refusal(options)}"


def _refusal(options: JwtOptions) -> str:
    with pytest.raises(errors.StatusError) as refusal:
        tokens_of(options).assign("root", 4)
    return refusal.value.message


def test_without_tokens_nobody_is_let_in() -> None:
    with etcd_with_auth("--auth-token=") as client:
        assert client.authenticate("root") == f"INVALID_ARGUMENT {errors.AUTH_FAILED.message}"
        assert client.put("a.1") == f"UNAUTHENTICATED {errors.INVALID_AUTH_TOKEN.message}"


def test_a_simple_token_looks_like_ours() -> None:
    with etcd_with_auth() as client:
        token = client.authenticate("root")
        letters, _, count = token.partition(".")
        assert (len(letters), letters.isascii(), letters.isalpha()) == (16, True, True)
        assert count.isdigit()
        assert client.put(token) == OK


@pytest.mark.parametrize("text", REFUSED)
def test_what_we_refuse_it_refuses_in_the_same_words(text: str, tmp_path: Path, keys: Keys) -> None:
    flag = written(text, tmp_path, keys)
    with pytest.raises(InvalidTokenOptions) as refusal:
        auth_token.read(flag)
    log = _refusal_of_etcd(f"--auth-token={flag}").replace('":"', ": ")
    assert f'error: {_escaped(refusal.value.message)}"' in log
    if refusal.value.reason:
        message, _, fields = refusal.value.reason.partition(": ")
        assert f'msg: {message}"' in log
        for field in fields.removesuffix(")").split(" ("):
            assert _escaped(field) in log


@pytest.mark.parametrize("text", TAKEN)
def test_what_we_take_it_takes(text: str, tmp_path: Path, keys: Keys) -> None:
    flag = written(text, tmp_path, keys)
    auth_token.read(flag)
    with oracle.start(flags=[f"--auth-token={flag}"]):
        pass


@pytest.mark.parametrize("text", REFUSED_IN_OTHER_WORDS)
def test_other_keys_that_we_refuse_it_refuses(text: str, tmp_path: Path, keys: Keys) -> None:
    flag = written(text, tmp_path, keys)
    assert '"msg":"discovery failed"' in _refusal_of_etcd(f"--auth-token={flag}")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _refusal_of_etcd(flag: str) -> str:
    with (
        pytest.raises(oracle.NoOracle) as refusal,
        oracle.start(flags=[flag, "--log-level=warn"]),
    ):
        pass
    return str(refusal.value)
