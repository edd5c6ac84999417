"""The control API: every operation, over a FakeEtcd and over the dev server, and every refusal."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd import __version__
from fake_etcd.api import errors
from fake_etcd.api import messages as m
from fake_etcd.cli import background
from fake_etcd.services.http import HttpRequest
from fake_etcd.testing import FakeEtcd
from fake_etcd.testing.control.door import MAX_BODY_BYTES, ROOT, Control
from fake_etcd.testing.control.operations import MOST_SNAPSHOTS, OPERATIONS
from tests.testing.stubs import stub


class Remote:
    """A server that is controlled from outside, through one connection that stays open."""

    def __init__(self, endpoint: str, token: str = "") -> None:
        self.endpoint = endpoint
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._connection = http.client.HTTPConnection(endpoint, timeout=10)

    def ask(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Status and content of an answer; bytes as body are sent as they are."""
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        self._connection.request(method, ROOT + path, raw, {**self._headers, **headers})
        answer = self._connection.getresponse()
        assert answer.getheader("Content-Type") == "application/json"
        return answer.status, json.loads(answer.read())

    def get(self, path: str) -> dict[str, Any]:
        return self._ok("GET", path)

    def post(self, path: str, **fields: Any) -> dict[str, Any]:
        return self._ok("POST", path, fields or None)

    def delete(self, path: str) -> dict[str, Any]:
        return self._ok("DELETE", path)

    def _ok(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        status, content = self.ask(method, path, body)
        assert status == 200, content
        return content

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(params=["FakeEtcd", "dev server"])
def remote(request: pytest.FixtureRequest) -> Iterator[Remote]:
    if request.param == "FakeEtcd":
        with FakeEtcd(control=True) as etcd:
            found = Remote(etcd.endpoint)
            yield found
            found.close()
    else:
        with background.serve(["--control"]) as url:
            found = Remote(url.removeprefix("http://"))
            yield found
            found.close()


@pytest.fixture
def channel(remote: Remote) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(remote.endpoint) as channel:
        yield channel


def values(remote: Remote) -> dict[str, Any]:
    return {kv["key"]: kv["value"] for kv in remote.get("/dump")["keys"]}


def test_health_tells_versions_revision_and_time(remote: Remote) -> None:
    remote.post("/clock/freeze")
    now = remote.get("/clock")["now"]
    expected = {"etcd": "3.7.3", "fake_etcd": __version__, "revision": 1, "now": now}
    assert remote.get("/health") == expected


def test_what_is_seeded_is_there_for_clients_and_in_the_dump(
    remote: Remote, channel: grpc.Channel
) -> None:
    remote.post("/clock/freeze")
    seed = {
        "a": "ä",
        "b": {"base64": "/w=="},
        "c": {"value": "1", "ttl": 30},
        "d": {"value": {"base64": "AP8="}, "ttl": 20},
    }
    assert remote.post("/seed", **seed)["revision"] == 5
    stub(channel, "KV/Put")(m.PutRequest(key=b"\xff", value=b"x"))
    answer = stub(channel, "KV/Range")(m.RangeRequest(key=b"b"))
    assert answer.kvs[0].value == b"\xff"
    remote.post("/clock/advance", seconds=4)
    dump = remote.get("/dump")
    ids = [lease.pop("id") for lease in dump["leases"]]
    leases = stub(channel, "Lease/LeaseLeases")(m.LeaseLeasesRequest()).leases
    assert ids == [str(lease.ID) for lease in leases]
    of_d, of_c = ids

    def key(name: object, value: object, revision: int, **more: object) -> dict[str, object]:
        revisions = {"create_revision": revision, "mod_revision": revision, "version": 1}
        return {"key": name, "value": value, **revisions, **more}

    assert dump == {
        "revision": 6,
        "keys": [
            key("a", "ä", 2),
            key("b", {"base64": "/w=="}, 3),
            key("c", "1", 4, lease=of_c),
            key("d", {"base64": "AP8="}, 5, lease=of_d),
            key({"base64": "/w=="}, "x", 6),
        ],
        "leases": [
            {"ttl": 20, "remaining": 16, "keys": ["d"]},
            {"ttl": 30, "remaining": 26, "keys": ["c"]},
        ],
    }


def test_reset_leaves_nothing_and_ends_streams(remote: Remote, channel: grpc.Channel) -> None:
    remote.post("/seed", a="1")
    remote.post("/clock/freeze")
    watch = stub(channel, "Watch/Watch")(
        iter([m.WatchRequest(create_request=m.WatchCreateRequest(key=b"a"))])
    )
    assert next(watch).created
    assert remote.post("/reset")["revision"] == 1
    assert not remote.get("/clock")["frozen"]
    assert remote.get("/dump") == {"revision": 1, "keys": [], "leases": []}
    with pytest.raises(grpc.RpcError) as caught:
        next(watch)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_time_that_is_moved_makes_leases_expire(remote: Remote, channel: grpc.Channel) -> None:
    began = remote.post("/clock/freeze")
    assert began == {"now": began["now"], "frozen": True}
    remote.post("/seed", a={"value": "1", "ttl": 30}, b={"value": "2", "ttl": 60})
    watch = stub(channel, "Watch/Watch")(
        iter([m.WatchRequest(create_request=m.WatchCreateRequest(key=b"a"))])
    )
    assert next(watch).created
    now = round(began["now"] + 29.5, 9)
    assert remote.post("/clock/advance", seconds=29.5) == {"now": now, "frozen": True}
    assert values(remote) == {"a": "1", "b": "2"}
    moved = remote.post("/clock/advance-to-next")
    assert 0.5 <= moved["advanced"] <= 1
    assert moved["now"] == pytest.approx(now + moved["advanced"], abs=1e-8)
    assert values(remote) == {"b": "2"}
    assert [event.type for event in next(watch).events] == [m.Event.DELETE]
    assert remote.post("/clock/real")["frozen"] is False
    assert remote.get("/clock")["now"] > moved["now"]


def test_snapshots_are_restored_and_forgotten(remote: Remote) -> None:
    remote.post("/clock/freeze")
    now = remote.get("/clock")["now"]
    first = remote.post("/snapshot")
    assert first == {"snapshot": 1, "revision": 1, "now": now}
    remote.post("/seed", a="1")
    remote.post("/clock/advance", seconds=5)
    later = round(now + 5, 9)
    assert remote.post("/snapshot") == {"snapshot": 2, "revision": 2, "now": later}
    listed = [{"snapshot": 1, "now": now}, {"snapshot": 2, "now": later}]
    assert remote.get("/snapshot") == {"snapshots": listed}
    remote.post("/seed", b="2")
    assert remote.post("/restore", snapshot=2) == {"revision": 2, "now": later}
    assert values(remote) == {"a": "1"}
    assert remote.post("/restore", snapshot=1) == {"revision": 1, "now": now}
    assert remote.get("/snapshot") == {"snapshots": listed[:1]}
    no_longer = {
        "error": "snapshot 2 is no longer valid: it was deleted, an older one was restored since, "
        "or all was reset; take another with POST /_fake/snapshot"
    }
    assert remote.ask("POST", "/restore", {"snapshot": 2}) == (409, no_longer)
    assert remote.delete("/snapshot?snapshot=1") == {"snapshots": []}
    assert remote.ask("DELETE", "/snapshot?snapshot=1")[0] == 409
    assert remote.post("/snapshot")["snapshot"] == 3
    remote.post("/reset")
    assert remote.get("/snapshot") == {"snapshots": []}
    assert remote.ask("POST", "/restore", {"snapshot": 3})[0] == 409


def test_snapshots_are_not_kept_without_end() -> None:
    with FakeEtcd(control=True) as etcd:
        control = Control(etcd)
        for _ in range(MOST_SNAPSHOTS):
            assert control.handle(HttpRequest("POST", "/_fake/snapshot")).status == 200
        answer = control.handle(HttpRequest("POST", "/_fake/snapshot"))
        assert (answer.status, json.loads(answer.body)) == (
            409,
            {
                "error": f"there are {MOST_SNAPSHOTS} snapshots; "
                "DELETE /_fake/snapshot?snapshot=ID those that are not needed any more"
            },
        )
        control.handle(HttpRequest("DELETE", "/_fake/snapshot?snapshot=7"))
        assert control.handle(HttpRequest("POST", "/_fake/snapshot")).status == 200


def test_history_has_the_calls_of_clients(remote: Remote, channel: grpc.Channel) -> None:
    remote.post("/clock/freeze")
    now = remote.get("/clock")["now"]
    lease = 2**62 + 1
    stub(channel, "Lease/LeaseGrant")(m.LeaseGrantRequest(ID=lease, TTL=60))
    stub(channel, "KV/Put")(m.PutRequest(key=b"a", value=b"\xff", lease=lease))
    with pytest.raises(grpc.RpcError):
        stub(channel, "KV/Put")(m.PutRequest(key=b"b", lease=3))
    sort = m.RangeRequest.DESCEND
    stub(channel, "KV/Range")(m.RangeRequest(key=b"a", sort_order=sort))
    history = remote.get("/history?method=Put")
    peers = {call.pop("peer").rpartition(":")[0] for call in history["calls"]}
    assert peers == {"127.0.0.1"}
    header = history["calls"][0]["answers"][0].pop("header")
    assert header["revision"] == "2"
    assert history == {
        "calls": [
            {
                "method": "KV/Put",
                "time": now,
                "status": {"code": "OK", "message": ""},
                "revision": 2,
                "requests": [{"key": "a", "value": {"base64": "/w=="}, "lease": str(lease)}],
                "answers": [{}],
            },
            {
                "method": "KV/Put",
                "time": now,
                "status": {
                    "code": "NOT_FOUND",
                    "message": "etcdserver: requested lease not found",
                },
                "revision": None,
                "requests": [{"key": "b", "lease": "3"}],
                "answers": [],
            },
        ],
        "forgotten": 0,
    }
    of_a = remote.get("/history?key=a")["calls"]
    assert [call["method"] for call in of_a] == ["KV/Put", "KV/Range"]
    assert of_a[1]["requests"] == [{"key": "a", "sort_order": "DESCEND"}]
    assert len(remote.get("/history")["calls"]) == 4
    assert remote.delete("/history") == {"calls": [], "forgotten": 0}


WRONG: dict[str, tuple[str, str, object, int, str]] = {
    "no such path": (
        "GET",
        "/nope",
        None,
        404,
        "there is no /_fake/nope; there are "
        + ", ".join(sorted({ROOT + operation.path for operation in OPERATIONS})),
    ),
    "a slash too many": (
        "GET",
        "/health/",
        None,
        404,
        "there is no /_fake/health/; there are "
        + ", ".join(sorted({ROOT + operation.path for operation in OPERATIONS})),
    ),
    "another method": ("GET", "/reset", None, 405, "/_fake/reset takes POST, not GET"),
    "two methods": ("PUT", "/history", None, 405, "/_fake/history takes GET, DELETE, not PUT"),
    "OPTIONS": ("OPTIONS", "/reset", None, 405, "/_fake/reset takes POST, not OPTIONS"),
    "no JSON": (
        "POST",
        "/clock/advance",
        b"seconds=1",
        400,
        "the body is no JSON: Expecting value: line 1 column 1 (char 0)",
    ),
    "no UTF-8": (
        "POST",
        "/seed",
        b'{"a": "\xff"}',
        400,
        "the body is no JSON: 'utf-8' codec can't decode byte 0xff in position 7: "
        "invalid start byte",
    ),
    "nested too deeply": (
        "POST",
        "/seed",
        b"[" * 1_000_000,
        400,
        "the body is no JSON: nested too deeply",
    ),
    "a name twice": (
        "POST",
        "/seed",
        b'{"a": "1", "a": "2"}',
        400,
        'the body is no JSON: "a" is there twice',
    ),
    "no number": (
        "POST",
        "/clock/advance",
        b'{"seconds": NaN}',
        400,
        "the body is no JSON: NaN is no number of JSON's",
    ),
    "no object": (
        "POST",
        "/clock/advance",
        [1],
        400,
        'the body is to be a JSON object: {"name": value}',
    ),
    "a field that there is not": (
        "POST",
        "/clock/advance",
        {"second": 1},
        400,
        'there is no field "second"; what is taken: "seconds", a number of seconds, 0 to 2^53: '
        "by how much",
    ),
    "a field where none is": (
        "POST",
        "/reset",
        {"a": 1},
        400,
        'there is no field "a"; nothing is to be given here',
    ),
    "a field that is missing": (
        "POST",
        "/clock/advance",
        None,
        400,
        '"seconds" is missing; what is taken: "seconds", a number of seconds, 0 to 2^53: '
        "by how much",
    ),
    "text for a number": (
        "POST",
        "/clock/advance",
        {"seconds": "1"},
        400,
        '"seconds" is a number of seconds, 0 to 2^53, not "1"',
    ),
    "a time that goes back": (
        "POST",
        "/clock/advance",
        {"seconds": -1},
        400,
        '"seconds" is a number of seconds, 0 to 2^53, not -1',
    ),
    "a switch for a number": (
        "POST",
        "/restore",
        {"snapshot": True},
        400,
        '"snapshot" is a whole number, 0 to 2^53, not true',
    ),
    "a clock that runs": (
        "POST",
        "/clock/advance",
        {"seconds": 1},
        409,
        "the clock runs by itself; POST /_fake/clock/freeze before",
    ),
    "a clock that runs to what is next": (
        "POST",
        "/clock/advance-to-next",
        None,
        409,
        "the clock runs by itself; POST /_fake/clock/freeze before",
    ),
    "a snapshot that never was": (
        "POST",
        "/restore",
        {"snapshot": 7},
        404,
        "there never was a snapshot 7; POST /_fake/snapshot takes one",
    ),
    "a query with no number": (
        "DELETE",
        "/snapshot?snapshot=a",
        None,
        400,
        '"snapshot" is a whole number, 0 to 2^53, not "a"',
    ),
    "a query that says it twice": (
        "DELETE",
        "/snapshot?snapshot=1&snapshot=2",
        None,
        400,
        '"snapshot" is in the query twice',
    ),
    "a body where a query is wanted": (
        "DELETE",
        "/snapshot",
        {"snapshot": 1},
        400,
        "DELETE takes no body; give it a query: ?name=value",
    ),
    "a query where a body is wanted": (
        "POST",
        "/restore?snapshot=1",
        {"snapshot": 1},
        400,
        "POST takes no query; give it a JSON object as its body",
    ),
    "a query and no body": (
        "POST",
        "/restore?snapshot=1",
        None,
        400,
        "POST takes no query; give it a JSON object as its body",
    ),
    "a seed that is not understood": (
        "POST",
        "/seed",
        {"a": 1},
        400,
        "seed: key 'a': the number 1; "
        'a value is text in quotes, {"base64": TEXT} or {"value": VALUE, "ttl": SECONDS}',
    ),
    "a seed that etcd refuses": (
        "POST",
        "/seed",
        {"a": {"value": "1", "ttl": 9_000_000_001}},
        400,
        "etcd refuses this, and what follows it: etcdserver: too large lease TTL",
    ),
    "a method that etcd has not": (
        "GET",
        "/history?method=Putt",
        None,
        400,
        "etcd has no method 'Putt'; 'Put' is one",
    ),
}


@pytest.fixture(scope="module")
def running() -> Iterator[Remote]:
    """One whose clock runs, and whose state nobody changes."""
    with FakeEtcd(control=True) as etcd:
        found = Remote(etcd.endpoint)
        yield found
        found.close()


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_and_said(name: str, running: Remote) -> None:
    method, path, body, status, message = WRONG[name]
    assert running.ask(method, path, body) == (status, {"error": message})
    assert running.get("/dump") == {"revision": 1, "keys": [], "leases": []}


def test_nothing_is_due_where_there_is_nothing(remote: Remote) -> None:
    remote.post("/clock/freeze")
    assert remote.ask("POST", "/clock/advance-to-next") == (
        409,
        {
            "error": "nothing is due, no lease, progress notice or deadline; "
            "POST /_fake/clock/advance moves the clock all the same"
        },
    )


def test_a_body_is_as_large_as_the_limit_and_no_larger(remote: Remote) -> None:
    body = b'{"a": "1"}'
    assert remote.ask("POST", "/seed", body + b" " * (MAX_BODY_BYTES - len(body)))[0] == 200
    assert remote.ask("POST", "/seed", body + b" " * (MAX_BODY_BYTES + 1 - len(body))) == (
        413,
        {"error": f"the body is larger than {MAX_BODY_BYTES} bytes; send it in parts"},
    )
    assert values(remote) == {"a": "1"}


def test_who_may_do_nothing_is_not_read_from() -> None:
    with FakeEtcd(control=True) as etcd:
        control = Control(etcd, "secret")
        mine = (("Authorization", "Bearer secret"),)
        assert control.body_limit(HttpRequest("POST", "/_fake/seed")) == 0
        assert control.body_limit(HttpRequest("POST", "/_fake/seed", mine)) == MAX_BODY_BYTES
        assert control.body_limit(HttpRequest("POST", "/version", mine)) == 0


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer secre"}, {"Authorization": "secret"}]
)
def test_without_its_token_nothing_is_done(headers: dict[str, str]) -> None:
    with FakeEtcd(control=True, control_token="secret") as etcd:
        etcd.store.put("a", "1")
        remote = Remote(etcd.endpoint)
        error = "send the header Authorization: Bearer TOKEN, with the token of --control-token"
        assert remote.ask("POST", "/reset", **headers) == (401, {"error": error})
        assert remote.ask("GET", "/nope", **headers) == (401, {"error": error})
        remote.close()
        assert etcd.store.dump() == {"a": "1"}


