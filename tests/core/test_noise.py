"""Noise: the generator is splitmix64, and can be taken back to where it was."""

from __future__ import annotations

import doctest

from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.core import noise
from fake_etcd.core.noise import Noise

SPLITMIX64_OF_1234567 = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]
"""As published for it (rosettacode.org, Pseudo-random numbers/Splitmix64)."""

seeds = st.integers(-(1 << 65), 1 << 65)


def test_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(noise).failed == 0


def test_numbers_are_those_of_splitmix64() -> None:
    source = Noise(1234567)
    assert [source.bits(64) for _ in range(5)] == SPLITMIX64_OF_1234567


@given(seeds, st.integers(1, 64))
def test_fewer_bits_are_the_upper_ones(seed: int, count: int) -> None:
    assert Noise(seed).bits(count) == Noise(seed).bits(64) >> 64 - count


@given(seeds)
def test_fractions_are_from_0_up_to_1(seed: int) -> None:
    source = Noise(seed)
    assert all(0 <= source.fraction() < 1 for _ in range(20))


@given(seeds, st.integers(0, 5))
def test_state_takes_it_back(seed: int, steps: int) -> None:
    source = Noise(seed)
    for _ in range(steps):
        source.bits(8)
    state = source.state
    first = [source.bits(64) for _ in range(3)]
    source.state = state
    assert [source.bits(64) for _ in range(3)] == first


def test_neighbouring_seeds_have_nothing_in_common() -> None:
    found = {Noise(seed).bits(64) for seed in range(1_000)}
    assert len(found) == 1_000
    ones = sum(bin(number).count("1") for number in found)
    assert abs(ones - 32_000) < 1_000  # 8 standard deviations
