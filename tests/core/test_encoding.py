"""KeyValue messages encoded by hand against the protobuf library, and versions read back."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fake_etcd.api.messages import Event, KeyValue, RangeResponse, WatchResponse
from fake_etcd.core.mvcc import Version, encoding, version
from fake_etcd.core.mvcc.encoding import encode_event

keys = st.binary(min_size=1, max_size=40) | st.integers(100, 20_000).map(lambda n: b"k" * n)
values = st.binary(max_size=40) | st.integers(100, 20_000).map(lambda n: b"v" * n)
positive = st.integers(1, 2**63 - 1) | st.integers(0, 62).map(lambda bit: 1 << bit)
leases = st.integers(-(2**63), 2**63 - 1) | st.just(0)


@pytest.mark.parametrize("module", [encoding, version])
def test_examples_in_the_docstrings_are_true(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]  # a module


@given(keys, values, positive, positive, positive, leases)
@example(b"k", b"", 1, 1, 1, -1)
@example(b"k" * 127, b"v" * 127, 127, 128, 255, 1)
@example(b"k" * 255, b"v" * 1023, 16383, 16384, 256, 1)
@example(b"k" * 256, b"v" * 1024, 2**21 - 1, 2**21, 128, 0)
def test_a_put_is_encoded_as_protobuf_encodes_it(
    key: bytes, value: bytes, create_revision: int, mod_revision: int, number: int, lease: int
) -> None:
    message = KeyValue(
        key=key,
        create_revision=create_revision,
        mod_revision=mod_revision,
        version=number,
        value=value,
        lease=lease,
    )
    made = Version.of_put(key, value, create_revision, mod_revision, 0, number, lease)

    assert made.field == RangeResponse(kvs=[message]).SerializeToString()
    assert made.field_3 == Event(prev_kv=message).SerializeToString()
    assert (made.key, made.value, made.is_tombstone) == (key, value, False)

    message.ClearField("value")
    with_lease = RangeResponse(kvs=[message]).SerializeToString()
    assert made.keys_only_field(with_lease=True) == with_lease
    message.ClearField("lease")
    assert made.keys_only_field() == RangeResponse(kvs=[message]).SerializeToString()


@given(keys, positive, st.integers(0, 1000))
def test_a_tombstone_has_the_key_and_the_revision_as_a_deletion_event_has(
    key: bytes, mod_revision: int, sub: int
) -> None:
    made = Version.of_delete(key, mod_revision, sub)
    event = Event(kv=KeyValue(key=key, mod_revision=mod_revision))
    assert made.field == event.SerializeToString()
    assert (made.key, made.value, made.is_tombstone) == (key, b"", True)
    assert made.revision == (mod_revision, sub)
    assert (made.create_revision, made.version, made.lease) == (0, 0, 0)


def message(made: Version) -> KeyValue:
    return RangeResponse.FromString(made.field).kvs[0]


puts = st.builds(Version.of_put, keys, values, positive, positive, st.just(0), positive, leases)
tombstones = st.builds(Version.of_delete, keys, positive, st.just(0))


@given(puts | tombstones, st.none() | puts)
@example(Version.of_put(b"k", b"", 1, 1, 0, 1), None)
@example(Version.of_delete(b"k" * 117, 2, 0), None)  # 125 bytes of KeyValue: 129 in all
@example(Version.of_put(b"k", b"v" * 16_400, 1, 2, 0, 2), Version.of_put(b"k", b"", 1, 1, 0, 1))
def test_an_event_is_encoded_as_protobuf_encodes_it(made: Version, before: Version | None) -> None:
    event = Event(kv=message(made), type=Event.DELETE if made.is_tombstone else Event.PUT)
    if before is not None:
        event.prev_kv.CopyFrom(message(before))
    encoded = encode_event(made.field, made.is_tombstone, before.field_3 if before else b"")
    assert encoded == WatchResponse(events=[event]).SerializeToString()


def test_a_version_shows_itself_to_people() -> None:
    put = Version.of_put(b"k", b"v", create_revision=2, mod_revision=5, sub=1, version=3)
    assert repr(put) == "<5.1 b'k' b'v' version 3>"
    assert repr(Version.of_delete(b"k", 6, 0)) == "<6.0 b'k' deleted>"
