"""Hashes of passwords: whose they are, and which bytes are read as one."""

from __future__ import annotations

import pytest

from fake_etcd.services.passwords import hashed, matches

CHEAP = 4
HASH = hashed("pw", CHEAP, bytes(range(16)))


def test_a_hash_has_the_form_that_gos_has() -> None:
    assert b"$2a$04$..CA.uOD/eaGAOmJB.yMBu" + HASH[-31:] == HASH
    assert len(HASH) == 60


@pytest.mark.parametrize("password", ["", "pw", "\0", "a\0b", "é", "p" * 72])
def test_a_hash_matches_its_password_and_no_other(password: str) -> None:
    hash = hashed(password, CHEAP, bytes(16))
    assert matches(password, hash)
    assert not matches("x" + password, hash)
    assert not matches(password[:-1] + "x", hash)


def test_bytes_behind_the_72nd_do_not_count() -> None:
    assert matches("p" * 72 + "x", hashed("p" * 72, CHEAP, bytes(16)))


@pytest.mark.parametrize(
    "hash",
    [
        b"$2b" + HASH[3:],
        b"$2z" + HASH[3:],
        b"$1a" + HASH[3:],
        b"$2$" + HASH[4:],
        HASH + b"tail",
        HASH.replace(b"$04", b"$+4"),
        HASH[:6] + b"x" + HASH[7:],
    ],
    ids=["2b", "2z", "1a", "2", "tail", "a sign before the cost", "no dollar before the salt"],
)
def test_a_hash_is_read_as_leniently_as_go_does(hash: bytes) -> None:
    assert (matches("pw", hash), matches("pv", hash)) == (True, False)


@pytest.mark.parametrize(
    "hash",
    [
        b"",
        b"pw",
        HASH[:-1],
        b"$2$" + HASH[4:-1],
        b"#" + HASH[1:],
        b"$3a" + HASH[3:],
        HASH.replace(b"$04", b"$03"),
        HASH.replace(b"$04", b"$32"),
        HASH.replace(b"$04", b"$-4"),
        HASH.replace(b"$04", b"$ 4"),
        HASH[:10] + b"!" + HASH[11:],
        HASH[:-1] + b"!",
    ],
)
def test_anything_else_is_nobodys(hash: bytes) -> None:
    assert not matches("pw", hash)
