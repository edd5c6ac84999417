"""The keys that scenarios name, and the tokens that they make."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jwt
import pytest

from conformance import keys

PAIRS = {
    "rsa": "RS256",
    "ec-p256": "ES256",
    "ec-p384": "ES384",
    "ec-p521": "ES512",
    "ed25519": "EdDSA",
}


@pytest.mark.parametrize(("name", "algorithm"), PAIRS.items())
def test_each_pair_of_keys_fits(name: str, algorithm: str) -> None:
    private, public = ((keys.folder() / each).read_bytes() for each in (name, f"{name}.pub"))
    token = jwt.encode({"a": 1}, private, algorithm)
    assert jwt.decode(token, public, [algorithm]) == {"a": 1}


def test_the_folder_holds_these_and_the_secret() -> None:
    pairs = {name for each in PAIRS for name in (each, f"{each}.pub")}
    assert {path.name for path in keys.folder().iterdir()} == pairs | {"hmac"}
    assert (keys.folder() / "hmac").read_bytes() == keys.HMAC_SECRET


def test_the_folder_is_gone_with_its_process() -> None:
    code = "from conformance import keys; print(keys.folder())"
    path = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()
    assert not Path(path).exists()


def test_a_token_is_signed_with_the_secret() -> None:
    claims = {"username": "é", "revision": 2}
    assert jwt.decode(keys.signed(claims), keys.HMAC_SECRET, ["HS256"]) == claims
    token = keys.signed(claims, header={"alg": "HS512"}, secret=b"s" * 64, digest="sha512")
    assert jwt.decode(token, b"s" * 64, ["HS512"]) == claims


def test_a_token_may_be_none() -> None:
    with pytest.raises(jwt.DecodeError):
        jwt.decode(keys.signed(b"{"), keys.HMAC_SECRET, ["HS256"])
    with pytest.raises(jwt.DecodeError):
        jwt.decode(keys.signed({}, header=b"[]"), keys.HMAC_SECRET, ["HS256"])


def test_flags_without_the_folder_stay_as_they_are() -> None:
    assert keys.filled(("--a=1", "--b={key}")) == ("--a=1", "--b={key}")
