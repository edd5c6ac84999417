"""CRC-32C: against the definition, bit by bit, and of pieces."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fake_etcd.core.crc32c import POLYNOMIAL, SPARSE_MULTIPLES, combine, crc32c


def by_definition(data: bytes) -> int:
    register = 0xFFFF_FFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (POLYNOMIAL if register & 1 else 0)
    return register ^ 0xFFFF_FFFF


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"", 0),
        (b"123456789", 0xE306_9283),
        (bytes(32), 0x8A91_36AA),
        (b"\xff" * 32, 0x62A8_AB43),
        (bytes(range(32)), 0x46DD_794E),
        (bytes(reversed(range(32))), 0x113F_DB5C),
    ],
)
def test_what_rfc_3720_has(data: bytes, crc: int) -> None:
    assert crc32c(data) == crc == by_definition(data)


@given(st.binary(max_size=200), st.integers(0, 5_000))
@example(b"\x80", 847)
@example(b"\x01", 27)
def test_any_length_is_as_defined(data: bytes, repeated: int) -> None:
    message = data + bytes(repeated) + data
    assert crc32c(message) == by_definition(message)


@given(st.binary(max_size=3_000), st.binary(max_size=3_000))
def test_pieces_are_the_whole(first: bytes, second: bytes) -> None:
    whole = crc32c(first + second)
    assert crc32c(second, crc32c(first)) == whole
    assert combine(crc32c(first), crc32c(second), len(second)) == whole


@pytest.mark.parametrize("exponents", SPARSE_MULTIPLES)
def test_the_polynomial_divides_its_sparse_multiples(exponents: tuple[int, ...]) -> None:
    divisor = 1 << 32 | int(f"{POLYNOMIAL:032b}"[::-1], 2)
    rest = sum(1 << exponent for exponent in exponents)
    while rest.bit_length() >= divisor.bit_length():
        rest ^= divisor << rest.bit_length() - divisor.bit_length()
    assert rest == 0