def test_with_its_token_all_is_done() -> None:
    with background.serve(["--control", "--control-token=secret"]) as url:
        remote = Remote(url.removeprefix("http://"), "secret")
        remote.post("/seed", a="1")
        assert values(remote) == {"a": "1"}
        assert remote.ask("POST", "/reset", Origin="http://example.com")[0] == 200
        remote.close()


def test_a_web_page_may_do_nothing(running: Remote) -> None:
    assert running.ask("POST", "/reset", Origin="http://example.com") == (
        403,
        {"error": "a web page may not do this; set --control-token and send it"},
    )


def raw(endpoint: str, method: str, path: str) -> tuple[int, list[tuple[str, str]], bytes]:
    connection = http.client.HTTPConnection(endpoint, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    headers = [header for header in answer.getheaders() if header[0] != "Date"]
    found = answer.status, headers, answer.read()
    connection.close()
    return found


@pytest.mark.parametrize("path", ["/health", "/version", "/nope", "/_fakes", "//_fake", "/%5Ffake"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_etcds_own_paths_answer_as_ever(path: str, method: str, running: Remote) -> None:
    with FakeEtcd() as etcd:
        assert raw(running.endpoint, method, path) == raw(etcd.endpoint, method, path)


def test_without_control_there_is_nothing_of_it() -> None:
    with FakeEtcd() as etcd, background.serve() as url:
        for endpoint in (etcd.endpoint, url.removeprefix("http://")):
            answer = raw(endpoint, "GET", "/_fake/health")
            assert answer == raw(endpoint, "GET", "/nope")
            assert answer[0] == 404


def test_a_reset_through_one_endpoint_brings_up_the_other() -> None:
    with FakeEtcd(endpoints=2, control=True) as etcd:
        endpoints = etcd.endpoints
        etcd.take_down(1)
        remote = Remote(endpoints[0])
        remote.post("/reset")
        remote.close()
        assert etcd.endpoints == endpoints
        with grpc.insecure_channel(endpoints[1]) as channel:
            put = stub(channel, "KV/Put")
            assert put(m.PutRequest(key=b"a"), wait_for_ready=True, timeout=10).header.revision == 2


def test_every_address_serves_it() -> None:
    with FakeEtcd(endpoints=2, control=True) as etcd:
        endpoints = etcd.endpoints
        third = etcd.listen("http://127.0.0.1:0").removeprefix("http://")
        assert etcd.endpoints == endpoints
        for number, endpoint in enumerate([*endpoints, third]):
            remote = Remote(endpoint)
            assert remote.post("/seed", a="1")["revision"] == 2 + number
            remote.close()


def test_what_is_advertised_stays_so_after_a_reset() -> None:
    with FakeEtcd() as etcd:
        etcd.advertise(["http://a:1"])
        assert etcd.node.config.advertise_client_urls == ("http://a:1",)
        etcd.reset()
        assert etcd.node.config.advertise_client_urls == ("http://a:1",)


def test_alarms_are_raised_and_taken_away(remote: Remote, channel: grpc.Channel) -> None:
    put, status = stub(channel, "KV/Put"), stub(channel, "Maintenance/Status")
    own = str(status(m.StatusRequest()).leader)
    raised = [{"alarm": "NOSPACE", "member": own}]
    quota = 2 * 1024**3
    assert remote.get("/alarms") == {"alarms": [], "quota": quota}
    assert remote.post("/alarms", alarm="NOSPACE") == {"alarms": raised, "quota": quota}
    with pytest.raises(grpc.RpcError) as refused:
        put(m.PutRequest(key=b"a"))
    assert refused.value.details() == errors.NO_SPACE.message
    last = str(2**64 - 1)
    raised += [{"alarm": "CORRUPT", "member": last}]
    assert remote.post("/alarms", alarm="CORRUPT", member=last)["alarms"] == raised
    assert list(status(m.StatusRequest()).errors) == [
        f"memberID:{own} alarm:NOSPACE",
        f"memberID:{last} alarm:CORRUPT",
    ]
    assert remote.delete("/alarms?alarm=CORRUPT")["alarms"] == raised[:1]
    assert remote.delete("/alarms") == {"alarms": [], "quota": quota}
    assert put(m.PutRequest(key=b"a")).header.revision == 2


def test_a_lower_quota_lets_the_next_put_raise_the_alarm(
    remote: Remote, channel: grpc.Channel
) -> None:
    put, status = stub(channel, "KV/Put"), stub(channel, "Maintenance/Status")
    before = remote.post("/snapshot")["snapshot"]
    assert remote.post("/quota", bytes=1) == {"alarms": [], "quota": 1}
    with pytest.raises(grpc.RpcError) as refused:
        put(m.PutRequest(key=b"a"))
    assert refused.value.details() == errors.NO_SPACE.message
    own = status(m.StatusRequest())
    assert own.dbSizeQuota == 1
    raised = [{"alarm": "NOSPACE", "member": str(own.leader)}]
    assert remote.post("/quota", bytes=-1) == {"alarms": raised, "quota": -1}
    assert remote.delete("/alarms") == {"alarms": [], "quota": -1}
    assert put(m.PutRequest(key=b"a")).header.revision == 2
    remote.post("/restore", snapshot=before)
    assert remote.get("/alarms") == {"alarms": [], "quota": 2 * 1024**3}
    remote.post("/quota", bytes=1)
    remote.post("/reset")
    assert remote.get("/alarms") == {"alarms": [], "quota": 2 * 1024**3}


@pytest.mark.parametrize("member", ["", "-1", "1a", str(2**64), "9" * 5_000, "\N{SUPERSCRIPT TWO}"])
def test_an_alarm_is_of_a_member(member: str, remote: Remote) -> None:
    error = f'"member" is an id of a member, a number below 2^64 as text, not {member!r}'
    body = {"alarm": "CORRUPT", "member": member}
    assert remote.ask("POST", "/alarms", body) == (400, {"error": error})


def test_there_are_two_alarms(remote: Remote) -> None:
    refused = 400, {"error": "'NONE' is no alarm: there are NOSPACE and CORRUPT"}
    assert remote.ask("POST", "/alarms", {"alarm": "NONE"}) == refused
    assert remote.ask("DELETE", "/alarms?alarm=NONE") == refused


def test_an_alarm_of_another_kind_is_shown_by_its_number(
    remote: Remote, channel: grpc.Channel
) -> None:
    request = m.AlarmRequest(action=m.AlarmRequest.ACTIVATE, memberID=5)
    request.MergeFromString(b"\x18\x07")
    stub(channel, "Maintenance/Alarm")(request)
    assert remote.get("/alarms")["alarms"] == [{"alarm": "7", "member": "5"}]


def test_calls_are_timed_by_the_clock_of_the_test() -> None:
    with background.serve(["--control", "--metrics=extensive"]) as url:
        endpoint = url.removeprefix("http://")
        remote = Remote(endpoint)
        name = 'grpc_server_handling_seconds_{}{{grpc_method="Put",grpc_service="etcdserverpb.KV",'
        count, total = name.format("count"), name.format("sum")
        for calls in (1, 1):  # a reset begins anew, and goes on timing
            remote.post("/reset")
            remote.post("/clock/freeze")
            with grpc.insecure_channel(endpoint) as channel:
                stub(channel, "KV/Put")(m.PutRequest(key=b"a"))
            page = raw(endpoint, "GET", "/metrics")[2].decode()
            found = {line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in page.split("\n")}
            assert found[count + 'grpc_type="unary"}'] == f"{calls}.0"
            assert found[total + 'grpc_type="unary"}'] == "0.0"
        remote.close()


bodies = st.one_of(
    st.none(),
    st.binary(max_size=50),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    st.dictionaries(
        st.sampled_from(["seconds", "snapshot", "a"]),
        st.integers() | st.floats() | st.text() | st.booleans(),
    ).map(lambda value: json.dumps(value).encode()),
)
queries = st.one_of(
    st.just(""),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#")).map(
        "?{}".format
    ),
    st.sampled_from(["?snapshot=1", "?snapshot=" + "9" * 5_000, "?method=Put", "?key=%ff"]),
)


@pytest.fixture(scope="module")
def frozen() -> Iterator[Control]:
    with FakeEtcd(control=True) as etcd:
        etcd.clock.freeze()
        yield Control(etcd)


@given(
    operation=st.sampled_from([one for one in OPERATIONS if one.path not in ("/clock/real")]),
    query=queries,
    body=bodies,
)
def test_whatever_is_asked_is_answered(
    operation: Any, query: str, body: bytes | None, frozen: Control
) -> None:
    request = HttpRequest(operation.method, f"{ROOT}{operation.path}{query}", (), body)
    answer = frozen.handle(request)
    content = json.loads(answer.body)
    if answer.status == 200:
        assert "error" not in content
    else:
        assert answer.status in (400, 404, 409, 413)
        assert list(content) == ["error"]
        assert content["error"]
