"""Rules of faults through the control API are those that Python makes, and act alike."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest

from fake_etcd.api import messages as m
from fake_etcd.services.http import HttpRequest
from fake_etcd.testing import FakeEtcd, faults, on
from fake_etcd.testing.control.door import Control
from fake_etcd.testing.control.rules import FAULTS
from fake_etcd.testing.faults.rules import Rule
from tests.testing.stubs import stub
from tests.testing.test_control import Remote


def ask(control: Control, method: str, path: str, **fields: Any) -> tuple[int, Any]:
    body = json.dumps(fields).encode() if method == "POST" else b""
    answer = control.handle(HttpRequest(method, f"/_fake{path}", (), body))
    return answer.status, json.loads(answer.body)


RULES: dict[str, tuple[Any, Any, dict[str, Any], dict[str, Any]]] = {
    "refuse": (on.Put(key="a"), faults.refuse("no leader"), {"times": 1}, {
        "on": {"method": "Put", "key": "a"},
        "fault": {"name": "refuse", "error": "no leader"},
        "times": 1,
    }),
    "refuse with a text": (on.any(), faults.refuse("UNAVAILABLE", "gone"), {}, {
        "fault": {"name": "refuse", "error": "UNAVAILABLE", "message": "gone"},
    }),
    "drop": (on.Service("KV", prefix=b"\xff"), faults.drop(), {"skip": 2}, {
        "on": {"service": "KV", "prefix": {"base64": "/w=="}},
        "fault": {"name": "drop"},
        "skip": 2,
    }),
    "lose_answer": (
        on.Range(range=("a", "b"), endpoint=1, peer="127.0.0.1"),
        faults.lose_answer(),
        {"probability": 0.5},
        {
            "on": {"method": "KV/Range", "range": ["a", "b"], "endpoint": 1, "peer": "127.0.0.1"},
            "fault": {"name": "lose_answer"},
            "probability": 0.5,
        },
    ),
    "delay": (on.Range(range=("a", None)), faults.delay(2.5, real=True), {"after": 1}, {
        "on": {"method": "KV/Range", "range": ["a", None]},
        "fault": {"name": "delay", "seconds": 2.5, "real": True},
        "after": 1,
    }),
    "cut": (on.any(metadata={"a": "1", "b-bin": b"\xff"}), faults.cut(messages=2), {}, {
        "on": {"metadata": {"a": "1", "b-bin": {"base64": "/w=="}}},
        "fault": {"name": "cut", "messages": 2},
    }),
    "stall": (on.Put(), faults.stall(3), {"until": 9.5}, {
        "on": {"method": "Put"},
        "fault": {"name": "stall", "seconds": 3},
        "until": 9.5,
    }),
    "deny_connections": (on.connection(endpoint=0), faults.deny_connections(), {}, {
        "on": {"endpoint": 0},
        "fault": {"name": "deny_connections"},
    }),
    "expire_tokens": (on.Put(user="ann"), faults.expire_tokens("bob"), {}, {
        "on": {"method": "Put", "user": "ann"},
        "fault": {"name": "expire_tokens", "user": "bob"},
    }),
    "expire_leases": (on.any(), faults.expire_leases(2**62 + 1, 7), {}, {
        "fault": {"name": "expire_leases", "ids": [str(2**62 + 1), "7"]},
    }),
    "compact_under_watcher": (
        on.method("Watch/Watch"), faults.compact_under_watcher(), {}, {
        "on": {"method": "Watch/Watch"},
        "fault": {"name": "compact_under_watcher"},
    }),
    "lose_watch": (on.method("Watch/Watch"), faults.lose_watch(after=2), {}, {
        "on": {"method": "Watch/Watch"},
        "fault": {"name": "lose_watch", "after": 2},
    }),
}  # fmt: skip
"""What Python says, and what JSON does."""


def test_there_is_a_rule_for_each_fault() -> None:
    functions = {name for name in faults.__all__ if name.islower()}
    assert {row[3]["fault"]["name"] for row in RULES.values()} == set(FAULTS) == functions


@pytest.mark.parametrize("name", RULES)
def test_a_rule_in_json_is_the_one_that_python_makes(name: str) -> None:
    where, effect, limits, fields = RULES[name]
    with FakeEtcd(endpoints=2) as one, FakeEtcd(endpoints=2) as other:
        for each in (one, other):
            each.clock.freeze()
            each.clock.advance(1000 - each.clock.now)
        expected = one.faults.add(where, effect, **limits)
        status, told = ask(Control(other), "POST", "/faults", **fields)
        (rule,) = other.faults
        assert (status, told) == (200, {"rule": 1, "acted": 0, "description": str(rule)})

        assert parts(rule) == parts(expected)


def parts(rule: Rule) -> list[Any]:
    """What a rule is, without how its methods were called: "Put", or "method('Put')"."""
    about: list[Any] = [rule.on]
    if isinstance(rule.on, on.OnCall):
        about = [rule.on.paths, rule.on.keys, rule.on.client, rule.on.metadata, rule.on.user]
    limits = [rule.times, rule.skip, rule.probability, rule.begins, rule.ends]
    return [*about, rule.effect, *limits]


def test_rules_are_told_and_taken_away() -> None:
    with FakeEtcd() as etcd:
        control = Control(etcd)
        of_python = etcd.faults.add(on.Put(), faults.drop(), times=1)
        ask(control, "POST", "/faults", fault={"name": "drop"})
        ask(control, "POST", "/faults", fault={"name": "drop"})
        put = stub(etcd.channel(), "KV/Put")
        with pytest.raises(grpc.RpcError):
            put(m.PutRequest(key=b"a"))
        line = "on any(): drop the request, cut the connection; acted 0 times"
        rules = ask(control, "GET", "/faults")[1]["rules"]
        numbers = [rule.pop("rule") for rule in rules]
        assert sorted(numbers) == [1, 2, 3]
        assert rules == [
            {"acted": 1, "description": str(of_python)},
            {"acted": 0, "description": line},
            {"acted": 0, "description": line},
        ]
        status, left = ask(control, "DELETE", f"/faults?rule={numbers[1]}")
        assert (status, [rule["rule"] for rule in left["rules"]]) == (
            200,
            [numbers[0], numbers[2]],
        )
        assert ask(control, "DELETE", f"/faults?rule={numbers[1]}") == (
            404,
            {"error": f"there is no rule {numbers[1]}; GET /_fake/faults has them"},
        )
        assert ask(control, "DELETE", "/faults") == (200, {"rules": []})
        assert len(etcd.faults) == 0
        assert ask(control, "POST", "/faults", fault={"name": "drop"})[1]["rule"] == 4


def test_a_lost_answer_is_one_to_clients_outside() -> None:
    with FakeEtcd(control=True) as etcd, grpc.insecure_channel(etcd.endpoint) as channel:
        remote = Remote(etcd.endpoint)
        remote.post(
            "/faults",
            on={"method": "Put", "key": "a"},
            fault={"name": "lose_answer"},
            times=1,
        )
        put = stub(channel, "KV/Put")
        with pytest.raises(grpc.RpcError) as caught:
            put(m.PutRequest(key=b"a", value=b"1"))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert etcd.store.dump() == {"a": "1"}
        assert put(m.PutRequest(key=b"a", value=b"2"), wait_for_ready=True).header.revision == 3
        remote.post("/reset")
        assert remote.get("/faults") == {"rules": []}
        remote.close()


def test_who_denies_connections_can_still_be_told_to_stop() -> None:
    with FakeEtcd(control=True) as etcd:
        first = Remote(etcd.endpoint)
        first.post("/faults", fault={"name": "deny_connections"})
        with grpc.insecure_channel(etcd.endpoint) as channel:
            put = stub(channel, "KV/Put")
            with pytest.raises(grpc.RpcError) as caught:
                put(m.PutRequest(key=b"a"), timeout=10)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            second = Remote(etcd.endpoint)  # a connection that is new
            assert second.get("/faults")["rules"][0]["acted"] > 0
            assert second.delete("/faults") == {"rules": []}
            assert put(m.PutRequest(key=b"a"), timeout=10, wait_for_ready=True).header.revision == 2
        first.close()
        second.close()


def test_what_needs_no_call_is_done_at_once() -> None:
    with FakeEtcd() as etcd:
        etcd.seed({"a": {"value": "1", "ttl": 30}, "b": "2"})
        status, told = ask(Control(etcd), "POST", "/faults/now", fault={"name": "expire_leases"})
        assert (status, told["revision"]) == (200, 4)
        assert etcd.store.dump() == {"b": "2"}


WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "no fault": (
        "/faults",
        {"fault": {"name": "break"}},
        f'in "fault", "name" is one of {", ".join(FAULTS)}',
    ),
    "no name": (
        "/faults",
        {"fault": {"name": ["drop"]}},
        f'in "fault", "name" is one of {", ".join(FAULTS)}',
    ),
    "no object": ("/faults", {"fault": "drop"}, '"fault" is an object, not "drop"'),
    "a field of another fault": (
        "/faults",
        {"fault": {"name": "drop", "seconds": 1}},
        'in "fault", there is no field "seconds"; nothing is to be given here',
    ),
    "a field that is missing": (
        "/faults",
        {"fault": {"name": "delay"}},
        'in "fault", "seconds" is missing; what is taken: '
        '"seconds", a number of seconds, 0 to 2^53: how much later; '
        '"real", true or false: of real time, even where the clock stands',
    ),
    "no method of etcd's": (
        "/faults",
        {"on": {"method": "Putt"}, "fault": {"name": "drop"}},
        "on.method('Putt'): etcd has none; there is ",
    ),
    "no service of etcd's": (
        "/faults",
        {"on": {"service": "KW"}, "fault": {"name": "drop"}},
        "on.Service('KW'): etcd has none; there",
    ),
    "both": (
        "/faults",
        {"on": {"service": "KV", "method": "Put"}, "fault": {"name": "drop"}},
        '"method" or "service" is enough: add a rule for each',
    ),
    "two kinds of keys": (
        "/faults",
        {"on": {"key": "a", "prefix": "b"}, "fault": {"name": "drop"}},
        "one of key=, prefix= and range= is enough: add a rule for each",
    ),
    "a key that is none": (
        "/faults",
        {"on": {"key": {"base64": "?"}}, "fault": {"name": "drop"}},
        'in "on", "key" is text, or {"base64": TEXT}, not {"base64": "?"}',
    ),
    "a range of one": (
        "/faults",
        {"on": {"range": ["a"]}, "fault": {"name": "drop"}},
        'in "on", "range" is [FROM, TO], each text or {"base64": TEXT}, and TO may be null, '
        'not ["a"]',
    ),
    "metadata of numbers": (
        "/faults",
        {"on": {"metadata": {"a": 1}}, "fault": {"name": "drop"}},
        'in "on", "metadata" is an object from names to text, or to {"base64": TEXT}, not what '
        "was sent",
    ),
    "ids as numbers": (
        "/faults",
        {"fault": {"name": "expire_leases", "ids": [1]}},
        'in "fault", "ids" is a list of ids, each as text, not [1]',
    ),
    "a key of connections": (
        "/faults",
        {"on": {"key": "a"}, "fault": {"name": "deny_connections"}},
        'in "on", there is no field "key"; what is taken: ',
    ),
    "an error that etcd has not": (
        "/faults",
        {"fault": {"name": "refuse", "error": "no leeder"}},
        "refuse('no leeder'): etcd has no such error; near are",
    ),
    "a fault that is nothing for the call": (
        "/faults",
        {"on": {"method": "Put"}, "fault": {"name": "lose_watch"}},
        "lose events, cut the connection on method('Put'): it is about watchers: on.Watch(...)",
    ),
    "a limit that makes no sense": (
        "/faults",
        {"fault": {"name": "drop"}, "times": 0},
        "times=0: it would never act",
    ),
    "a probability of more": (
        "/faults",
        {"fault": {"name": "drop"}, "probability": 1.5},
        '"probability" is a number, 0 to 1, not 1.5',
    ),
    "what needs a call": (
        "/faults/now",
        {"fault": {"name": "drop"}},
        "this needs a call; POST /_fake/faults has it happen to one",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_rule_that_makes_no_sense_is_refused_and_said(name: str) -> None:
    path, fields, message = WRONG[name]
    with FakeEtcd() as etcd:
        status, told = ask(Control(etcd), "POST", path, **fields)
        assert (status, told["error"][: len(message)]) == (400, message)
        assert len(etcd.faults) == 0
