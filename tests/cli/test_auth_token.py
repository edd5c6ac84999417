"""What `--auth-token` and its neighbours are understood as, and what of them is refused.

The same texts are put to real etcd in `tests/interop/test_tokens_on_real_etcd.py`.
"""

from __future__ import annotations

import doctest
import json
import signal
from pathlib import Path

import pytest

from fake_etcd.cli import auth_token
from fake_etcd.cli.auth_token import AuthToken, read
from fake_etcd.core.auth.token_options import InvalidTokenOptions, JwtOptions, PlainTokens
from tests.core.auth.keys import Keys

from .dev_server import run, serving
from .token_texts import HS, REFUSED, REFUSED_IN_OTHER_WORDS, TAKEN, written


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys()


def test_the_examples_run() -> None:
    assert doctest.testmod(auth_token).failed == 0


@pytest.mark.parametrize("text", TAKEN)
def test_what_etcd_takes_is_taken(text: str, tmp_path: Path, keys: Keys) -> None:
    kind = text.partition(",")[0]
    options = read(written(text, tmp_path, keys)).options
    if kind == "jwt":
        assert isinstance(options, JwtOptions)
        assert f"sign-method={options.sign_method}," in text
    else:
        assert options == PlainTokens(kind)


def test_all_of_it_is_there(tmp_path: Path, keys: Keys) -> None:
    text = written(f"{HS},pub-key=<words>,ttl=1m30s,zed=1,foo=2", tmp_path, keys)
    options = JwtOptions("HS256", b"no key at all\n", b"a", 90.0)
    assert read(text) == AuthToken(options, ("foo", "zed"))
    assert read(written(HS, tmp_path, keys)) == AuthToken(JwtOptions("HS256", b"", b"a", 300.0))


@pytest.mark.parametrize("text", REFUSED + REFUSED_IN_OTHER_WORDS)
def test_what_etcd_refuses_is_refused(text: str, tmp_path: Path, keys: Keys) -> None:
    with pytest.raises(InvalidTokenOptions):
        read(written(text, tmp_path, keys))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("foo", "auth: invalid auth options: unknown token type: foo"),
        ("simple,a", "auth: invalid auth options: invalid token option: simple,a"),
        (
            "simple,a=b,a=c",
            "auth: invalid auth options: invalid token option: simple,a=b,a=c "
            "(duplicate-parameter: a)",
        ),
        (
            "jwt",
            "auth: invalid auth options: problem loading JWT options: "
            "auth: invalid auth signature method",
        ),
        (
            "jwt,priv-key=nope",
            "auth: invalid auth options: problem loading JWT options: "
            "open nope: no such file or directory",
        ),
        (
            "jwt,priv-key=/",
            "auth: invalid auth options: problem loading JWT options: read /: is a directory",
        ),
        (
            "jwt,ttl=1d",
            "auth: invalid auth options: problem loading JWT options: "
            'time: unknown unit "d" in duration "1d"',
        ),
        ("jwt,sign-method=none", "unsupported signing method: *jwt.signingMethodNone"),
        ("jwt,sign-method=RS256", "auth: missing key data"),
        (
            "jwt,sign-method=RS256,priv-key=<words>",
            "invalid key: Key must be a PEM encoded PKCS1 or PKCS8 key",
        ),
        (
            "jwt,sign-method=RS256,priv-key=<garbage>",
            "priv-key has no key in PKCS8, PKCS1 or SEC1 that is known",
        ),
        (
            "jwt,sign-method=ES256,pub-key=<garbage>",
            "pub-key has no key in PKIX or PKCS1 that is known",
        ),
        ("jwt,sign-method=RS256,priv-key=<ed>", "key is not a valid RSA private key"),
        ("jwt,sign-method=ES256,pub-key=<ec-k256:pub>", "x509: unsupported elliptic curve"),
        (
            "jwt,sign-method=EdDSA,priv-key=<ed>,pub-key=<ed-other:pub>",
            "auth: public and private keys don't match",
        ),
    ],
)
def test_a_refusal_says_why(text: str, words: str, tmp_path: Path, keys: Keys) -> None:
    with pytest.raises(InvalidTokenOptions) as refusal:
        read(written(text, tmp_path, keys))
    assert str(refusal.value) == words


@pytest.mark.parametrize(
    ("number", "seconds"),
    [
        (0, 300.0),
        (1, 1.0),
        (9_223_372_036, 9_223_372_036.0),
        (9_223_372_037, 300.0),  # 64 bits of nanoseconds are below 0
        ((1 << 64) - 1, 300.0),
        (18_446_744_074, 0.290448384),  # and above it once more
    ],
)
def test_seconds_are_counted_in_nanoseconds(number: int, seconds: float) -> None:
    assert auth_token.token_ttl_seconds(number) == seconds


@pytest.mark.parametrize(
    ("number", "cost"), [(3, None), (4, 4), (31, 31), (32, None), ((1 << 64) - 1, None)]
)
def test_a_cost_that_is_none_gives_way_to_the_default(number: int, cost: int | None) -> None:
    assert auth_token.bcrypt_cost(number) == cost


def test_the_dev_server_does_not_start_without_its_keys(tmp_path: Path) -> None:
    done = run("--auth-token", f"jwt,sign-method=HS256,priv-key={tmp_path}/none")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "auth: invalid auth options: problem loading JWT options: "
        f"open {tmp_path}/none: no such file or directory\n"
    )


@pytest.mark.parametrize("control", [(), ("--control",)])
def test_the_dev_server_warns_of_what_it_passes_over(
    control: tuple[str, ...], tmp_path: Path, keys: Keys
) -> None:
    text = written(f"{HS},tll=1m", tmp_path, keys)
    with serving("--auth-token", text, "--bcrypt-cost=0x20", *control) as server:
        _, _, log = server.stop(signal.SIGTERM)
    lines = [json.loads(line) for line in log.splitlines()]
    warned = [
        {name: value for name, value in line.items() if name not in ("level", "ts", "caller")}
        for line in lines
        if line["level"] == "warn"
    ]
    assert warned == [
        {"msg": "unknown JWT options", "keys": ["tll"]},
        {
            "msg": "use default bcrypt cost instead of the invalid given cost",
            "min-cost": 4,
            "max-cost": 31,
            "default-cost": 10,
            "given-cost": 32,
        },
    ]
