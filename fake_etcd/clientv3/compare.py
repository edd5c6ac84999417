"""The comparisons that a transaction's `if_` takes: `compare(version("k"), "=", 0)`.

etcd: client/v3/compare.go. A target says what of which keys is compared; `compare` makes it a
comparison. Both are values: `with_range` and `with_prefix` give new ones.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from fake_etcd.api import messages as m
from fake_etcd.clientv3.keys import Text, prefix_range_end, to_bytes


class CompareTarget(enum.IntEnum):
    """What of a key is compared."""

    VERSION = m.Compare.VERSION
    CREATE = m.Compare.CREATE
    MOD = m.Compare.MOD
    VALUE = m.Compare.VALUE
    LEASE = m.Compare.LEASE


class CompareResult(enum.IntEnum):
    """How it is to compare with what is given."""

    EQUAL = m.Compare.EQUAL
    GREATER = m.Compare.GREATER
    LESS = m.Compare.LESS
    NOT_EQUAL = m.Compare.NOT_EQUAL


_RESULTS = {
    "=": CompareResult.EQUAL,
    "!=": CompareResult.NOT_EQUAL,
    ">": CompareResult.GREATER,
    "<": CompareResult.LESS,
}
_INT64 = 1 << 63


@dataclass(frozen=True, slots=True)
class Target:
    """What is compared: one thing of a key, or of every key from `key` up to `range_end`."""

    target: CompareTarget
    key: bytes
    range_end: bytes = b""

    def with_range(self, range_end: Text) -> Target:
        """The same of the keys from `key` up to `range_end`; for all of them it must hold."""
        return replace(self, range_end=to_bytes(range_end, "range_end"))

    def with_prefix(self) -> Target:
        """The same of the keys that begin with `key`; for all of them it must hold."""
        return replace(self, range_end=prefix_range_end(self.key))


@dataclass(frozen=True, slots=True)
class Cmp:
    """A comparison, made by `compare`."""

    target: CompareTarget
    key: bytes
    result: CompareResult
    operand: int | bytes
    range_end: bytes = b""

    def with_range(self, range_end: Text) -> Cmp:
        """The same for the keys from `key` up to `range_end`; all of them must compare so."""
        return replace(self, range_end=to_bytes(range_end, "range_end"))

    def with_prefix(self) -> Cmp:
        """The same for the keys that begin with `key`; all of them must compare so."""
        return replace(self, range_end=prefix_range_end(self.key))

    def to_compare(self) -> m.Compare:
        """The message that says this."""
        made = m.Compare(
            key=self.key, target=self.target, result=self.result, range_end=self.range_end
        )
        operand = self.operand
        if isinstance(operand, bytes):
            made.value = operand
        elif self.target is CompareTarget.VERSION:
            made.version = operand
        elif self.target is CompareTarget.CREATE:
            made.create_revision = operand
        elif self.target is CompareTarget.MOD:
            made.mod_revision = operand
        else:
            made.lease = operand
        return made


def value(key: Text) -> Target:
    """The value of `key`, as bytes. A key that is not there compares as false."""
    return Target(CompareTarget.VALUE, to_bytes(key, "key"))


def version(key: Text) -> Target:
    """How often `key` was put since it was made; 0 of a key that is not there."""
    return Target(CompareTarget.VERSION, to_bytes(key, "key"))


def create_revision(key: Text) -> Target:
    """The revision that made `key`; 0 of a key that is not there."""
    return Target(CompareTarget.CREATE, to_bytes(key, "key"))


def mod_revision(key: Text) -> Target:
    """The revision of the last put of `key`; 0 of a key that is not there."""
    return Target(CompareTarget.MOD, to_bytes(key, "key"))


def lease_value(key: Text) -> Target:
    """The ID of the lease of `key`; 0 where there is none."""
    return Target(CompareTarget.LEASE, to_bytes(key, "key"))


def compare(target: Target, result: str, operand: int | Text) -> Cmp:
    """The comparison of a target with what is given: `result` is "=", "!=", ">" or "<".

    Raises ValueError for another `result` and for a number that is no int64; TypeError where the
    operand's type is not the target's: bytes or str for a value, int for all others.

    >>> compare(value("k"), "=", "v").to_compare().value
    b'v'
    """
    if not isinstance(target, Target):
        raise TypeError(f"compare needs a target such as value(key), not {type(target).__name__}")
    wanted = _RESULTS.get(result)
    if wanted is None:
        raise ValueError(f'a comparison is one of "=", "!=", ">", "<", not {result!r}')
    if target.target is CompareTarget.VALUE:
        given: int | bytes = to_bytes(operand, "what a value is compared with")
    else:
        given = _int64(operand, target.target)
    return Cmp(target.target, target.key, wanted, given, target.range_end)


def _int64(operand: object, target: CompareTarget) -> int:
    name = target.name
    if not isinstance(operand, int) or isinstance(operand, bool):
        raise TypeError(f"{name} is compared with an int, not {type(operand).__name__}")
    if not -_INT64 <= operand < _INT64:
        raise ValueError(f"{name} is compared with an int64, not {operand}")
    return int(operand)
