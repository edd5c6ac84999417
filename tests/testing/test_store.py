"""Reading and writing an etcd's keys without a client, and seeds."""

from __future__ import annotations

import builtins
import doctest
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.testing import FakeEtcd, store
from tests.testing.stubs import stub


@pytest.fixture
def etcd() -> Iterator[FakeEtcd]:
    with FakeEtcd() as etcd:
        yield etcd


def test_the_examples_run() -> None:
    assert doctest.testmod(store).failed == 0


def test_a_client_sees_what_was_put_and_the_store_what_a_client_put(etcd: FakeEtcd) -> None:
    channel = etcd.channel()
    assert etcd.store.put("a", b"\xff") == 2
    assert stub(channel, "KV/Range")(m.RangeRequest(key=b"a")).kvs[0].value == b"\xff"
    stub(channel, "KV/Put")(m.PutRequest(key=b"b", value=b"2"))
    assert etcd.store.get("b") == etcd.store.get(b"b") == b"2"
    assert etcd.store.revision == 3


def test_watchers_have_their_events_when_a_write_returns(etcd: FakeEtcd) -> None:
    create = m.WatchCreateRequest(key=b"a")
    events = stub(etcd.channel(), "Watch/Watch")(iter([m.WatchRequest(create_request=create)]))
    next(events)
    etcd.store.load({"a": "1"})
    etcd.store.delete("a")
    assert [e.kv.mod_revision for _ in range(2) for e in next(events).events] == [2, 3]
    events.cancel()


def test_leases_that_are_over_are_over_for_the_store(etcd: FakeEtcd) -> None:
    etcd.clock.freeze()
    etcd.seed({"a": {"value": "1", "ttl": 30}, "b": {"value": {"base64": "/w=="}, "ttl": 60}})
    assert etcd.store.dump() == {"a": "1", "b": b"\xff"}
    etcd.clock.advance(40)
    assert etcd.store.dump() == {"b": b"\xff"}
    etcd.clock.advance(40)
    assert etcd.store.items() == []


def test_what_is_due_is_done_before_the_store_is_looked_at() -> None:
    with FakeEtcd() as etcd:
        etcd.clock.freeze()
        etcd.seed({"a": {"value": "1", "ttl": 30}})
        # Behind the clock's back: as when real time goes by with nobody there.
        etcd._clock._now += 60
        assert etcd.store.get("a") is None


def test_deleting_says_whether_there_was_something(etcd: FakeEtcd) -> None:
    etcd.store.put("a", "1")
    assert [etcd.store.delete("a"), etcd.store.delete("a")] == [True, False]
    assert etcd.store.revision == 3


def test_refusals_are_the_servers(etcd: FakeEtcd) -> None:
    with pytest.raises(errors.EMPTY_KEY):
        etcd.store.put("", "1")
    with pytest.raises(errors.LEASE_NOT_FOUND):
        etcd.store.put("a", "1", lease=5)
    assert etcd.store.revision == 1


def test_a_key_may_have_a_clients_lease(etcd: FakeEtcd) -> None:
    granted = stub(etcd.channel(), "Lease/LeaseGrant")(m.LeaseGrantRequest(TTL=60))
    etcd.store.put("a", "1", lease=granted.ID)
    stub(etcd.channel(), "Lease/LeaseRevoke")(m.LeaseRevokeRequest(ID=granted.ID))
    assert etcd.store.dump() == {}


def test_it_says_how_large_it_is(etcd: FakeEtcd) -> None:
    etcd.store.load({"a": "1", "b": "2"})
    assert repr(etcd.store) == "<Store of 2 keys, revision 3>"


KEYS = st.one_of(st.binary(min_size=1, max_size=3), st.text("ab/\xe9\xff", min_size=1, max_size=3))
VALUES = st.one_of(st.binary(max_size=3), st.text(max_size=3))


