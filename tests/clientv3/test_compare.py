"""Comparisons: the messages they become, and what is refused. Go's are in test_like_go."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd import clientv3 as c
from fake_etcd.api import messages as m
from fake_etcd.clientv3.compare import Target
from fake_etcd.clientv3.keys import prefix_range_end

NUMBERS: dict[str, tuple[Callable[[str], Target], int]] = {
    "version": (c.version, m.Compare.VERSION),
    "create_revision": (c.create_revision, m.Compare.CREATE),
    "mod_revision": (c.mod_revision, m.Compare.MOD),
    "lease": (c.lease_value, m.Compare.LEASE),
}
RESULTS = {
    "=": m.Compare.EQUAL,
    "!=": m.Compare.NOT_EQUAL,
    ">": m.Compare.GREATER,
    "<": m.Compare.LESS,
}
int64s = st.integers(-(2**63), 2**63 - 1)


@given(st.sampled_from(list(NUMBERS)), st.sampled_from(list(RESULTS)), int64s)
def test_a_number_is_compared(field: str, result: str, operand: int) -> None:
    target, number = NUMBERS[field]
    made = c.compare(target("k"), result, operand).to_compare()
    wanted = m.Compare(target=number, result=RESULTS[result], key=b"k")
    setattr(wanted, field, operand)
    assert made == wanted
    assert made.WhichOneof("target_union") == field


@given(st.binary(), st.sampled_from(list(RESULTS)), st.binary())
def test_a_value_is_compared(key: bytes, result: str, operand: bytes) -> None:
    made = c.compare(c.value(key), result, operand).to_compare()
    assert made == m.Compare(target=m.Compare.VALUE, result=RESULTS[result], key=key, value=operand)
    assert made.WhichOneof("target_union") == "value"


def test_text_is_utf_8() -> None:
    assert c.compare(c.value("ключ"), "=", "я") == c.compare(
        c.value("ключ".encode()), "=", "я".encode()
    )


@given(st.binary(), st.binary())
def test_a_range_may_be_given_before_or_after(key: bytes, end: bytes) -> None:
    ranged = c.compare(c.version(key).with_range(end), "=", 1)
    assert ranged == c.compare(c.version(key), "=", 1).with_range(end)
    assert ranged.to_compare().range_end == end
    prefixed = c.compare(c.version(key).with_prefix(), "=", 1)
    assert prefixed == c.compare(c.version(key), "=", 1).with_prefix()
    assert (prefixed.to_compare().key, prefixed.to_compare().range_end) == (
        key,
        prefix_range_end(key),
    )


def test_a_comparison_is_a_value() -> None:
    first = c.compare(c.value("k"), "=", "v")
    ranged = first.with_range("z")
    assert (first.range_end, ranged.range_end) == (b"", b"z")
    assert len({first, c.compare(c.value(b"k"), "=", b"v"), ranged}) == 2
    with pytest.raises(AttributeError):
        first.key = b"x"  # type: ignore[misc]


@pytest.mark.parametrize("result", ["==", "", ">=", "EQUAL"])
def test_another_operator_is_refused(result: str) -> None:
    with pytest.raises(ValueError, match='one of "=", "!=", ">", "<", not ') as caught:
        c.compare(c.value("k"), result, "v")
    assert repr(result) in str(caught.value)


@pytest.mark.parametrize(
    ("target", "operand", "text"),
    [
        (c.value("k"), 1, "what a value is compared with is bytes or str, not int"),
        (c.version("k"), "1", "VERSION is compared with an int, not str"),
        (c.create_revision("k"), b"1", "CREATE is compared with an int, not bytes"),
        (c.mod_revision("k"), True, "MOD is compared with an int, not bool"),
        (c.lease_value("k"), 1.0, "LEASE is compared with an int, not float"),
        (c.compare(c.value("k"), "=", "v"), "v", "compare needs a target such as value(key)"),
        ("k", "v", "compare needs a target such as value(key), not str"),
    ],
)
def test_a_wrong_type_is_refused(target: Any, operand: Any, text: str) -> None:
    with pytest.raises(TypeError) as caught:
        c.compare(target, "=", operand)
    assert text in str(caught.value)


@pytest.mark.parametrize("operand", [2**63, -(2**63) - 1])
def test_what_is_no_int64_is_refused(operand: int) -> None:
    with pytest.raises(ValueError, match=f"LEASE is compared with an int64, not {operand}"):
        c.compare(c.lease_value("k"), "=", operand)


@pytest.mark.parametrize("make", [c.value, c.version, c.lease_value])
def test_a_key_is_bytes_or_str(make: Callable[[Any], Target]) -> None:
    with pytest.raises(TypeError, match="key is bytes or str, not int"):
        make(1)


def test_its_examples_are_right() -> None:
    assert doctest.testmod(import_module("fake_etcd.clientv3.compare")) == (0, 1)
