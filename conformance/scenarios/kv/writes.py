"""Put and DeleteRange."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...scenario import scenario
from ...session import Session
from .common import put_each, read_all

# Put


@scenario
def a_put_of_a_new_key_starts_it_at_version_1(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.range(key=b"a")


@scenario
def every_put_is_a_revision_and_a_version(s: Session) -> None:
    for value in (b"1", b"2", b"2"):
        s.put(key=b"a", value=value)
        s.put(key=b"b")
    read_all(s)


@scenario
def a_key_that_was_deleted_begins_anew(s: Session) -> None:
    put_each(s, "aa")
    s.delete_range(key=b"a")
    s.put(key=b"a", value=b"n", prev_kv=True)
    s.range(key=b"a")


@scenario
def prev_kv_of_a_put_is_what_it_replaces(s: Session) -> None:
    s.put(key=b"a", prev_kv=True)
    s.put(key=b"a", value=b"1", prev_kv=True)
    s.put(key=b"a", value=b"2")
    s.put(key=b"a", value=b"3", prev_kv=True)
    s.delete_range(key=b"a")
    s.put(key=b"a", value=b"4", prev_kv=True)


@scenario
def ignore_value_keeps_the_value_and_makes_a_version(s: Session) -> None:
    put_each(s, "ab")
    s.put(key=b"b", value=b"")
    s.put(key=b"a", ignore_value=True)
    s.put(key=b"a", ignore_value=True, prev_kv=True)
    s.put(key=b"b", ignore_value=True, prev_kv=True)
    read_all(s)


@scenario
def ignore_lease_takes_the_new_value(s: Session) -> None:
    put_each(s, "a")
    s.put(key=b"a", value=b"w", ignore_lease=True)
    s.put(key=b"a", ignore_lease=True, prev_kv=True)
    s.range(key=b"a")
    s.put(key=b"a", value=b"x", ignore_lease=True)
    s.put(key=b"a", ignore_value=True, ignore_lease=True, prev_kv=True)
    s.range(key=b"a")


@scenario
def there_is_nothing_to_keep_of_a_key_that_is_not_there(s: Session) -> None:
    put_each(s, "a")
    s.delete_range(key=b"a")
    for key in (b"a", b"b"):
        s.put(key=key, ignore_value=True)
        s.put(key=key, value=b"1", ignore_lease=True)
        s.put(key=key, ignore_value=True, ignore_lease=True, prev_kv=True)
    read_all(s)


@scenario
def a_put_with_a_lease_that_does_not_exist_writes_nothing(s: Session) -> None:
    put_each(s, "a")
    for lease in (7, -1, -(2**63), 2**63 - 1):
        s.put(key=b"a", value=b"w", lease=lease, prev_kv=True)
    s.put(key=b"a", value=b"w", lease=0)
    s.range(key=b"a")


@scenario
def an_empty_value_is_a_value(s: Session) -> None:
    s.put(key=b"a", value=b"")
    s.put(key=b"b", value=b"1")
    s.put(key=b"b", value=b"", prev_kv=True)
    s.put(key=b"b", value=b"2", prev_kv=True)
    read_all(s)
    s.delete_range(key=b"a", prev_kv=True)


@scenario
def keys_and_values_may_be_any_bytes(s: Session) -> None:
    for key in (b"\0", b"\xff\xfe", b"a\0b", b"\n\r\t", "\u20ac".encode(), b"\xed\xa0\x80"):
        s.put(key=key, value=key[::-1])
    s.put(key=b"z", value=bytes(range(256)))
    read_all(s)


@scenario
def large_keys_and_values_come_back_whole(s: Session) -> None:
    s.put(key=b"k" * 20_000, value=b"v" * 1_500_000)
    s.put(key=b"k" * 20_000, value=b"w" * 1_500_000, prev_kv=True)
    s.range(key=b"k" * 20_000)
    s.delete_range(key=b"k", range_end=b"l", prev_kv=True)


# DeleteRange


@scenario
def a_delete_of_one_key_is_a_revision(s: Session) -> None:
    put_each(s, ("a", "aa", "b"))
    s.delete_range(key=b"a")
    s.range(key=b"a")
    s.delete_range(key=b"b", prev_kv=True)
    read_all(s)


@scenario
def a_delete_of_a_range_is_one_revision(s: Session) -> None:
    put_each(s, "abcd")
    s.delete_range(key=b"b", range_end=b"d")
    for revision in (5, 6):
        read_all(s, revision=s.at(revision))


@scenario
def a_delete_may_have_no_end(s: Session) -> None:
    put_each(s, ("\0", "a", "b", "c", "\xff\xff"))
    s.delete_range(key=b"c", range_end=b"\0", prev_kv=True)
    read_all(s, keys_only=True)
    s.delete_range(key=b"\0", range_end=b"\0")
    read_all(s)


@scenario
def a_delete_of_nothing_makes_no_revision(s: Session) -> None:
    put_each(s, "bcd")
    s.delete_range(key=b"d")
    for prev_kv in (False, True):
        for key, end in ((b"d", b""), (b"x", b""), (b"c", b"c"), (b"z", b"a"), (b"d", b"\0")):
            s.delete_range(key=key, range_end=end, prev_kv=prev_kv)
    s.delete_range(key=b"b", range_end=b"\0\0")
    s.put(key=b"d")


@scenario
def prev_kvs_of_a_delete_are_in_the_order_of_keys(s: Session) -> None:
    put_each(s, "cabba")
    s.put(key=b"c")
    s.delete_range(key=b"a", range_end=b"c\0", prev_kv=True)
    s.delete_range(key=b"a", range_end=b"c\0", prev_kv=True)


@scenario
def a_range_with_deleted_keys_in_it_counts_the_others(s: Session) -> None:
    put_each(s, "abcd")
    s.delete_range(key=b"b")
    s.delete_range(key=b"a")
    read_all(s, limit=1)
    read_all(s, limit=1, keys_only=True)
    s.delete_range(key=b"a", range_end=b"d", prev_kv=True)


@scenario
def the_header_has_the_revision_after_the_request(s: Session) -> None:
    s.put(key=b"a")
    s.range(key=b"a")
    s.delete_range(key=b"b")
    s.delete_range(key=b"a")
    s.txn()
    s.txn(success=[m.RequestOp(request_put=m.PutRequest(key=b"a"))])
    s.range_stream(key=b"a")
    s.compact(revision=s.at(3))
    s.put(key=b"a", ignore_value=True)