def raw(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


@given(mapping=st.dictionaries(KEYS, VALUES, max_size=12), prefix=st.one_of(st.just(b""), KEYS))
def test_it_holds_what_was_loaded(
    mapping: dict[str | bytes, str | bytes], prefix: str | bytes
) -> None:
    with FakeEtcd() as etcd, FakeEtcd() as other:
        etcd.store.load(mapping)
        expected = {raw(key): raw(value) for key, value in mapping.items()}
        assert etcd.store.items() == sorted(expected.items())
        assert etcd.store.revision == 1 + len(mapping)
        assert etcd.store.items(prefix) == [
            pair for pair in sorted(expected.items()) if pair[0].startswith(raw(prefix))
        ]
        assert etcd.store.first(3) == (sorted(expected.items())[:3], len(expected))
        other.store.load(etcd.store.dump())
        assert other.store.items() == etcd.store.items()


@pytest.mark.parametrize("prefix", [b"a\xff", b"\xff", b"\xff\xff"])
def test_a_prefix_may_end_with_the_last_byte(etcd: FakeEtcd, prefix: bytes) -> None:
    keys = [b"a\xfe", b"a\xff", b"a\xff\xff", b"b", b"\xfe", b"\xff", b"\xff\xff", b"\xff\xff\xff"]
    etcd.store.load(dict.fromkeys(keys, "1"))
    assert [key for key, _ in etcd.store.items(prefix)] == [
        key for key in keys if key.startswith(prefix)
    ]


@given(
    mapping=st.dictionaries(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=5),
        st.text(st.characters(codec="utf-8"), max_size=5),
        max_size=5,
    ),
    form=st.sampled_from(["json", "yaml", "yml"]),
)
def test_a_file_is_what_a_mapping_is(
    tmp_path_factory: pytest.TempPathFactory, mapping: dict[str, str], form: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"seed.{form}"
    write = json.dumps if form == "json" else yaml.safe_dump
    path.write_text(write(mapping), encoding="utf-8")
    with FakeEtcd() as etcd:
        etcd.seed(path)
        etcd.store.put("end", "1")
        assert etcd.store.dump() == dict(sorted({**mapping, "end": "1"}.items(), key=_encoded))


def _encoded(pair: tuple[str, str]) -> bytes:
    return pair[0].encode()


FORMS = 'a value is text in quotes, {"base64": TEXT} or {"value": VALUE, "ttl": SECONDS}'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "", "a file of keys is called .json, .yaml or .yml"),
        ("a.json", "{", "no JSON: Expecting property name enclosed in double quotes: "),
        ("a.json", "[]", "a list, where keys and their values are wanted"),
        ("a.json", '{"a": 1}', f"key 'a': the number 1; {FORMS}"),
        ("a.json", '{"a": null}', f"key 'a': nothing; {FORMS}"),
        ("a.json", '{"a": ["b"]}', f"key 'a': a list; {FORMS}"),
        ("a.json", '{"a": {}}', f"key 'a': an empty mapping; {FORMS}"),
        ("a.json", '{"a": {"b": "c"}}', f"key 'a': a mapping of 'b'; {FORMS}"),
        ("a.json", '{"a": {"base64": "?"}}', "key 'a': no base64: "),
        ("a.json", '{"a": {"base64": 1}}', "key 'a': no base64: "),
        ("a.json", '{"a": {"ttl": 1}}', f"key 'a': a mapping of 'ttl'; {FORMS}"),
        (
            "a.json",
            '{"a": {"value": "b", "ttl": "1"}}',
            "key 'a': ttl '1'; it is a whole number of seconds, 1 or more",
        ),
        ("a.json", '{"a": {"value": "b", "ttl": true}}', "key 'a': ttl True; it is a whole number"),
        ("a.json", '{"a": {"value": {"value": "b", "ttl": 1}, "ttl": 1}}', "key 'a': a mapping of"),
        ("a.json", '{"": "a"}', "etcd has no empty key"),
        ("a.json", '{"a": "b", "a": "c"}', "key 'a' stands there twice"),
        ("a.yaml", "a: b\na: c", "key 'a' stands there twice"),
        ("a.yaml", "a: yes", f"key 'a': True and no text; {FORMS}"),
        ("a.yaml", "a: 2026-01-01", f"key 'a': a date; {FORMS}"),
        ("a.yaml", "1: a", "key 1 is the number 1; write it in quotes"),
        ("a.yaml", "a: [", "no YAML: line 1, column 5: expected the node content"),
        ("a.yaml", "a: !!python/object:os.x {}", "no YAML: line 1, column 4: could not determine"),
        ("a.yaml", b"\xff", "not UTF-8: "),
    ],
)
def test_a_seed_that_is_not_understood_is_refused_and_nothing_put(
    etcd: FakeEtcd, tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(raw(content))
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        etcd.seed(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert etcd.store.revision == 1


def test_one_bad_entry_of_a_mapping_keeps_all_others_out(etcd: FakeEtcd) -> None:
    for seed in (etcd.seed, etcd.store.load):
        with pytest.raises(ValueError, match="key 'b': the number 1; a value is text"):
            seed({"a": "1", "b": 1})
    assert etcd.store.revision == 1


def test_an_empty_file_of_yaml_is_no_keys(etcd: FakeEtcd, tmp_path: Path) -> None:
    path = tmp_path / "seed.yaml"
    path.write_text("# nothing yet\n")
    etcd.seed(path)
    assert etcd.store.revision == 1


def test_yaml_without_pyyaml_says_what_to_install(
    etcd: FakeEtcd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "yaml":
            raise ImportError(name)
        return there(name, *rest)

    path = tmp_path / "seed.yaml"
    path.write_text("a: b")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(RuntimeError, match=r"pip install 'fake_etcd\[yaml\]'; JSON needs nothing"):
        etcd.seed(path)
